import json

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer, BertConfig, DistilBertConfig, ModernBertConfig

from kgrec.errors import ConfigError, RunError
from kgrec.text import TextEncoder
from kgrec.text.module import TextModule

TEXTS = ["A retired thief plans one last bank robbery.", "", "drama", "a longer film title " * 30]
FROM_CONFIG = {
    "bert": BertConfig(
        vocab_size=50, hidden_size=12, num_hidden_layers=3, num_attention_heads=2,
        intermediate_size=20, max_position_embeddings=9,
    ),
    "distilbert": DistilBertConfig(
        vocab_size=50, dim=12, n_layers=3, n_heads=2, hidden_dim=20, max_position_embeddings=9
    ),
    "modernbert": ModernBertConfig(
        vocab_size=50, hidden_size=12, num_hidden_layers=3, num_attention_heads=2,
        intermediate_size=20, pad_token_id=0, bos_token_id=1, eos_token_id=2, cls_token_id=1,
        sep_token_id=2,
    ),
}  # fmt: skip


def test_the_encoders_float32_vectors_are_the_modules_own(small_model):
    module = TextModule.load(small_model)
    encoder = TextEncoder(small_model, precision="float32", device="cpu")
    tokens = module.tokenize(TEXTS)
    assert [len(row) for row in tokens] == [11, 2, 3, 40]
    for text, row in zip(TEXTS, tokens, strict=True):
        np.testing.assert_array_equal(encoder.encode([text])[0], module([row]).detach()[0].numpy())
    together = module(tokens).detach().numpy()
    assert (together.shape, module.dim) == ((4, 48), 48)
    np.testing.assert_allclose(together, encoder.encode(TEXTS), atol=1e-6)
    raw = module(tokens, normalize=False).detach().numpy()
    np.testing.assert_allclose(
        raw / np.linalg.norm(raw, axis=1, keepdims=True), together, atol=1e-6
    )


def test_gradients_are_the_slope_of_the_vectors(small_model):
    module = TextModule.load(small_model).double()
    tokens = module.tokenize(TEXTS)
    wanted = torch.randn(4, 48, generator=torch.Generator().manual_seed(0))
    (module(tokens) * wanted).sum().backward()
    weights = dict(module.named_parameters())
    unused = {name for name, weight in weights.items() if weight.grad is None}
    assert unused == {"model.pooler.dense.weight", "model.pooler.dense.bias"}
    for name in ("model.embeddings.LayerNorm.weight", "model.encoder.layer.0.output.dense.weight"):
        weight, step = weights[name], 1e-4
        direction = weight.grad / weight.grad.norm()
        losses = []
        with torch.no_grad():
            for sign in (1, -2):
                weight += sign * step * direction
                losses.append(float((module(tokens, normalize=True) * wanted).sum()))
            weight += step * direction
        slope = (losses[0] - losses[1]) / (2 * step)
        assert slope == pytest.approx(float(weight.grad.norm()), rel=0.02)


def test_training_brings_together_what_is_said_to_be_alike(small_model):
    module = TextModule.load(small_model)
    tokens = module.tokenize(["space ships", "rockets", "cooking at home"])

    def loss():
        first, second, other = module(tokens)
        return first @ other - first @ second

    before = loss().item()
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    for _ in range(15):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    assert loss().item() < before - 0.5


@pytest.mark.parametrize("kind", FROM_CONFIG)
def test_parameter_groups_go_from_the_embeddings_up_and_have_each_parameter_once(kind):
    model = AutoModel.from_config(FROM_CONFIG[kind])
    groups = TextModule(model, None, 9).parameter_groups()
    assert list(groups)[:4] == ["embeddings", "layer 0", "layer 1", "layer 2"]
    named = [pair for group in groups.values() for pair in group.items()]
    every = dict(TextModule(model, None, 9).named_parameters())
    assert sorted(name for name, _ in named) == sorted(every)
    assert all(parameter is every[name] for name, parameter in named)
    layers = {"bert": "encoder.layer", "distilbert": "transformer.layer", "modernbert": "layers"}
    assert all(name.startswith(f"model.{layers[kind]}.1.") for name in groups["layer 1"])
    assert all(name.startswith("model.embeddings.") for name in groups["embeddings"])
    assert {name.split(".")[1] for name in groups.get("rest", {})} == {
        "bert": {"pooler"}, "distilbert": set(), "modernbert": {"final_norm"}
    }[kind]  # fmt: skip


