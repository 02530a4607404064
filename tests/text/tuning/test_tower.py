"""The encoder in training: the same function in every regime, and what is trained."""

import json

import numpy as np
import pytest
import torch
from tiny_bert import topic_texts, write_tiny_bert

from kgrec.errors import ConfigError, RunError
from kgrec.settings import make_settings
from kgrec.text import TextEncoder
from kgrec.text.model_files import find_model
from kgrec.text.module import TextModule
from kgrec.text.tuning.kept_states import FOLDER
from kgrec.text.tuning.settings import TextTuning
from kgrec.text.tuning.tower import Tower

TEXTS = topic_texts(23)[0]
REGIMES = {
    "frozen": {"regime": "frozen", "projection": 8},
    "top_layers": {"regime": {"name": "top_layers", "n": 1}},
    "top layers and projection": {"regime": {"name": "top_layers", "n": 2}, "projection": 32},
    "full": {"regime": "full"},
    "lora": {"regime": {"name": "lora", "r": 4}},
    "lora and projection": {"regime": {"name": "lora", "r": 4}, "projection": 16},
    "adalora": {"regime": {"name": "adalora", "r": 2, "init_r": 4}},
    "ia3": {"regime": "ia3"},
    "adapter": {"regime": {"name": "adapter", "dim": 6}},
    "adapters by feed-forward and projection": {
        "regime": {"name": "adapter", "dim": 6, "places": "feed_forward", "activation": "relu"},
        "projection": 16,
    },
    "prefix": {"regime": {"name": "prefix", "length": 5}},
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_tiny_bert(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture
def tower(model, tmp_path):
    def make(settings, **options):
        made = make_settings(TextTuning, {"precision": "float32", "token_budget": 64, **settings},
                             "test")  # fmt: skip
        return Tower(find_model(options.pop("model", model)), made, tmp_path / "cache", **options)

    return make


def _step(tower, corpus, rate=0.05):
    """Take a step of gradient descent on something that depends on all vectors."""
    wanted = torch.randn(len(corpus), tower.dim, generator=torch.Generator().manual_seed(3))
    tower.train()
    (tower(corpus, np.arange(len(corpus))) * wanted).sum().backward()
    with torch.no_grad():
        for value in tower.trained.values():
            if value.grad is not None:
                value -= rate * value.grad
                value.grad = None


def _shake(tower, seed=5):
    """Move all that is trained, so that also slow regimes change the vectors."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in tower.trained.values():
            value += 2.0 * torch.randn(value.shape, generator=random)


@pytest.mark.parametrize("regime", [name for name in REGIMES if name != "prefix"])
def test_before_training_the_vectors_are_the_encoders(tower, model, regime):
    found = tower(REGIMES[regime])
    expected = TextModule.load(model)
    if found.settings.projection is not None:
        expected = expected.with_dense(found.settings.projection)
    with torch.no_grad():
        wanted = expected(expected.tokenize(TEXTS)).numpy()
    vectors = found.vectors(found.corpus(TEXTS))
    assert vectors.shape == (23, found.settings.projection or 32)
    np.testing.assert_allclose(vectors, wanted, atol=2e-6)
    rows = np.array([20, 3, 3, 7])
    np.testing.assert_allclose(found.vectors(found.corpus(TEXTS), rows), wanted[rows], atol=2e-6)


@pytest.mark.parametrize("regime", REGIMES)
def test_a_trained_encoder_is_saved_as_a_plain_folder(tower, tmp_path, regime):
    found = tower(REGIMES[regime])
    corpus = found.corpus(TEXTS)
    before = found.vectors(corpus)
    _step(found, corpus)
    _shake(found)
    after = found.vectors(corpus)
    assert np.abs(after - before).max() > 0.01
    found.save(tmp_path / "tuned")
    saved = TextEncoder(tmp_path / "tuned", precision="float32", device="cpu").encode(TEXTS)
    np.testing.assert_allclose(saved, after, atol=1e-5)
    assert "peft" not in json.dumps(json.loads((tmp_path / "tuned/config.json").read_text()))
    assert not list((tmp_path / "tuned").glob("adapter*"))
    again = TextModule.load(tmp_path / "tuned")
    again.save(tmp_path / "again")
    for name in sorted(path.name for path in (tmp_path / "tuned").glob("*.safetensors")):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "tuned" / name).read_bytes()


@pytest.mark.parametrize("regime", REGIMES)
def test_weights_that_are_loaded_give_the_same_bits(tower, regime):
    first, second = tower(REGIMES[regime]), tower(REGIMES[regime], seed=9)
    corpus = first.corpus(TEXTS)
    _step(first, corpus)
    _shake(first)
    second.load_state(first.state())
    np.testing.assert_array_equal(second.vectors(second.corpus(TEXTS)), first.vectors(corpus))


def test_with_kept_states_gradients_are_those_of_the_whole_model(tower, model):
    short = tower({"regime": {"name": "top_layers", "n": 2}, "dropout": 0.0})
    whole = tower({"regime": "full", "dropout": 0.0})
    short._module.eval(), whole._module.eval()
    wanted = torch.randn(6, 32, generator=torch.Generator().manual_seed(2))
    rows, grads = np.array([4, 0, 11, 22, 8, 9]), []
    for one in (short, whole):
        (one(one.corpus(TEXTS), rows) * wanted).sum().backward()
        grads.append({name: value.grad for name, value in one.trained.items()})
    assert grads[0].keys() < grads[1].keys()
    assert len(grads[0]) == 2 * 16
    for name, grad in grads[0].items():
        torch.testing.assert_close(grad, grads[1][name], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("regime", "expected"),
    [
        ({"regime": "frozen", "projection": 8}, {"steps"}),
        ({"regime": {"name": "top_layers", "n": 1}}, {"model.encoder.layer.2"}),
        ({"regime": {"name": "top_layers", "n": 3}},
         {f"model.encoder.layer.{i}" for i in range(3)}),
        ({"regime": "full"},
         {"model.embeddings", *(f"model.encoder.layer.{i}" for i in range(3))}),
    ],
)  # fmt: skip
def test_a_regime_trains_its_part_alone(tower, regime, expected):
    found = tower(regime)
    names = {
        ".".join(name.split(".")[: 4 if ".layer." in name else 2 if "model" in name else 1])
        for name in found.trained
    }
    assert names == expected
    corpus = found.corpus(TEXTS)
    own = found.trained
    others = {n: v.clone() for n, v in found._module.named_parameters() if n not in own}
    _step(found, corpus)
    for name, value in found._module.named_parameters():
        if name in others:
            torch.testing.assert_close(value, others[name], atol=0, rtol=0)


def test_the_first_gradient_of_lora_is_zero_on_one_side(tower):
    found = tower({"regime": {"name": "lora", "r": 4, "dropout": 0.0}})
    corpus = found.corpus(TEXTS)
    wanted = torch.randn(23, 32, generator=torch.Generator().manual_seed(3))
    (found(corpus, np.arange(23)) * wanted).sum().backward()
    sides = {side: [v.grad for n, v in found.trained.items() if f".lora_{side}." in n]
             for side in "AB"}  # fmt: skip
    assert len(sides["A"]) == len(sides["B"]) == 3 * 6
    assert all(not grad.any() for grad in sides["A"])
    assert all(grad.any() for grad in sides["B"])


def test_lora_trains_few_parameters_of_the_layers_that_are_named(tower):
    found = tower({"regime": {"name": "lora", "r": 2, "targets": ["query", "value"]}})
    assert len(found.trained) == 3 * 2 * 2
    assert sum(v.numel() for v in found.trained.values()) == 3 * 2 * 2 * (2 * 32)
    with pytest.raises(ConfigError, match=r"no linear layer 'querry'. Did you mean 'query'"):
        tower({"regime": {"name": "lora", "targets": ["querry"]}})


def test_kept_states_are_used_again_and_not_those_of_other_weights(tower, tmp_path):
    settings = {"regime": {"name": "top_layers", "n": 1}}
    first = tower(settings)
    vectors = first.vectors(first.corpus(TEXTS))
    (path,) = (tmp_path / "cache" / FOLDER).iterdir()
    written = path.stat().st_ino
    again = tower(settings)
    np.testing.assert_array_equal(again.vectors(again.corpus(TEXTS)), vectors)
    assert path.stat().st_ino == written
    path.write_bytes(path.read_bytes()[:-4])  # cut off: it is made anew
    np.testing.assert_array_equal(again.vectors(again.corpus(TEXTS)), vectors)
    other = tower(settings, model=write_tiny_bert(tmp_path / "other", seed=5))
    assert np.abs(other.vectors(other.corpus(TEXTS)) - vectors).max() > 0.01
    assert len(list((tmp_path / "cache" / FOLDER).iterdir())) == 2


def test_dropout_is_where_something_is_trained_alone(tower):
    found, rows = tower({"regime": {"name": "top_layers", "n": 1}, "dropout": 0.5}), np.arange(23)
    corpus = found.corpus(TEXTS)
    found.train()
    layers = found._module.model.encoder.layer
    assert [layer.output.dropout.training for layer in layers] == [False, False, True]
    assert (found(corpus, rows) - found(corpus, rows)).abs().max() > 1e-3
    found.train(False)
    torch.testing.assert_close(found(corpus, rows), found(corpus, rows), atol=0, rtol=0)
    still = tower({"regime": {"name": "top_layers", "n": 1}, "dropout": 0.0})
    corpus = still.corpus(TEXTS)
    still.train()
    torch.testing.assert_close(still(corpus, rows), still(corpus, rows), atol=0, rtol=0)


def test_gradient_checkpointing_changes_no_gradient(tower):
    grads = []
    for on in (False, True):
        found = tower({"regime": "full", "dropout": 0.0, "gradient_checkpointing": on})
        found._module.train()
        for part in found._module.modules():
            if isinstance(part, torch.nn.Dropout):
                part.p = 0.0
        (found(found.corpus(TEXTS), np.arange(5)) ** 3).sum().backward()
        grads.append({name: value.grad for name, value in found.trained.items()})
    for name, grad in grads[0].items():
        torch.testing.assert_close(grads[1][name], grad, atol=1e-6, rtol=1e-5)


def test_bfloat16_is_near_float32_and_trains_float32_weights(tower):
    found = tower({"regime": "full", "precision": "bfloat16"})
    exact = tower({"regime": "full"})
    corpus = found.corpus(TEXTS)
    cosines = (found.vectors(corpus) * exact.vectors(exact.corpus(TEXTS))).sum(1)
    assert cosines.min() > 0.999
    assert {value.dtype for value in found.trained.values()} == {torch.float32}
    _step(found, corpus)


def test_depths_count_from_the_last_layer(tower):
    depths = tower({"regime": "full", "projection": 8}).depths()
    assert depths["steps.0.linear.weight"] == 0
    assert depths["model.encoder.layer.2.attention.self.query.weight"] == 0
    assert depths["model.encoder.layer.0.attention.self.query.weight"] == 2
    assert depths["model.embeddings.word_embeddings.weight"] == 3
    assert set(tower({"regime": "lora"}).depths().values()) == {0, 1, 2, 3}


def test_what_is_not_possible_says_so(tower):
    with pytest.raises(ConfigError, match="trains a layer after the pooling alone"):
        tower({"regime": "frozen"})
    with pytest.raises(ConfigError, match="has 3 layers, found 4"):
        tower({"regime": {"name": "top_layers", "n": 4}})
    found = tower({"regime": "full"})
    with pytest.raises(RunError, match="another model or regime"):
        found.load_state(tower({"regime": "lora"}).state())


@pytest.mark.parametrize("regime", ["frozen", "lora and projection"])
def test_centred_vectors_have_a_mean_of_zero_once(tower, regime):
    made = tower(REGIMES[regime])
    corpus = made.corpus(TEXTS)
    made.centre(corpus)
    whole = np.concatenate(
        [
            made.module.finished(made.pooled(corpus, np.array([row])), normalize=False)
            .detach()
            .numpy()
            for row in range(len(corpus))
        ]
    )
    np.testing.assert_allclose(whole.mean(axis=0), 0.0, atol=1e-5)
    before = made.vectors(corpus)
    made.centre(made.corpus(TEXTS[:3]))
    assert (made.vectors(corpus) == before).all()


def test_trained_weights_are_not_centred_again(tower):
    trained, other = tower(REGIMES["frozen"]), tower(REGIMES["frozen"])
    corpus = trained.corpus(TEXTS)
    trained.centre(corpus)
    other.load_state(trained.state())
    other.centre(other.corpus(TEXTS[:3]))
    assert (other.vectors(corpus) == trained.vectors(corpus)).all()
