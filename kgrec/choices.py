"""The models that a config can name. This is the edge where names become classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

from kgrec.models.base import Model
from kgrec.models.ease import EASE, AttributeEASE, AttributeEASEConfig, EASEConfig
from kgrec.models.item_knn import ItemKNN, ItemKNNConfig
from kgrec.models.popular import MostPopular, MostPopularConfig
from kgrec.presets.table import PRESETS
from kgrec.training.link_prediction import LinkPredictionConfig


class MostPopularChoice(MostPopularConfig):
    """Most popular items."""

    name: Literal["most_popular"]


class ItemKNNChoice(ItemKNNConfig):
    """Item k-nearest-neighbours."""

    name: Literal["item_knn"]


class EASEChoice(EASEConfig):
    """EASE."""

    name: Literal["ease"]


class AttributeEASEChoice(AttributeEASEConfig):
    """EASE with the graph's attributes as extra rows."""

    name: Literal["attribute_ease"]


class LinkPredictionChoice(LinkPredictionConfig):
    """kgrec's link predictor."""

    name: Literal["link_prediction"] = "link_prediction"


class PresetChoice(LinkPredictionConfig):
    """A published model: the link predictor with the settings of `kgrec.presets`.

    What is given beside the name replaces the published setting.
    """

    name: Literal[
        "bpr_mf",
        "lightgcn",
        "xsimgcl",
        "cke",
        "cfkg",
        "rgcn",
        "kgcn",
        "kgat",
        "kgin",
        "lightkg",
    ]

    @model_validator(mode="before")
    @classmethod
    def _published(cls, given: Any) -> Any:
        name = given.get("name") if isinstance(given, Mapping) else None
        if not isinstance(name, str) or name not in PRESETS:
            return given  # what is wrong with it is said where it is read
        return _merged(PRESETS[name].settings.model_dump(), given)


ModelChoice = Annotated[
    LinkPredictionChoice
    | PresetChoice
    | EASEChoice
    | AttributeEASEChoice
    | ItemKNNChoice
    | MostPopularChoice,
    Field(discriminator="name"),
]

CHOICES: dict[str, type[BaseModel]] = {
    "link_prediction": LinkPredictionChoice,
    **dict.fromkeys(PRESETS, PresetChoice),
    "ease": EASEChoice,
    "attribute_ease": AttributeEASEChoice,
    "item_knn": ItemKNNChoice,
    "most_popular": MostPopularChoice,
}
"""The choice of each name."""

_CLOSED: dict[type[BaseModel], tuple[type[Any], type[BaseModel]]] = {
    EASEChoice: (EASE, EASEConfig),
    AttributeEASEChoice: (AttributeEASE, AttributeEASEConfig),
    ItemKNNChoice: (ItemKNN, ItemKNNConfig),
    MostPopularChoice: (MostPopular, MostPopularConfig),
}


def make_untrained(choice: BaseModel) -> Model:
    """Return the model that a choice names, for all but those that are trained in epochs."""
    model, config = _CLOSED[type(choice)]
    made: Model = model(config(**choice.model_dump(exclude={"name"})))
    return made


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return `under` with what `over` says, section by section."""
    made = dict(under)
    for key, value in over.items():
        below = made.get(key)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        made[key] = _merged(below, value) if both and isinstance(below, Mapping) else value
    return made
