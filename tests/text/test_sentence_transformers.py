"""Vectors are those of sentence-transformers, whatever a folder asks for."""

import json
import shutil

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense as TheirDense
from sentence_transformers.base.modules import Normalize as TheirNormalize
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer.modules import Pooling as TheirPooling
from tiny_models import TEXTS, plain

from kgrec.errors import ConfigError
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


def test_prompts_of_queries_and_documents(tmp_path):
    prompts = {"query": "query : ", "document": "passage : "}
    folder, model = theirs(tmp_path, prompts=prompts)
    check_prompts(folder, model, tmp_path)


@pytest.mark.parametrize("pooling", ["mean", "cls", "weightedmean", "lasttoken"])
def test_prompts_that_are_not_pooled(tmp_path, pooling):
    prompts = {"query": "represent a movie for retrieval : ", "document": "passage : "}
    folder, model = theirs(tmp_path, pooling=pooling, prompts=prompts, include_prompt=False)
    check_prompts(folder, model, tmp_path)


def check_prompts(folder, model, tmp_path):
    documents = model.encode_document(TEXTS, normalize_embeddings=True)
    queries = model.encode_query(TEXTS, normalize_embeddings=True)
    assert abs(documents - queries).max() > 0.01
    module = TextModule.load(folder)
    module.save(tmp_path / "saved")
    for place in (folder, tmp_path / "saved"):
        agree(ours(place).encode(TEXTS), documents)
        agree(np.concatenate([ours(place).encode_query(text) for text in TEXTS]), queries)
    agree(module(module.tokenize(TEXTS)).detach().numpy(), documents)
    tokens = module.tokenize(TEXTS, query=True)
    agree(module(tokens, query=True).detach().numpy(), queries)
    again = SentenceTransformer(str(tmp_path / "saved"), device="cpu", local_files_only=True)
    agree(again.encode_query(TEXTS, normalize_embeddings=True), queries)


def test_prompts_of_ones_own(tmp_path):
    folder, model = theirs(tmp_path, prompts=PROMPTS)
    wanted = model.encode(TEXTS, prompt="movie : ", normalize_embeddings=True)
    own = ours(folder, document_prompt="movie : ")
    agree(own.encode(TEXTS), wanted)
    agree(
        own.encode_query(TEXTS[0]),
        model.encode(TEXTS[:1], prompt="query : ", normalize_embeddings=True),
    )
    none = ours(folder, query_prompt="", document_prompt="")
    agree(none.encode(TEXTS), model.encode(TEXTS, prompt="", normalize_embeddings=True))
    agree(ours(folder).encode(TEXTS), model.encode(TEXTS, prompt="passage : ",
                                                   normalize_embeddings=True))  # fmt: skip
    assert len({x.fingerprint for x in (own, none, ours(folder))}) == 3


def test_lower_case_is_kept(tmp_path):
    folder, _ = theirs(tmp_path, lower_case=True)
    path = folder / "sentence_bert_config.json"
    path.write_text(json.dumps({"max_seq_length": 7, "do_lower_case": True}))
    module = TextModule.load(folder)
    assert [row.tolist() for row in module.tokenize(["A THIEF"])] == [
        row.tolist() for row in module.tokenize(["a thief"])
    ]
    assert module.max_length == ours(folder).max_length == 7
    module.save(tmp_path / "saved")
    agree(ours(tmp_path / "saved").encode(["A THIEF"]), ours(folder).encode(["a thief"]))
    agree(ours(folder).encode_query("A THIEF"), ours(folder).encode(["a thief"]))


def test_an_inner_folder_of_the_language_model_is_found(tmp_path):
    folder, model = theirs(tmp_path, pooling="cls")
    inner = folder / "0_Transformer"
    inner.mkdir()
    for path in folder.iterdir():
        if path.is_file() and path.name not in (
            "modules.json", "config_sentence_transformers.json"
        ):  # fmt: skip
            shutil.move(path, inner / path.name)
    modules = json.loads((folder / "modules.json").read_text())
    modules[0]["path"] = "0_Transformer"
    (folder / "modules.json").write_text(json.dumps(modules))
    agree(ours(folder).encode(TEXTS), model.encode(TEXTS, normalize_embeddings=True))


def change(path, **changed):
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))


@pytest.mark.parametrize(
    ("name", "changed", "said"),
    [
        ("1_Pooling/config.json", {"pooling_mode": "attention"}, "unknown pooling 'attention'"),
        ("1_Pooling/config.json", {"embedding_dimension": 17}, "hidden states of 16 numbers"),
        (
            "2_Dense/config.json",
            {"activation_function": "torch.nn.Softplus"},
            "does not compute the",
        ),
        ("2_Dense/config.json", {"activation_function": "own.Tanh"}, "does not compute the"),
        ("2_Dense/config.json", {"in_features": 15}, "expected in_features 16"),
        ("2_Dense/config.json", {"out_features": 9}, "expected the tensors"),
        ("2_Dense/config.json", {"module_input_name": "token_embeddings"}, "module_input_name"),
        ("config.json", {"auto_map": {"AutoModel": "own.Model"}}, "code of its own"),
        ("sentence_bert_config.json", {"query_expansion": {"a": 1}}, "query_expansion"),
        ("sentence_bert_config.json", {"max_seq_length": "many"}, "number of tokens"),
        ("config_sentence_transformers.json", {"model_type": "SparseEncoder"}, "SparseEncoder"),
        ("config_sentence_transformers.json", {"default_prompt_name": "x"}, "no prompts of that"),
        ("config_sentence_transformers.json", {"prompts": [1]}, "mapping of names"),
    ],
)
def test_what_cannot_be_honoured_is_refused(tmp_path, name, changed, said):
    folder, _ = theirs(tmp_path, dense=[(7, torch.nn.Tanh(), {})])
    change(folder / name, **changed)
    for use in (lambda: TextModule.load(folder), lambda: ours(folder).encode_query("a")):
        with pytest.raises(ConfigError, match=said) as found:
            use()
        assert str(found.value).isprintable()


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ({"type": "own.Attention", "path": "2_Dense"}, "code of the model's own"),
        ({"type": "sentence_transformers.models.CNN", "path": "2_Dense"}, "Pooling, CNN"),
        ({"type": "sentence_transformers.models.Dense", "path": "../../x"}, "not inside"),
        ({"type": "sentence_transformers.models.Dense", "path": "gone"}, "config.json is missing"),
        ({"type": "sentence_transformers.models.Dense"}, "list of modules"),
    ],
)
def test_other_modules_are_refused(tmp_path, module, said):
    folder, _ = theirs(tmp_path, dense=[(7, torch.nn.Tanh(), {})])
    modules = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(json.dumps([*modules[:2], module]))
    with pytest.raises(ConfigError, match=said):
        ours(folder).encode(["a"])


def test_pickled_dense_weights_and_adapters_are_refused(tmp_path):
    folder, _ = theirs(tmp_path, dense=[(7, torch.nn.Tanh(), {})])
    (folder / "2_Dense" / "model.safetensors").rename(folder / "2_Dense" / "pytorch_model.bin")
    with pytest.raises(ConfigError, match=r"holds no model\.safetensors"):
        ours(folder).encode(["a"])
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(ConfigError, match="Merge both"):
        ours(folder).encode(["a"])
