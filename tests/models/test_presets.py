"""Each preset builds, trains, holds to the contract of models, and finds planted blocks."""

import pytest

from kgrec.choices import CHOICES, PresetChoice
from kgrec.config import dump_config, make_config
from kgrec.errors import ConfigError
from kgrec.models.presets.by_name import PRESETS
from kgrec.runs.folder import make_model
from kgrec.testing import FindsBlocks, ModelContract
from kgrec.training.link_prediction import LinkPrediction, LinkPredictionConfig


def small(name, *, dim=12, epochs=25, **training):
    """Return a preset's parts at a size and pace for planted data."""
    settings = PRESETS[name].settings
    pace = {"learning_rate": 0.05, "max_epochs": epochs, "batch_pairs": 90, "ego_l2": 0.05}
    return LinkPredictionConfig(
        model=settings.model.model_copy(update={"dim": dim}),
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
    assert {name for name, choice in CHOICES.items() if choice is PresetChoice} == set(PRESETS)
    for name, preset in PRESETS.items():
        assert preset.name == name
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
    settings = config.model.model_dump(exclude={"name"})
    assert settings == PRESETS[name].settings.model_dump()
    import yaml

    assert make_config(yaml.safe_load(dump_config(config))) == config
    made = make_model(config)
    assert isinstance(made, LinkPrediction)
    assert made.config == PRESETS[name].settings


def test_what_a_config_gives_replaces_the_published_setting():
    model = {"name": "kgat", "model": {"dim": 8, "knowledge": {"weight": 0.5}}}
    config = make_config({**TREE, "model": model, "seed": 4})
    assert config.model.model.dim == 8
    assert config.model.model.knowledge.weight == 0.5
    assert config.model.model.knowledge.scoring == "transr"
    assert make_model(config).config.training.seed == 4


def test_a_misspelt_preset_or_key():
    with pytest.raises(ConfigError, match="lightgcn"):
        make_config({**TREE, "model": {"name": "lightgnc"}})
    with pytest.raises(ConfigError, match="learning_rate"):
        make_config({**TREE, "model": {"name": "kgin", "training": {"learning_rat": 1}}})
