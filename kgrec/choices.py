"""The models that a config can name. This is the edge where names become classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

from kgrec.models.base import Model
from kgrec.models.content_ease import ContentEASE, ContentEASEConfig
from kgrec.models.ease import EASE, AttributeEASE, AttributeEASEConfig, EASEConfig
from kgrec.models.ensemble import Ensemble, EnsembleConfig
from kgrec.models.ials import IALS, IALSConfig
from kgrec.models.item_knn import ItemKNN, ItemKNNConfig
from kgrec.models.popular import MostPopular, MostPopularConfig
from kgrec.models.presets import PRESETS, PresetName
from kgrec.models.slim import SLIM, SLIMConfig
from kgrec.models.trending import Trending, TrendingConfig
from kgrec.models.user_ease import UserEASE, UserEASEConfig
from kgrec.training.link_prediction import LinkPrediction, LinkPredictionConfig


class MostPopularChoice(MostPopularConfig):
    """Most popular items."""

    name: Literal["most_popular"]


class ItemKNNChoice(ItemKNNConfig):
    """Item k-nearest-neighbors."""

    name: Literal["item_knn"]


class SLIMChoice(SLIMConfig):
    """SLIM."""

    name: Literal["slim"]


class IALSChoice(IALSConfig):
    """iALS. Its own seed is added to the seed of the run."""

    name: Literal["ials"]


class EASEChoice(EASEConfig):
    """EASE."""

    name: Literal["ease"]


class AttributeEASEChoice(AttributeEASEConfig):
    """EASE with the graph's attributes as extra rows."""

    name: Literal["attribute_ease"]


class UserEASEChoice(UserEASEConfig):
    """EASE from user to user, with the user table as extra columns."""

    name: Literal["user_ease"]


class ContentEASEChoice(ContentEASEConfig):
    """EASE whose new items are placed by their content."""

    name: Literal["content_ease"]


class TrendingChoice(TrendingConfig):
    """What is popular now among users who are alike."""

    name: Literal["trending"]


class LinkPredictionChoice(LinkPredictionConfig):
    """kgrec's link predictor."""

    name: Literal["link_prediction"] = "link_prediction"


class PresetChoice(LinkPredictionConfig):
    """A published model: the link predictor with the settings of `kgrec.models.presets`.

    What is given beside the name replaces the published setting.
    """

    name: PresetName

    @model_validator(mode="before")
    @classmethod
    def _published(cls, given: Any) -> Any:
        name = given.get("name") if isinstance(given, Mapping) else None
        if not isinstance(name, str) or name not in PRESETS:
            return given  # what is wrong with it is said where it is read
        published = LinkPredictionConfig.model_validate(PRESETS[name].settings)
        return _merged(published.model_dump(), given)


MemberChoice = Annotated[
    LinkPredictionChoice
    | PresetChoice
    | EASEChoice
    | AttributeEASEChoice
    | ContentEASEChoice
    | UserEASEChoice
    | SLIMChoice
    | IALSChoice
    | ItemKNNChoice
    | TrendingChoice
    | MostPopularChoice,
    Field(discriminator="name"),
]


class EnsembleChoice(EnsembleConfig):
    """Several models as one. A trained member's own seed is added to the seed of the run."""

    name: Literal["ensemble"]
    members: tuple[MemberChoice, ...] = Field(min_length=1, description="The models, by name.")


ModelChoice = Annotated[MemberChoice | EnsembleChoice, Field(discriminator="name")]

CHOICES: dict[str, type[BaseModel]] = {
    "link_prediction": LinkPredictionChoice,
    **dict.fromkeys(PRESETS, PresetChoice),
    "ease": EASEChoice,
    "attribute_ease": AttributeEASEChoice,
    "content_ease": ContentEASEChoice,
    "user_ease": UserEASEChoice,
    "slim": SLIMChoice,
    "ials": IALSChoice,
    "item_knn": ItemKNNChoice,
    "trending": TrendingChoice,
    "most_popular": MostPopularChoice,
    "ensemble": EnsembleChoice,
}
"""The choice of each name."""

_CLOSED: dict[type[BaseModel], tuple[type[Any], type[BaseModel]]] = {
    EASEChoice: (EASE, EASEConfig),
    AttributeEASEChoice: (AttributeEASE, AttributeEASEConfig),
    ContentEASEChoice: (ContentEASE, ContentEASEConfig),
    UserEASEChoice: (UserEASE, UserEASEConfig),
    SLIMChoice: (SLIM, SLIMConfig),
    IALSChoice: (IALS, IALSConfig),
    ItemKNNChoice: (ItemKNN, ItemKNNConfig),
    TrendingChoice: (Trending, TrendingConfig),
    MostPopularChoice: (MostPopular, MostPopularConfig),
}


def make_untrained(choice: BaseModel) -> Model:
    """Return the model that a choice names; one that is trained in epochs has no checkpoints."""
    if isinstance(choice, LinkPredictionConfig):
        return LinkPrediction(LinkPredictionConfig(**choice.model_dump(exclude={"name"})))
    if isinstance(choice, EnsembleChoice):
        settings = EnsembleConfig(**choice.model_dump(exclude={"name", "members"}))
        return Ensemble([make_untrained(member) for member in choice.members], settings)
    model, config = _CLOSED[type(choice)]
    made: Model = model(config(**choice.model_dump(exclude={"name"})))
    return made


def choice_of(model: Model) -> dict[str, Any]:
    """Return the settings that `make_untrained` makes such a model of, with its name."""
    settings = {"name": model.name, **model.config.model_dump()}
    if isinstance(model, Ensemble):
        settings["members"] = [choice_of(member) for member in model.members]
    return settings


def with_seed(choice: ModelChoice, seed: int) -> ModelChoice:
    """Return a choice whose trained parts have the seed of a run."""
    if isinstance(choice, EnsembleChoice):
        members = tuple(
            with_seed(member, seed + member.training.seed)
            if isinstance(member, LinkPredictionConfig)
            else with_seed(member, seed)
            for member in choice.members
        )
        return choice.model_copy(update={"members": members, "seed": seed + choice.seed})
    if isinstance(choice, IALSChoice):
        return choice.model_copy(update={"seed": seed + choice.seed})
    if not isinstance(choice, LinkPredictionConfig):
        return choice
    training = choice.training.model_copy(update={"seed": seed})
    return choice.model_copy(update={"training": training})


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return `under` with what `over` says, section by section; another name is another section."""
    made = dict(under)
    for key, value in over.items():
        below = made.get(key)
        if isinstance(below, Mapping) and isinstance(value, str):
            value = {"name": value}
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            same = value.get("name", below.get("name")) == below.get("name")
            value = _merged(below, value) if same else value
        made[key] = value
    return made
