"""What regimes add to a model: how much, when, and how it is kept."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tiny_bert import topic_texts, write_tiny_bert
from tiny_models import plain
from torch.nn import functional as F

from kgrec.errors import ConfigError
from kgrec.settings import make_settings
from kgrec.text import TextEncoder
from kgrec.text.added import CHILD, FILE, Bottleneck
from kgrec.text.model_files import find_model
from kgrec.text.module import TextModule
from kgrec.text.tuning.settings import TextTuning
from kgrec.text.tuning.tower import Tower

TEXTS = topic_texts(11)[0]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_tiny_bert(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture
def tower(model, tmp_path):
    def make(regime, folder=model, **more):
        settings = {"regime": regime, "precision": "float32", "dropout": 0.0, **more}
        made = make_settings(TextTuning, settings, "test")
        return Tower(find_model(folder), made, tmp_path / "cache")

    return make


def _count(tower):
    return sum(value.numel() for value in tower.trained.values())


@pytest.mark.parametrize(
    ("regime", "expected"),
    [
        # Three layers of width 32, 48 inside of the feed-forward parts, two heads.
        ("ia3", 3 * (32 + 32 + 48)),
        ({"name": "adapter", "dim": 5}, 3 * 2 * (2 * 32 * 5 + 5 + 32)),
        ({"name": "adapter", "dim": 5, "places": "feed_forward"}, 3 * (2 * 32 * 5 + 5 + 32)),
        ({"name": "prefix", "length": 7}, 3 * 2 * 7 * 32),
        ({"name": "adalora", "init_r": 3, "r": 2, "targets": ["query"]}, 3 * 3 * (32 + 32 + 1)),
    ],
)
def test_a_regime_trains_as_many_numbers_as_it_says(tower, regime, expected):
    found = tower(regime)
    assert _count(found) == expected
    depths = {name: found.depths()[name] for name in found.trained}
    assert set(depths.values()) == {0, 1, 2}
    last = [name for name, depth in depths.items() if depth == 0]
    assert last
    assert all(".2." in name for name in last)


def test_a_prefix_is_seen_by_attention_and_moves_no_positions(tmp_path, tower):
    found = tower({"name": "prefix", "length": 4}, write_tiny_bert(tmp_path / "one", layers=1))
    bert = found._module.model
    with torch.no_grad():
        for value in found.trained.values():
            value.normal_(generator=torch.Generator().manual_seed(1))
    ids = torch.tensor([[2, 20, 9, 3], [2, 14, 3, 0]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])
    keys, values = getattr(bert, CHILD).layers["0"].keys, getattr(bert, CHILD).layers["0"].values
    layer = bert.encoder.layer[0]
    with torch.no_grad():
        states = bert(input_ids=ids, attention_mask=mask).last_hidden_state
        for row in range(2):
            length = int(mask[row].sum())
            x = bert.embeddings(ids[row : row + 1, :length])[0]
            own = layer.attention.self
            heads = []
            for head in range(2):
                part = slice(16 * head, 16 * (head + 1))
                k = torch.cat([keys[head], own.key(x)[:, part]])
                v = torch.cat([values[head], own.value(x)[:, part]])
                heads.append(torch.softmax(own.query(x)[:, part] @ k.T / 4.0, dim=1) @ v)
            y = layer.attention.output(torch.cat(heads, dim=1), x)
            wanted = layer.output(layer.intermediate(y), y)
            torch.testing.assert_close(states[row, :length], wanted, atol=1e-5, rtol=1e-4)


def test_a_prefix_is_the_same_with_eager_attention(tower):
    found = tower({"name": "prefix", "length": 4})
    corpus = found.corpus(TEXTS)
    fast = found.vectors(corpus)
    found._module.model.set_attn_implementation("eager")
    np.testing.assert_allclose(found.vectors(corpus), fast, atol=1e-5)


def test_a_bottleneck_adds_what_it_computes():
    part = Bottleneck(6, 2, "relu")
    x = torch.randn(3, 6, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(part.hook(part, (), x), x, atol=0, rtol=0)
    with torch.no_grad():
        part.up.weight.fill_(0.5)
        part.up.bias.fill_(1.0)
        inside = (x @ part.down.weight.T).clamp_min(0)
        torch.testing.assert_close(
            part.hook(part, (), x), x + 0.5 * inside.sum(1, keepdim=True) + 1.0
        )


def test_adapters_are_after_both_parts_of_each_layer(tower):
    found = tower({"name": "adapter", "dim": 3})
    names = {
        name.removeprefix(f"model.{CHILD}.layers.").rsplit(".", 2)[0] for name in found.trained
    }
    assert names == {
        f"{place}.{part}"
        for place in range(3)
        for part in ("attention_output", "feed_forward_output")
    }
    layer = found._module.model.encoder.layer[1]
    with torch.no_grad():
        found.trained[f"model.{CHILD}.layers.1.attention_output.up.bias"].fill_(2.0)
        x = torch.randn(1, 4, 48 - 16, generator=torch.Generator().manual_seed(0))
        plainly = F.linear(
            x, layer.attention.output.dense.weight, layer.attention.output.dense.bias
        )
        torch.testing.assert_close(layer.attention.output.dense(x), plainly + 2.0)


def test_ranks_fall_to_the_mean_that_is_asked(tower):
    regime = {"name": "adalora", "init_r": 4, "r": 2, "every": 1, "warmup": 0.2, "final": 0.3}
    found = tower(regime)
    found.plan(10)
    corpus, left = found.corpus(TEXTS), []
    adam = torch.optim.SGD(found.trained.values(), lr=0.5)
    wanted = torch.randn(len(TEXTS), 32, generator=torch.Generator().manual_seed(3))
    for step in range(1, 11):
        (found(corpus, np.arange(len(TEXTS))) * wanted).sum().backward()
        adam.step()
        found.after_step(step)
        adam.zero_grad()
        sizes = [int(v.count_nonzero()) for n, v in found.trained.items() if "lora_E" in n]
        left.append(sum(sizes))
    modules = 3 * 6
    assert left[:2] == [4 * modules] * 2  # the first fifth
    # Between, cubic: 2 + 2 (1 - t)³ for each module.
    between = [int(2 * modules + 2 * modules * (1 - t / 5) ** 3) for t in range(1, 6)]
    assert left[2:7] == between
    assert left[7:] == [2 * modules] * 3
    assert len(set(sizes)) > 1  # not the same for each


def test_the_penalty_keeps_directions_orthogonal(tower):
    found = tower({"name": "adalora", "init_r": 3, "r": 2, "orthogonality": 0.25})
    distances = []
    for name, value in found.trained.items():
        if "lora_A" in name or "lora_B" in name:
            rows = value.detach().numpy()
            rows = rows if "lora_A" in name else rows.T
            distances.append(np.linalg.norm(rows @ rows.T - np.eye(3)))
    assert found.penalty().item() == pytest.approx(0.25 * np.mean(distances), rel=1e-5)
    assert tower("lora").penalty() is None


def test_too_few_steps_for_ranks_are_an_error(tower):
    with pytest.raises(ConfigError, match=r"at least 4 steps .* the training has 3"):
        tower("adalora").plan(3)
    with pytest.raises(ConfigError, match="init_r must be above r"):
        tower({"name": "adalora", "init_r": 4, "r": 4})
    with pytest.raises(ConfigError, match="together must be below 1"):
        tower({"name": "adalora", "warmup": 0.5, "final": 0.5})


@pytest.fixture(params=["adapter", "prefix"])
def saved(request, tower, tmp_path):
    found = tower(request.param)
    with torch.no_grad():
        for value in found.trained.values():
            value += 2.0 * torch.randn(value.shape, generator=torch.Generator().manual_seed(2))
    found.save(tmp_path / "saved")
    return request.param, tmp_path / "saved"


def test_what_cannot_be_merged_is_beside_plain_weights(saved, model):
    _, folder = saved
    before, after = load_file(model / "model.safetensors"), load_file(folder / "model.safetensors")
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], value) for name, value in after.items())
    ours = TextEncoder(folder, precision="float32", device="cpu")
    plainly = TextEncoder(model, precision="float32", device="cpu")
    assert np.abs(ours.encode(TEXTS) - plainly.encode(TEXTS)).max() > 0.01
    assert ours.fingerprint != plainly.fingerprint
    with safe_open(folder / FILE, framework="pt") as file:
        assert "Other libraries do not read it" in json.loads(file.metadata()["about"])["note"]


def test_queries_and_quick_precisions_use_it_too(saved):
    _, folder = saved
    exact = TextEncoder(folder, precision="float32", device="cpu")
    query = exact.encode_query(TEXTS[3])
    np.testing.assert_allclose(query, exact.encode([TEXTS[3]]), atol=1e-5)
    rounded = TextEncoder(folder, precision="bfloat16", device="cpu")
    assert ((rounded.encode(TEXTS) * exact.encode(TEXTS)).sum(1) > 0.99).all()
    with pytest.raises(ConfigError, match="int8"):
        TextEncoder(folder, precision="int8", device="cpu").encode(TEXTS)


def test_copies_of_a_module_share_it(saved):
    _, folder = saved
    module = TextModule.load(folder)
    tokens = module.tokenize(TEXTS)
    with torch.no_grad():
        expected = module(tokens)
        torch.testing.assert_close(module.with_dense(32)(tokens), expected)
        torch.testing.assert_close(module.with_prompts("a ")(tokens), expected)


def test_a_file_that_is_missing_or_of_another_model_is_refused(saved, model, tmp_path):
    kind, folder = saved
    path = folder / FILE
    good = path.read_bytes()
    path.unlink()
    with pytest.raises(ConfigError, match="is missing: the model beside it was trained with it"):
        TextModule.load(folder)
    path.write_bytes(good[:-8])
    with pytest.raises(ConfigError, match="damaged"):
        TextModule.load(folder)
    with safe_open_of(good, tmp_path) as file:
        about = json.loads(file.metadata()["about"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118

    def write(settings, tensors):
        path.unlink()
        save_file(tensors, path, metadata={"about": json.dumps({**about, "settings": settings})})

    size = "dim" if kind == "adapter" else "length"
    huge = {**about["settings"], size: 4000}
    write(huge, tensors)
    with pytest.raises(ConfigError, match="settings are not those of its tensors"):
        TextModule.load(folder)
    write({"name": "lora"}, tensors)
    with pytest.raises(ConfigError):
        TextModule.load(folder)
    first = next(iter(tensors))
    write(about["settings"], {k: v for k, v in tensors.items() if k != first})
    with pytest.raises(ConfigError, match=r"another model|not those of its tensors"):
        TextModule.load(folder)
    write(about["settings"], {**tensors, first: tensors[first] * float("nan")})
    with pytest.raises(ConfigError, match="not numbers"):
        TextModule.load(folder)
    (folder / "config.json").write_bytes((model / "config.json").read_bytes())
    with pytest.raises(ConfigError, match=r"another model than the config\.json"):
        TextModule.load(folder)


def safe_open_of(data, folder):
    (folder / "copy.safetensors").write_bytes(data)
    return safe_open(folder / "copy.safetensors", framework="pt")


def test_it_is_not_added_twice(saved, tower):
    kind, folder = saved
    with pytest.raises(ConfigError, match=f"tuned as `{kind}` already"):
        tower("adapter", folder)
    assert _count(tower({"name": "lora", "r": 2, "targets": ["query"]}, folder)) == 3 * 2 * 64


@pytest.mark.parametrize("kind", ["roberta", "distilbert", "t5", "gpt2", "qwen3"])
def test_other_families_have_adapters(tower, tmp_path, kind):
    found = tower({"name": "adapter", "dim": 2}, plain(tmp_path / kind, kind))
    assert _count(found) == 2 * 2 * (2 * 16 * 2 + 2 + 16)
    vectors = found.vectors(found.corpus(TEXTS))
    expected = TextEncoder(tmp_path / kind, precision="float32", device="cpu").encode(TEXTS)
    np.testing.assert_allclose(vectors, expected, atol=1e-5)


def test_families_without_a_place_for_a_prefix_or_factors_are_refused(tower, tmp_path):
    assert _count(tower("prefix", plain(tmp_path / "roberta", "roberta"))) == 2 * 2 * 16 * 16
    for kind in ("distilbert", "t5", "gpt2", "qwen3"):
        folder = plain(tmp_path / kind, kind)
        with pytest.raises(ConfigError, match="`prefix` is not possible for a model of type"):
            tower({"name": "prefix", "length": 4}, folder)
    with pytest.raises(ConfigError, match="`ia3` does not know where keys are in a GPT2Block"):
        tower("ia3", tmp_path / "gpt2")
    assert _count(tower("ia3", tmp_path / "distilbert")) == 2 * (16 + 16 + 24)
    with pytest.raises(ConfigError, match="less than the 24 places"):
        tower({"name": "prefix", "length": 24})
    with pytest.raises(ConfigError, match="gradient_checkpointing"):
        tower("prefix", gradient_checkpointing=True)
