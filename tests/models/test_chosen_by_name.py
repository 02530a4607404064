"""A name chooses the settings of a part, and the settings make it."""

from typing import Annotated, Literal

import pytest
import torch
from pydantic import Field, TypeAdapter, ValidationError
from three_blocks import three_blocks

from kgrec.config import MODELS
from kgrec.graph.propagation import Propagation
from kgrec.models.encoders import EncoderConfig
from kgrec.models.encoders.base import BuildContext, GraphEncoder, LayerContext, LayeredConfig
from kgrec.models.heads import HeadConfig
from kgrec.settings import Settings, by_name, kinds_of


class Plain(Settings):
    name: Literal["plain", "simple"] = "plain"


class Fancy(Settings):
    name: Literal["fancy"] = "fancy"
    colour: str = "red"


def read(given, default=""):
    union = Annotated[Plain | Fancy, Field(discriminator="name"), by_name(default)]
    return TypeAdapter(union).validate_python(given)


def test_a_name_alone_and_settings_without_a_name():
    assert read("fancy") == Fancy()
    assert read("simple") == Plain(name="simple")
    assert read({"colour": "blue"}, "fancy") == Fancy(colour="blue")
    assert read({"name": "plain"}, "fancy") == Plain()
    assert read(Fancy(colour="green"), "plain") == Fancy(colour="green")
    for wrong in ({"colour": "blue"}, "fency", {"name": "plain", "colour": "blue"}, 3, None):
        with pytest.raises(ValidationError):
            read(wrong)


def test_the_classes_of_a_union_by_name():
    union = Annotated[Plain | Fancy, Field(discriminator="name")]
    assert kinds_of(union) == {"plain": Plain, "simple": Plain, "fancy": Fancy}


@pytest.mark.parametrize("name", MODELS)
def test_the_settings_of_a_model_make_it_and_it_gives_them_back(name):
    given = {"name": name} | ({"members": ["ease", "kgat"]} if name == "ensemble" else {})
    settings = MODELS[name].model_validate(given)
    model = settings.build()
    assert model.name == name
    assert model.settings() == settings.model_dump()
    assert MODELS[name].model_validate(model.settings()) == settings


@pytest.mark.parametrize("union", [EncoderConfig, HeadConfig])
def test_the_settings_of_a_part_make_it_of_the_width_that_they_say(union):
    graph = three_blocks().data.graph
    for name, kind in kinds_of(union).items():
        settings = kind()
        assert settings.name == name
        propagation = Propagation(graph, getattr(settings, "normalisation", "mean"))
        generator = torch.Generator().manual_seed(0)
        x = {kind: torch.ones(size, 4) for kind, size in propagation.sizes.items()}
        part = settings.build(BuildContext(propagation, 4, 0.1, generator))
        if union is EncoderConfig:
            made = part.propagate(x, LayerContext(propagation))[1]
            assert made["item"].shape == (22, settings.width(4))
            assert part.num_layers == settings.reach
        else:
            assert part.user(x["user"]).shape[0] == 32


@pytest.mark.parametrize("settings", kinds_of(EncoderConfig).values())
def test_encoders_that_pass_messages_say_how_and_others_do_not(settings):
    """`GraphEncoder.step` and `step_user` raise: what has layers must define its own."""
    layered = issubclass(settings, LayeredConfig)
    for method in ("step", "step_user"):
        own = getattr(settings.encoder, method) is not getattr(GraphEncoder, method)
        assert own == layered
