"""Changed texts, two passes and moved embeddings: what they do, and what they leave alone."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from tiny_bert import WORDS, topic_texts, write_tiny_bert

from kgrec.engine.peers import ALONE
from kgrec.errors import ConfigError
from kgrec.settings import make_settings
from kgrec.text.model_files import find_model
from kgrec.text.tuning.augmenting import AugmentConfig, augmented_text, augmented_tokens
from kgrec.text.tuning.robust import Adversary, apart
from kgrec.text.tuning.settings import InteractionsConfig, TextTuning
from kgrec.text.tuning.tasks.interactions import Choices, InteractionsTask
from kgrec.text.tuning.tower import Tower

TEXT = "Heat. Genres: Action, Crime. Lead actor: De Niro. A thief retires. Year: 1995. It is long."
TEXTS = topic_texts(9)[0]


def _many(config, count=300):
    random = np.random.default_rng(0)
    return [augmented_text(TEXT, config, random) for _ in range(count)]


def test_attributes_and_sentences_are_left_out_by_their_own_shares():
    found = _many(AugmentConfig(attributes=0.5, sentences=0.2), 600)
    assert all(one.startswith("Heat.") for one in found)
    for part, share in (("Genres: Action, Crime.", 0.5), ("Year: 1995.", 0.5),
                        ("A thief retires.", 0.8), ("It is long.", 0.8)):  # fmt: skip
        assert np.mean([part in one for one in found]) == pytest.approx(share, abs=0.08)


def test_attributes_and_their_values_are_shuffled_and_nothing_is_lost():
    found = _many(AugmentConfig(shuffle=True))
    assert len(set(found)) == 3 * 2 * 2
    for one in set(found):
        assert sorted(one.replace(",", "").replace(".", "").split()) == sorted(
            TEXT.replace(",", "").replace(".", "").split()
        )
        assert one.index("A thief retires.") < one.index("It is long.")


def test_without_settings_a_text_stays_as_it_is():
    for text in (TEXT, "", "Heat", "no. Full: stop"):
        assert augmented_text(text, AugmentConfig(), np.random.default_rng(0)) == text


def test_tokens_are_left_out_but_not_special_ones():
    ids, special = np.array([2, *range(5, 25), 3]), np.array([0, 1, 2, 3, 4])
    random, lengths = np.random.default_rng(0), []
    for _ in range(300):
        short = augmented_tokens(ids, AugmentConfig(tokens=0.3), special, random)
        assert (short[0], short[-1]) == (2, 3)
        assert (np.diff(short[1:-1]) > 0).all()
        lengths.append(len(short) - 2)
    assert np.mean(lengths) == pytest.approx(14, abs=0.5)
    few = augmented_tokens(np.array([2, 9, 3]), AugmentConfig(tokens=0.99), special, random)
    assert few.tolist() == [2, 9, 3]


@pytest.fixture
def tower(tmp_path):
    def make(**settings):
        made = make_settings(TextTuning, {"precision": "float32", **settings}, "test")
        return Tower(find_model(write_tiny_bert(tmp_path / "m")), made, tmp_path / "cache")

    return make


@pytest.mark.parametrize("regime", ["full", {"name": "top_layers", "n": 1}])
def test_texts_are_changed_in_training_alone(tower, regime):
    found = tower(regime=regime, dropout=0.0, augment={"tokens": 0.5})
    corpus, rows = found.corpus(TEXTS), np.arange(len(TEXTS))
    plain = found.vectors(corpus)
    found.train()
    with torch.no_grad():
        changed = found(corpus, rows).numpy()
    assert np.abs(changed - plain).max() > 1e-3
    np.testing.assert_array_equal(found.vectors(corpus), plain)


def test_two_passes_are_compared_by_their_vectors():
    first = [torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([[3.0, 4.0]])]
    second = [torch.tensor([[0.0, 1.0], [0.0, 1.0]]), torch.tensor([[4.0, 3.0]])]
    assert apart(first, second).item() == pytest.approx((1 + 0 + (1 - 24 / 25)) / 3, abs=1e-6)
    assert apart([], []) is None


def test_calls_are_recorded_only_when_asked(tower):
    found = tower(regime="full")
    corpus = found.corpus(TEXTS)
    with found.recorded() as vectors:
        one = found(corpus, np.array([1, 2]))
    found(corpus, np.array([3]))
    assert len(vectors) == 1
    assert vectors[0] is one


@pytest.mark.parametrize("regime", ["full", {"name": "lora", "r": 2}])
def test_embeddings_move_along_their_gradient_and_come_back(tower, regime):
    found = tower(regime=regime, dropout=0.0)
    weight = found.module.model.get_input_embeddings().weight
    before, trained = weight.detach().clone(), weight.requires_grad
    corpus, rows = found.corpus(TEXTS), np.arange(len(TEXTS))
    wanted = torch.randn(len(TEXTS), 32, generator=torch.Generator().manual_seed(1))

    def loss():
        return (found(corpus, rows) * wanted).sum()

    earlier = torch.ones_like(weight) if trained else None
    weight.grad = None if earlier is None else earlier.clone()
    with Adversary(weight, 0.01) as adversary:
        first = loss()
        first.backward()
        grad = weight.grad.clone()
        assert adversary.move()
        torch.testing.assert_close(weight - before, 0.01 * grad / grad.norm(), atol=1e-6, rtol=1e-3)
        assert loss() > first  # it is worse there
    assert torch.equal(weight, before)
    assert weight.requires_grad == trained
    if trained:
        torch.testing.assert_close(weight.grad, earlier + grad)
    else:
        assert weight.grad is None
    with Adversary(weight, 0.01) as adversary:
        assert not adversary.move()


def test_settings_that_do_nothing_are_errors(tower):
    for settings in ({"regime": "frozen", "projection": 8}, {"regime": "full", "dropout": 0.0}):
        with pytest.raises(ConfigError, match="different dropout, and there is none"):
            tower(r_drop=1.0, **settings)
    with pytest.raises(ConfigError, match="adversarial moves the word embeddings"):
        tower(adversarial=1.0)
    assert len(WORDS) == 34


def test_a_second_pass_through_moved_embeddings_is_not_kept(tower):
    """The vectors of the last pass are those of the words as they are."""
    made = tower(regime="full", dropout=0.0)
    liked = csr_matrix((np.random.default_rng(0).random((12, len(TEXTS))) < 0.6).astype(np.float32))
    ranked = np.zeros(len(TEXTS), dtype=bool)
    task = InteractionsTask(
        InteractionsConfig(targets="interactions", batch_items=4),
        Choices(TEXTS, liked, ranked, None, None),
    )
    task.prepare(made)
    batch, other = task.batches(np.random.default_rng(0))[:2]
    start = task.state()["bank"]
    task.loss(made, batch)
    task.end_step(ALONE)
    expected = task.state()["bank"]
    task.load_state({"bank": start})
    task.loss(made, batch)
    weight = made.module.model.get_input_embeddings().weight
    with torch.no_grad():
        weight += torch.linspace(-0.5, 0.5, weight.shape[1])
    task.loss(made, batch)
    task.end_step(ALONE)
    assert torch.equal(task.state()["bank"], expected)
    task.loss(made, other)  # the first pass of the next step is kept
    task.end_step(ALONE)
    assert not torch.equal(task.state()["bank"], expected)
