"""Vectors are those of sentence-transformers, whatever a folder asks for."""

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense as TheirDense
from sentence_transformers.base.modules import Normalize as TheirNormalize
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer.modules import Pooling as TheirPooling
from tiny_models import TEXTS, plain

from kgrec.text import TextEncoder
from kgrec.text.module import TextModule

POOLINGS = ["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]
PROMPTS = {"query": "query : ", "passage": "passage : "}


def theirs(tmp_path, kind="bert", pooling="mean", dense=(), normalize=False, **given):
    """Make a model with sentence-transformers, save it, and return what reads it anew."""
    made = {key: given.pop(key) for key in ("prompts", "default_prompt_name") if key in given}
    include_prompt = given.pop("include_prompt", True)
    transformer = Transformer(str(plain(tmp_path / "plain", kind, **given)))
    width = 16 * (1 if isinstance(pooling, str) else len(pooling))
    modules = [transformer, TheirPooling(16, pooling, include_prompt)]
    torch.manual_seed(1)
    for outputs, activation, options in dense:
        modules.append(TheirDense(width, outputs, activation_function=activation, **options))
        width = outputs
    modules += [TheirNormalize()] if normalize else []
    folder = tmp_path / "theirs"
    SentenceTransformer(modules=modules, device="cpu", **made).save(str(folder))
    return folder, SentenceTransformer(str(folder), device="cpu", local_files_only=True)


def ours(folder, **given):
    return TextEncoder(folder, precision="float32", device="cpu", **given)


def agree(found, wanted):
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, atol=2e-5)


def check(folder, model, tmp_path):
    """Compare documents, queries and raw vectors, and the same after saving."""
    unit = model.encode(TEXTS, normalize_embeddings=True)
    agree(ours(folder).encode(TEXTS), unit)
    for text, vector in zip(TEXTS, unit, strict=True):
        agree(ours(folder).encode_query(text)[0], vector)
    assert ours(folder).dim == unit.shape[1]
    module = TextModule.load(folder)
    raw = module(module.tokenize(TEXTS), normalize=False).detach().numpy()
    if not module.unit_length:
        agree(raw, model.encode(TEXTS))
    module.save(tmp_path / "saved")
    again = SentenceTransformer(str(tmp_path / "saved"), device="cpu", local_files_only=True)
    agree(again.encode(TEXTS), model.encode(TEXTS))
    agree(ours(tmp_path / "saved").encode(TEXTS), unit)
    return module


@pytest.mark.parametrize("pooling", [*POOLINGS, ("cls", "mean"), ("lasttoken", "max", "mean")])
def test_pooling(tmp_path, pooling):
    folder, model = theirs(tmp_path, pooling=pooling)
    check(folder, model, tmp_path)


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize(
    ("kind", "pooling"),
    [("qwen3", "lasttoken"), ("qwen3", "weightedmean"), ("gpt2", "lasttoken"), ("t5", "mean"),
     ("roberta", "cls"), ("distilbert", "mean")],
)  # fmt: skip
def test_families_with_padding_on_either_side(tmp_path, kind, pooling, left):
    folder, model = theirs(tmp_path, kind, pooling, left=left, max_length=20)
    if left and kind in ("gpt2", "distilbert"):  # padding moves their places: one text by one
        wanted = np.concatenate([model.encode([text]) for text in TEXTS])
        unit = wanted / np.linalg.norm(wanted, axis=1, keepdims=True)
        agree(ours(folder).encode(TEXTS), unit)
        return
    check(folder, model, tmp_path)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize(
    "dense",
    [
        [(7, torch.nn.Tanh(), {})],
        [(24, torch.nn.Identity(), {"bias": False})],
        [(16, torch.nn.ReLU(), {}), (5, torch.nn.GELU(), {})],
        [(16, torch.nn.SiLU(), {"use_residual": True})],
        [(9, torch.nn.Sigmoid(), {"use_residual": True})],
    ],
)
def test_dense_layers(tmp_path, dense, normalize):
    folder, model = theirs(tmp_path, pooling="cls", dense=dense, normalize=normalize)
    module = check(folder, model, tmp_path)
    assert module.dim == dense[-1][0]
    assert list(module.parameter_groups())[-1] == "dense"
