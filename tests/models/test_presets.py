"""Each preset builds, trains, holds to the contract of models, and finds planted blocks."""

from pathlib import Path

import pytest

from kgrec.config import MODELS, dump_config, make_config
from kgrec.errors import ConfigError
from kgrec.models import presets
from kgrec.models.encoders.rgcn import RGCNConfig
from kgrec.models.presets import PRESETS
from kgrec.runs.making import make_model
from kgrec.testing import FindsBlocks, ModelContract
from kgrec.training.link_prediction import LinkPrediction, LinkPredictionConfig
from kgrec.training.losses.pairwise import BPRConfig
from kgrec.training.published import PresetConfig


def small(name, *, dim=12, epochs=25, **training):
    """Return a preset's parts at a size and pace for planted data."""
    settings = LinkPredictionConfig.model_validate(PRESETS[name].settings)
    pace = {"learning_rate": 0.05, "max_epochs": epochs, "batch_pairs": 90, "ego_l2": 0.05}
    return LinkPredictionConfig(
        predictor=settings.predictor.model_copy(update={"dim": dim}),
        training=settings.training.model_copy(update={**pace, **training}),
        new_items=settings.new_items,
    )


class _Contract(FindsBlocks, ModelContract):
    name = ""
    share = 0.9
    training: dict = {}  # noqa: RUF012

    def make(self):
        return LinkPrediction(small(self.name, **self.training))


class TestBPRMF(_Contract):
    name = "bpr_mf"


class TestLightGCN(_Contract):
    name = "lightgcn"


class TestXSimGCL(_Contract):
    name = "xsimgcl"


class TestCKE(_Contract):
    name = "cke"


class TestCFKG(_Contract):
    name = "cfkg"


class TestRGCN(_Contract):
    name = "rgcn"


class TestKGCN(_Contract):
    name = "kgcn"


class TestKGAT(_Contract):
    name = "kgat"


class TestKGIN(_Contract):
    name = "kgin"


class TestLightKG(_Contract):
    name = "lightkg"


def test_every_preset_has_a_contract_a_name_and_a_citation():
    tested = {kind.name for kind in _Contract.__subclasses__()}
    assert tested == set(PRESETS)
    assert {name for name, config in MODELS.items() if config is PresetConfig} == set(PRESETS)
    files = {path.stem for path in Path(presets.__file__).parent.glob("*.py")}
    assert files == {*PRESETS, "__init__", "preset"}
    for preset in PRESETS.values():
        assert any(char.isdigit() for char in preset.paper)  # the year


def test_every_preset_says_what_it_was_checked_against_and_what_others_report():
    for preset in PRESETS.values():
        assert preset.checked
        for reported in preset.reported:
            assert set(reported.figures) == {"recall@10", "mrr@10"}
            assert 0 < reported.figures["mrr@10"] < reported.figures["recall@10"] < 1
            assert reported.source
    of_lastfm = {name for name, preset in PRESETS.items() if preset.reported}
    assert of_lastfm == {"lightgcn", "cke", "cfkg", "kgcn", "kgat", "kgin", "lightkg"}


TREE = {"data": {"interactions": "log.csv"}}


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_config_names_a_preset(name):
    config = make_config({**TREE, "model": {"name": name}})
    published = LinkPredictionConfig.model_validate(PRESETS[name].settings)
    assert config.model.model_dump() == {**published.model_dump(), "name": name}
    import yaml

    assert make_config(yaml.safe_load(dump_config(config))) == config
    made = make_model(config)
    assert isinstance(made, LinkPrediction)
    assert (made.name, made.config) == (name, config.model)


def test_what_a_config_gives_replaces_the_published_setting():
    model = {"name": "kgat", "predictor": {"dim": 8, "knowledge": {"weight": 0.5}}}
    config = make_config({**TREE, "model": model, "seed": 4})
    assert config.model.predictor.dim == 8
    assert config.model.predictor.knowledge.weight == 0.5
    assert config.model.predictor.knowledge.scoring == "transr"
    assert make_model(config).config.training.seed == 4


def test_another_part_than_the_published_one_has_its_own_defaults():
    """Within a part of the same name, what is not given is as published."""
    parts = {"encoder": {"name": "rgcn", "num_bases": 2}, "head": "cosine"}
    training = {"loss": {"negatives_per_positive": 3}}
    model = {"name": "kgat", "predictor": parts, "training": training}
    config = make_config({**TREE, "model": model}).model
    assert config.predictor.encoder == RGCNConfig(num_bases=2)
    assert config.predictor.head.name == "cosine"
    assert config.training.loss == BPRConfig(negatives_per_positive=3)
    config = make_config({**TREE, "model": {"name": "kgat", "predictor": {"encoder": "kgat"}}})
    assert config.model.predictor.encoder.num_layers == 1


def test_a_misspelt_preset_or_key():
    with pytest.raises(ConfigError, match="lightgcn"):
        make_config({**TREE, "model": {"name": "lightgnc"}})
    with pytest.raises(ConfigError, match="learning_rate"):
        make_config({**TREE, "model": {"name": "kgin", "training": {"learning_rat": 1}}})
