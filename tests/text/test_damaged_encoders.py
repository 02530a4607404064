"""A folder whose files are not of one model gives no vectors, and says what does not fit."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from kgrec.errors import ConfigError
from kgrec.text import TextEncoder


def weights(folder, change):
    path = folder / "model.safetensors"
    save_file(change(load_file(path)), path, metadata={"format": "pt"})


def settings(folder, **changed):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))


def refusal(folder):
    with pytest.raises(ConfigError) as found:
        TextEncoder(folder, device="cpu").encode(["dragons and kings"])
    assert str(found.value).isprintable()
    return str(found.value)


def test_weights_of_another_model_are_named(small_model, capfd):
    embeddings = "embeddings.word_embeddings.weight"
    weights(small_model, lambda old: {"x": old[embeddings]})
    found = refusal(small_model)
    assert "no weights for 37 of the tensors" in found
    assert "embeddings.LayerNorm.bias, embeddings.LayerNorm.weight" in found
    assert "They have x instead." in found
    assert capfd.readouterr() == ("", "")  # nothing of transformers is printed


@pytest.mark.parametrize("part", ["encoder.layer.1.", "embeddings.position_embeddings"])
def test_weights_of_a_part_are_missing(small_model, part):
    weights(small_model, lambda old: {k: v for k, v in old.items() if not k.startswith(part)})
    assert f": {part}" in refusal(small_model)


def test_a_pooler_is_not_needed(small_model):
    before = TextEncoder(small_model, device="cpu").encode(["dragons"])
    weights(small_model, lambda old: {k: v for k, v in old.items() if "pooler" not in k})
    after = TextEncoder(small_model, device="cpu").encode(["dragons"])
    np.testing.assert_array_equal(before, after)


def test_weights_that_are_no_numbers(small_model):
    name = "encoder.layer.0.output.dense.weight"
    weights(small_model, lambda old: old | {name: np.full_like(old[name], np.nan)})
    assert f"not numbers, in {name}" in refusal(small_model)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"num_hidden_layers": 10**9}, "asks for 1000000000 layers"),
        ({"hidden_size": 48_000}, "parameters, and the weights beside it have 39 tensors"),
        ({"vocab_size": 10**9}, "parameters, and the weights beside it have 39 tensors"),
        ({"max_position_embeddings": 10**9}, "parameters, and the weights beside it"),
        ({"intermediate_size": 10**12}, "parameters, and the weights beside it"),
        ({"num_hidden_layers": 3}, r"encoder.layer.2."),
        ({"num_hidden_layers": "many"}, "small"),
        ({"hidden_size": 24}, "small"),
        ({"model_type": "no_such\x1b[2J"}, "small"),
        ({"hidden_size": -1}, "small"),
    ],
)
def test_a_config_of_another_model(small_model, changed, message):
    settings(small_model, **changed)
    assert message in refusal(small_model)


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000, '{"version": "1.0"}', ""])
@pytest.mark.parametrize("name", ["tokenizer.json", "config.json", "tokenizer_config.json"])
def test_a_json_file_that_is_damaged(small_model, name, text):
    (small_model / name).write_text(text)
    if (name, text) == ("tokenizer_config.json", '{"version": "1.0"}'):
        return  # it may lack everything
    assert "small" in refusal(small_model)


def test_a_tokenizer_with_more_tokens_than_the_model(small_model):
    keep = "embeddings.word_embeddings.weight"
    weights(small_model, lambda old: old | {keep: old[keep][:20_000].copy()})
    settings(small_model, vocab_size=20_000)
    assert "the tokenizer has 30,522 tokens, and the model has vectors for 20,000" in refusal(
        small_model
    )


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "vocab.txt", "merges.txt"])
def test_what_is_no_file(small_model, odd_kind, put_odd, name):
    if odd_kind == "folder" and name == "merges.txt":
        pytest.skip("a folder that no model has is not opened")
    put_odd(small_model / name)
    assert f"{name} cannot be read" in refusal(small_model)


def test_weights_that_are_no_file(small_model, odd_kind, put_odd):
    put_odd(small_model / "model.safetensors")
    assert f"model.safetensors cannot be read: it is a {odd_kind}" in refusal(small_model)
