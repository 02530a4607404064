"""A query is encoded without PyTorch, with the numbers of PyTorch."""

import json
import shutil

import numpy as np
import pytest

from kgrec.text.encoder import TextEncoder
from kgrec.text.model_files import find_model
from kgrec.text.numpy_bert import NumpyBert

TEXTS = ["a dry heist comedy", "", "Ünïcode 東京 and \ud800 too", "word " * 400, "x" * 3000]


@pytest.fixture(scope="module")
def encoder():
    return TextEncoder(precision="float32", device="cpu")


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_the_vector_is_that_of_the_language_model(encoder, text):
    found = encoder.encode_query(text)
    assert found.shape == (1, encoder.dim)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, encoder.encode([text]), atol=2e-6)


def test_length_and_normalisation_are_those_of_the_encoder():
    encoder = TextEncoder(max_length=5, precision="float32", device="cpu", normalize=False)
    text = "one two three four five six seven"
    np.testing.assert_allclose(encoder.encode_query(text), encoder.encode([text]), atol=1e-5)


def test_an_encoder_of_ones_own_is_asked_itself():
    class Own(TextEncoder):
        def encode(self, texts, *, progress=False):
            return np.full((len(texts), 3), 7.0, dtype=np.float32)

    assert Own().encode_query("x").tolist() == [[7.0, 7.0, 7.0]]


@pytest.mark.parametrize("key", ["hidden_act", "model_type", "num_hidden_layers"])
def test_another_kind_of_model_is_left_to_transformers(tmp_path, key):
    folder = tmp_path / "model"
    shutil.copytree(find_model().folder, folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config[key] = {"hidden_act": "relu", "model_type": "mpnet", "num_hidden_layers": 7}[key]
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert NumpyBert.load(find_model(folder), 64, find_model(folder).layout) is None
