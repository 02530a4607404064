"""What encoding texts and training an encoder need: counted naively, said before, or refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_bert import write_tiny_bert

from kgrec.errors import DataError
from kgrec.runs import needs, text_needs
from kgrec.runs.log import RunLog
from kgrec.runs.text_needs import of_encoding, of_tuning, saying_needs
from kgrec.text import EmbeddingCache, TextEncoder, encode_cached
from kgrec.text.encoder import CPU_TOKENS
from kgrec.text.model_files import find_model
from kgrec.text.tuning.loop import Tuner
from kgrec.text.tuning.regimes import FrozenConfig, FullConfig, LoraConfig, TopLayersConfig
from kgrec.text.tuning.settings import TextTuning
from kgrec.text.tuning.tasks.attributes import AttributesTask
from kgrec.text.tuning.tasks.base import Task
from kgrec.text.tuning.tasks.interactions import ChoiceBatch, InteractionsTask
from kgrec.text.tuning.tasks.masked import MlmTask, TextBatch
from kgrec.text.tuning.tasks.pair_texts import PairTextsTask
from kgrec.text.tuning.tasks.pairs import PairBatch, PairsTask
from kgrec.text.tuning.tower import Tower
from kgrec.training.end_to_end import EndToEndTask, LinkBatch

GIB = 1 << 30
RESULTS = Path(__file__).parents[2] / "experiments" / "results" / "slopes.json"


class Alien:
    """An encoder of somebody else."""

    dim = 3
    fingerprint = "a" * 64

    def __init__(self):
        self.encoded = []

    def encode(self, texts, *, progress=False):
        self.encoded.extend(texts)
        if callable(progress):
            progress(len(texts), len(texts))
        return np.ones((len(texts), 3), dtype=np.float32)


class Short(Task):
    """A task that encodes five texts in a step, and two in the last."""

    name, weight, metric = "short", 1.0, "none"

    def prepare(self, tower, progress=False):
        pass

    def batches(self, random):
        return [np.arange(5), np.arange(5), np.arange(2)]

    def num_texts(self, batch):
        return len(batch)

    def loss(self, tower, batch):
        raise NotImplementedError

    def metrics(self, tower, progress=False):
        return {}

    def identity(self):
        return ""


@pytest.fixture
def free(monkeypatch):
    def set_to(size):
        monkeypatch.setattr(needs, "available_memory", lambda: size)

    return set_to


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return write_tiny_bert(tmp_path_factory.mktemp("needs") / "tiny")


def numbers_of_layers(folder):
    from safetensors.numpy import load_file

    tensors = load_file(folder / "model.safetensors")
    every = sum(value.size for value in tensors.values())
    words = next(v for k, v in tensors.items() if k.endswith("word_embeddings.weight"))
    return every, every - words.size


def test_texts_count_by_their_tokens_and_the_weights_of_the_layers(tiny):
    encoder = TextEncoder(tiny, device="cpu", precision="float32", max_length=12)
    every, layers = numbers_of_layers(tiny)
    texts = ["a" * 20, "b" * 4000, ""]  # 7 tokens, 12 after the cut, 2
    found = of_encoding(encoder, texts)
    threads = torch.get_num_threads()
    slope = text_needs.SECONDS_A_WEIGHT["float32"]
    assert found.seconds == pytest.approx(slope * 21 * layers / threads)
    batch = 4 * threads * 10 * encoder.files.hidden_dim * CPU_TOKENS
    assert found.memory == 8 * encoder.dim * 3 + 4 * every + batch
    assert found.what == "Encoding 3 texts"
    assert found.is_small


def test_much_text_names_the_precision_and_its_time(tiny, monkeypatch):
    monkeypatch.setitem(text_needs.SECONDS_A_WEIGHT, "float32", 1.0)
    encoder = TextEncoder(tiny, device="cpu", precision="bfloat16")
    found = of_encoding(encoder, ["word " * 100])
    assert found.what == f"Encoding 1 texts in bfloat16, with {torch.get_num_threads()} threads,"
    _, layers = numbers_of_layers(tiny)
    tokens = min(2 + 500 / 4.0, encoder.max_length)
    assert found.seconds == pytest.approx(int(tokens) * layers / torch.get_num_threads())


def test_of_an_encoder_of_somebody_else_only_the_vectors_are_known():
    found = of_encoding(Alien(), ["a", "b"])
    assert (found.memory, found.seconds) == (8 * 3 * 2, None)


def test_texts_are_told_before_they_are_encoded_and_stored_ones_are_not(
    tmp_path, free, monkeypatch
):
    free(100 * GIB)
    monkeypatch.setattr(needs, "_TOLD_BYTES", 0)
    log, done, cache = RunLog(), [], EmbeddingCache(tmp_path)
    progress = saying_needs(log.say, lambda *counts: done.append(counts))
    encode_cached(Alien(), ["a", "b", "a"], cache, progress=progress)
    assert log.lines == ["Encoding 2 texts needs about 0.0 GiB of memory."]
    assert done[-1] == (2, 2)
    encode_cached(Alien(), ["a", "b", "c"], cache, progress=progress)
    assert log.lines[1:] == ["Encoding 1 texts needs about 0.0 GiB of memory."]
    encode_cached(Alien(), ["a", "b"], cache, progress=progress)
    encode_cached(Alien(), [], None, progress=progress)
    assert len(log.lines) == 2
    encode_cached(Alien(), ["b", "b", "d"], None, progress=saying_needs(log.say, False))
    assert log.lines[2:] == ["Encoding 2 texts needs about 0.0 GiB of memory."]


def test_texts_whose_vectors_do_not_fit_are_refused_before_any_is_encoded(free):
    free(GIB)
    alien = Alien()
    alien.dim = 1 << 29
    with pytest.raises(
        DataError, match=r"Encoding 1 texts needs about 4\.0 GiB .* 1\.0 GiB are free\. .*entities"
    ):
        encode_cached(alien, ["a"], None, progress=saying_needs(RunLog().say, False))
    assert alien.encoded == []


def tuner_of(folder, tmp_path, regime, **settings):
    given = {"precision": "float32", "epochs": 9, "patience": 2, "eval_every": 2, **settings}
    made = TextTuning(regime=regime, **given)
    tower = Tower(find_model(str(folder)), made, tmp_path / "cache", device="cpu")
    return Tuner(tower, [Short()], made, 0)


def naive_bytes(tuner, states):
    """Weights; of trained ones the gradient, two moments, the best, and copies of three."""
    every = sum(value.numel() for value in tuner.tower.module.parameters())
    trained = sum(value.numel() for value in tuner.tower.trained.values())
    return 4 * every + 4 * trained * (1 + 2 + 1 + 3) + text_needs.BYTES_A_STATE * states


def test_a_training_counts_weights_gradients_moments_and_states(tiny, tmp_path):
    texts = ["one two three", "", "one two three"]
    full = tuner_of(tiny, tmp_path, FullConfig())
    lora = tuner_of(tiny, tmp_path, LoraConfig(r=2))
    frozen = tuner_of(tiny, tmp_path, FrozenConfig(), projection=4)
    config = full.tower.module.model.config
    tokens = float(full.tower.read([texts[0]]).lengths[0])
    states = 5 * tokens * config.hidden_size * config.num_hidden_layers
    for tuner, part in ((full, 1.0), (lora, 1.0), (frozen, 0.0)):
        assert (tuner.texts_per_epoch, tuner.most_texts, tuner.num_steps) == (12, 5, 27)
        told = of_tuning(tuner, "tiny", texts)
        assert told.memory == pytest.approx(naive_bytes(tuner, states * part), abs=8)
        assert told.is_small
    assert of_tuning(full, "tiny", texts).memory > of_tuning(lora, "tiny", texts).memory
    assert (
        of_tuning(full, "tiny", texts).what
        == "Tuning tiny (full) with 27 steps, 4 or more of 9 epochs of 12 texts,"
    )


def test_the_seconds_are_those_of_the_epochs_that_are_certain(tiny, tmp_path):
    texts = ["one two three"] * 7
    full = tuner_of(tiny, tmp_path, FullConfig())
    top = tuner_of(tiny, tmp_path, TopLayersConfig(n=1))
    frozen = tuner_of(tiny, tmp_path, FrozenConfig(), projection=4)
    config = full.tower.module.model.config
    tokens = float(full.tower.read(texts[:1]).lengths[0])
    slope = text_needs.SECONDS_A_WEIGHT["float32"] / torch.get_num_threads()
    weights = full.tower.num_parameters - config.vocab_size * config.hidden_size
    passes = text_needs.BACKWARD * 4 * 12 + 7 * 3  # of 4 epochs; read at 0, 2 and 4
    told = of_tuning(full, "tiny", texts)
    assert told.seconds == pytest.approx(slope * weights * tokens * passes)
    share = 1 / config.num_hidden_layers
    assert of_tuning(top, "tiny", texts).seconds == pytest.approx(told.seconds * share)
    assert of_tuning(frozen, "tiny", texts).seconds == 0.0
    short = tuner_of(tiny, tmp_path, FullConfig(), epochs=2)
    assert "2 or more of 2 epochs" in of_tuning(short, "tiny", texts).what


def test_checkpointing_keeps_one_layer_and_not_all(tiny, tmp_path):
    texts = ["one two three"]
    usual = tuner_of(tiny, tmp_path, FullConfig())
    checkpointed = tuner_of(tiny, tmp_path, FullConfig(), gradient_checkpointing=True)
    config = usual.tower.module.model.config
    assert config.num_hidden_layers > 1
    tokens = float(usual.tower.read(texts).lengths[0])
    more = 5 * tokens * config.hidden_size * (config.num_hidden_layers - 1)
    apart = of_tuning(usual, "x", texts).memory - of_tuning(checkpointed, "x", texts).memory
    assert apart == pytest.approx(text_needs.BYTES_A_STATE * more, abs=8)


@pytest.mark.parametrize(
    ("task", "batch", "count"),
    [
        (InteractionsTask, ChoiceBatch(np.arange(3), np.arange(9), np.arange(4)), 3),
        (EndToEndTask, LinkBatch(np.arange(3), np.arange(9)), 3),
        (PairsTask, PairBatch(np.arange(5), np.arange(5), 0), 10),
        (MlmTask, TextBatch(np.arange(7), 0), 7),
        (PairTextsTask, np.arange(4), 8),
        (AttributesTask, np.arange(4), 4),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_each_task_knows_the_texts_of_a_batch(task, batch, count):
    assert task.num_texts(task.__new__(task), batch) == count


def test_the_slopes_are_those_that_were_measured():
    stages = json.loads(RESULTS.read_text())["stages"]
    for one in stages["encoding"]:
        precision = one["size"][0]
        assert 0.5 < text_needs.SECONDS_A_WEIGHT[precision] / one["slope"] < 2, one
        assert 0.5 < text_needs.CHARACTERS_A_TOKEN / one["characters_a_token"] < 2
    for one in stages["tuning"]:
        regime, precision, _ = one["size"]
        told = text_needs.SECONDS_A_WEIGHT[precision] * text_needs.BACKWARD
        assert 0.4 < told / one["slope"] < 2.5, one
        if regime != "top_layers":  # of two layers, states are little beside Adam's moments
            told = text_needs.BYTES_A_STATE * one["states"]
            assert 0.3 < told / one["bytes_of_states"] < 3, one