def test_a_saved_module_is_a_folder_that_encoder_and_transformers_read(small_model, tmp_path):
    module = TextModule.load(small_model, max_length=8)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.02 * torch.randn(
                parameter.shape, generator=torch.Generator().manual_seed(1)
            )
    tokens = module.tokenize(TEXTS)
    wanted = module(tokens).detach().numpy()
    folder = tmp_path / "deep" / "tuned"
    module.save(folder)
    TextModule.load(folder).save(tmp_path / "again")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again", "deep", "small"]
    parts = ["", "", *[".json"] * 6, ".safetensors"]  # folders of the pooling and of the scaling
    assert sorted(path.suffix for path in folder.iterdir()) == parts
    encoder = TextEncoder(folder, precision="float32", device="cpu")
    assert encoder.max_length == 8
    np.testing.assert_array_equal(encoder.encode(TEXTS)[3], module(tokens[3:]).detach()[0].numpy())
    np.testing.assert_allclose(encoder.encode(TEXTS), wanted, atol=1e-6)
    again = TextModule.load(folder)
    assert [row.tolist() for row in again.tokenize(TEXTS)] == [row.tolist() for row in tokens]
    np.testing.assert_array_equal(again(tokens).detach().numpy(), wanted)
    others = [TextEncoder(path).fingerprint for path in (tmp_path / "again", small_model)]
    assert encoder.files.tokenizer_sha256 == TextEncoder(tmp_path / "again").files.tokenizer_sha256
    assert TextEncoder(folder).fingerprint == others[0] != others[1]
    found = AutoTokenizer.from_pretrained(folder)(TEXTS[0], truncation=True, return_tensors="pt")
    hidden = AutoModel.from_pretrained(folder)(**found).last_hidden_state[0].mean(0).detach()
    np.testing.assert_allclose((hidden / hidden.norm()).numpy(), wanted[0], atol=1e-6)


def test_saving_over_something_else_is_refused_and_leaves_it(small_model, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("kept")
    module = TextModule.load(small_model)
    with pytest.raises(RunError, match=r"mine exists already"):
        module.save(tmp_path / "mine")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "small"]
    assert (tmp_path / "mine" / "notes.txt").read_text() == "kept"
    with pytest.raises(RunError, match=r"below cannot be written"):
        module.save(tmp_path / "mine" / "notes.txt" / "below")
    (tmp_path / "empty").mkdir()
    module.save(tmp_path / "empty")
    assert json.loads((tmp_path / "empty" / "config.json").read_text())["hidden_size"] == 48


def test_too_short_a_length_says_so(small_model):
    with pytest.raises(ConfigError, match="at least 3 tokens, found 2"):
        TextModule.load(small_model, max_length=2)


def test_a_dense_layer_begins_as_the_identity_and_is_trained_saved_and_read(small_model, tmp_path):
    before = TextModule.load(small_model)
    tokens = before.tokenize(TEXTS)
    same, short = before.with_dense(), before.with_dense(5)
    np.testing.assert_array_equal(same(tokens).detach(), before(tokens).detach())
    raw = before(tokens, normalize=False).detach()
    np.testing.assert_array_equal(short(tokens, normalize=False).detach(), raw[:, :5])
    weight = np.random.default_rng(0).normal(size=(7, 48)).astype(np.float32)
    module = before.with_dense(weight=weight, bias=True, activation="tanh")
    assert (module.dim, before.dim, len(before.steps)) == (7, 48, 0)
    wanted = torch.tanh(raw @ torch.from_numpy(weight).T)
    np.testing.assert_allclose(module(tokens, normalize=False).detach(), wanted, atol=1e-5)
    groups = module.parameter_groups()
    assert list(groups["dense"]) == ["steps.0.linear.weight", "steps.0.linear.bias"]
    assert (
        groups["dense"]["steps.0.linear.bias"]
        is dict(module.named_parameters())["steps.0.linear.bias"]
    )
    module(tokens, normalize=False).sum().backward()
    assert all(parameter.grad is not None for parameter in groups["dense"].values())
    with torch.no_grad():
        groups["dense"]["steps.0.linear.bias"] += torch.arange(7.0)
    module.save(tmp_path / "saved")
    encoder = TextEncoder(tmp_path / "saved", precision="float32", device="cpu")
    assert encoder.dim == 7
    np.testing.assert_allclose(encoder.encode(TEXTS), module(tokens).detach(), atol=1e-6)
    assert encoder.fingerprint != TextEncoder(small_model, precision="float32").fingerprint


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"weight": np.zeros((3, 4), np.float32)}, r"expected the shape \(3, 48\), found \(3, 4\)"),
        ({"dim": 0}, "at least 1, found 0"),
        ({"activation": "tanhh"}, "Did you mean 'tanh'"),
    ],
)
def test_a_dense_layer_that_does_not_fit_says_so(small_model, given, said):
    with pytest.raises(ConfigError, match=said):
        TextModule.load(small_model).with_dense(**given)
