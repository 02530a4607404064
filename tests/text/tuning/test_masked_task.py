"""The task `masked`: what is hidden, what is counted, and that words of a topic are learnt."""

import math

import numpy as np
import pytest
import torch
from tiny_bert import WORDS, topic_texts, write_tiny_bert
from tiny_models import plain
from torch.nn import functional as F

from kgrec.errors import ConfigError, DataError
from kgrec.settings import make_settings
from kgrec.text.model_files import find_model
from kgrec.text.tuning.loop import Tuner
from kgrec.text.tuning.settings import TextTuning
from kgrec.text.tuning.tasks.masked import TextBatch, masked_task
from kgrec.text.tuning.tower import Tower

TEXTS = topic_texts(150)[0]
MASK, SPECIAL = WORDS.index("[MASK]"), {0, 1, 2, 3, 4}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_tiny_bert(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture
def tuner(model, tmp_path):
    def make(kind="mlm", *, texts=TEXTS, file=None, folder=model, **more):
        task = {"name": "masked", "kind": kind, "batch_size": 16, **more.pop("task", {})}
        settings = {
            "regime": "full", "precision": "float32", "epochs": 4, "learning_rate": 3e-3,
            "projection_rate": 3e-3, "tasks": [task], "token_budget": 64, **more,
        }  # fmt: skip
        made = make_settings(TextTuning, settings, "test")
        tower = Tower(find_model(folder), made, tmp_path / "cache")
        path = None if file is None else tmp_path / file
        return Tuner(tower, [masked_task(made.tasks[0], texts, tower, 0)], made, 0, path)

    return make


@pytest.mark.parametrize("kind", ["mlm", "tsdae"])
def test_perplexity_falls_and_the_first_task_chooses_the_lowest(tuner, kind):
    found = tuner(kind, epochs=6)
    progress = found.run()
    values = [one["perplexity"] for one in progress.curve]
    assert values[0] > 15  # 34 words, of which it knows nothing
    assert progress.best == min(values)
    assert progress.best < 0.8 * values[0]
    assert found.tasks[0].metrics(found.tower)["perplexity"] == pytest.approx(progress.best)


@pytest.mark.parametrize("kind", ["mlm", "tsdae"])
def test_a_resumed_training_gives_the_same_bits(tuner, kind):
    more = {"regime": {"name": "lora", "r": 2}, "epochs": 2, "task": {"texts_per_epoch": 40}}
    whole = tuner(kind, file="whole", **more)
    progress = whole.run()

    def stop(done, total):
        if done > total * 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tuner(kind, file="stopped", **more).run(steps=stop)
    resumed = tuner(kind, file="stopped", **more)
    resumed.resume()
    assert [one.get("loss") for one in resumed.run().curve] == [
        one.get("loss") for one in progress.curve
    ]
    for name, value in {**whole.tower.state(), **whole.heads()}.items():
        assert torch.equal({**resumed.tower.state(), **resumed.heads()}[name], value), name


def test_tokens_are_hidden_as_bert_hides_them(tuner):
    task = tuner(task={"share": 0.3}).tasks[0]
    ids = np.array([2, *np.arange(5, 25), 3])
    random, kinds = np.random.default_rng(0), []
    for _ in range(500):
        changed, places = task.hidden(ids, random)
        assert len(places) == len(set(places.tolist())) == 6
        assert ids[places].min() > 4  # no special token
        rest = np.delete(np.arange(len(ids)), places)
        assert (changed[rest] == ids[rest]).all()
        kinds += np.where(
            changed[places] == MASK, 0, np.where(changed[places] == ids[places], 2, 1)
        ).tolist()
    shares = np.bincount(kinds) / len(kinds)
    np.testing.assert_allclose(shares, [0.8, 0.1, 0.1], atol=0.03)
    nothing, places = task.hidden(np.array([2, 3]), random)
    assert nothing.tolist() == [2, 3]
    assert len(places) == 0


def test_the_loss_of_hidden_tokens_is_counted_once_for_each(tuner):
    found = tuner(dropout=0.0)
    task, tower = found.tasks[0], found.tower
    task.prepare(tower)
    tower.train(False)
    rows = np.arange(7)
    random = np.random.default_rng(5)
    losses = []
    for row in rows:
        ids, places = task.hidden(task._tokens[row], random)
        state = tower.module.model(input_ids=torch.from_numpy(ids)[None]).last_hidden_state[0]
        head = task._head
        made = head.norm(F.gelu(head.dense(state[torch.from_numpy(places)])))
        logits = made @ tower.module.model.get_input_embeddings().weight.T + head.bias
        losses += [-torch.log_softmax(logits, 1)[n, task._tokens[row][p]].item()
                   for n, p in enumerate(places)]  # fmt: skip
    loss = task.loss(tower, TextBatch(rows, 5))
    assert loss.item() == pytest.approx(np.mean(losses), rel=1e-4)
    loss.backward()
    # The head is tied: the word embeddings get gradients from both sides.
    assert tower.trained["model.embeddings.word_embeddings.weight"].grad.abs().sum() > 0


def test_a_decoder_sees_earlier_tokens_and_the_vector_alone(tuner):
    found = tuner("tsdae")
    head, words = found.tasks[0]._head, found.tower.module.model.get_input_embeddings().weight
    vector = torch.randn(1, 32, generator=torch.Generator().manual_seed(0))
    ids = torch.tensor([[2, 9, 12, 30]])
    with torch.no_grad():
        logits = head(vector, ids, words)
        later = head(vector, torch.tensor([[2, 9, 17, 6]]), words)
        torch.testing.assert_close(later[:, :2], logits[:, :2])
        assert (later[:, 2] - logits[:, 2]).abs().max() > 1e-4
        assert (head(-vector, ids, words) - logits).abs().max() > 1e-4
    assert logits.shape == (1, 4, len(WORDS))


def test_deletion_leaves_something_and_all_special_tokens(tuner):
    task = tuner("tsdae", task={"share": 0.9}).tasks[0]
    random, lengths = np.random.default_rng(0), []
    ids = np.array([2, *np.arange(5, 25), 3])
    for _ in range(200):
        short = task.shortened(ids, random)
        assert (short[0], short[-1]) == (2, 3)
        inner = short[1:-1].tolist()
        assert inner == sorted(inner)
        assert inner
        lengths.append(len(inner))
    assert np.mean(lengths) == pytest.approx(0.1 * 20, abs=0.4)


def test_texts_are_held_out_by_their_digests_and_used_once(tuner):
    task = tuner(texts=[*TEXTS, *TEXTS[:40], ""]).tasks[0]
    assert len(task._train) + len(task._valid) == len(set(TEXTS))
    assert 0.03 < len(task._valid) / len(set(TEXTS)) < 0.2
    again = tuner(texts=TEXTS[::-1]).tasks[0]
    assert again.identity() == task.identity()
    np.testing.assert_array_equal(again._valid, task._valid)
    rows = np.concatenate([one.rows for one in task.batches(np.random.default_rng(0))])
    assert sorted(rows) == task._train.tolist()


def test_a_loss_of_no_token_is_zero(tuner):
    found = tuner(texts=["a", "b", "of"], task={"valid": 1e-9})
    found.tasks[0].prepare(found.tower)
    found.tasks[0]._tokens = [np.array([2, 3])] * 3
    loss = found.tasks[0].loss(found.tower, TextBatch(np.arange(3), 0))
    loss.backward()
    assert loss.item() == 0.0
    assert found.tasks[0].metrics(found.tower) == {}
    assert not math.isnan(loss.item())


def test_what_cannot_be_learnt_says_so(tuner, tmp_path):
    with pytest.raises(DataError, match="needs texts"):
        tuner(texts=["", ""])
    with pytest.raises(ConfigError, match="regime `frozen` trains none"):
        tuner(regime="frozen", projection=8)
    folder = plain(tmp_path / "bert")  # its tokenizer has no token for the mask
    with pytest.raises(ConfigError, match="needs a model with a token for the mask"):
        tuner(folder=folder)
    assert tuner("tsdae", folder=folder, epochs=1).run().best > 1
