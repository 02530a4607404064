"""What requests ask: parameters and bodies, checked before anything is computed."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from urllib.parse import unquote

from fastapi import Path
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    WithJsonSchema,
)

_LONGEST_ID: Final = 1000
MOST_IDS: Final = 10_000
"""Most ids in a list of a request."""


def _decoded(given: Any) -> Any:
    """Return a part of a path without percent-encoding."""
    if not isinstance(given, str):
        return given
    try:
        return unquote(given, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("The percent-encoded bytes are not UTF-8.") from None


def _storable(given: str) -> str:
    """Return a text, checked: a NUL or half of a pair can be kept in no log."""
    if "\x00" in given or any("\ud800" <= char <= "\udfff" for char in given):
        raise ValueError("It has a NUL, or half of a surrogate pair.")
    return given


Id = Annotated[
    str,
    StringConstraints(min_length=1, max_length=_LONGEST_ID),
    BeforeValidator(lambda given: str(given) if _is_whole(given) else given),
    BeforeValidator(lambda given: _storable(given) if isinstance(given, str) else given),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1, "maxLength": _LONGEST_ID},
                {"type": "integer"},
            ]
        }
    ),
]
"""An id: text, or a whole number that stands for its digits."""

PathId = Annotated[
    str,
    Path(min_length=1, max_length=_LONGEST_ID, description="Percent-encoded, also `/` as `%2F`."),
    BeforeValidator(lambda given: _storable(given) if isinstance(given, str) else given),
    BeforeValidator(_decoded),
]
"""An id in a path."""

_Word = Annotated[str, StringConstraints(max_length=10_000), AfterValidator(_storable)]
_Cell = _Word | Annotated[float, Field(allow_inf_nan=False)] | bool | None
Attributes = Annotated[
    dict[Annotated[_Word, StringConstraints(min_length=1, max_length=200)], _Cell | list[_Cell]],
    Field(max_length=200),
]
"""Columns and their values; a list for several."""

Ids = Annotated[list[Id], Field(max_length=MOST_IDS)]
Text = Annotated[str, StringConstraints(max_length=100_000)]


def _is_whole(given: Any) -> bool:
    return isinstance(given, int) and not isinstance(given, bool)


class Question(BaseModel):
    """Parameters of a request. An unknown one is an error.

    Those of a URL are texts, and what they say is read. A body says numbers and truth values as
    JSON does: its models are `strict`, as "no" for a truth value may be a mistake.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


class Choice(Question):
    """Which items may be in an answer, and how many."""

    k: int | None = Field(default=None, ge=1, description="Number of items; ten by default.")
    filter: Text | None = Field(
        default=None,
        description="What items must fulfil, such as `price < 30 and 'drama' in genre`.",
    )
    exclude: Ids = Field(default_factory=list, description="Items to leave out.")


class UserList(Choice):
    """How a user's list is made."""

    liked: Ids = Field(default_factory=list, description="Further items that the user likes.")
    include_disliked: bool = Field(
        default=False, description="Whether items that the user dislikes may come back."
    )
    diversity: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="From 0, the best items, to 1, items as unlike as may be.",
    )
    popularity: float = Field(
        default=0.0, ge=-1, le=1, description="From -1, the least popular items, to 1, the most."
    )
    retrieve: int | None = Field(
        default=None,
        ge=1,
        le=10_000_000,
        description="How many items each tower retrieves, of which the model ranks the union; "
        "null: the model ranks all items.",
    )
    towers: Annotated[list[Id], Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="Which towers retrieve items, such as `ials` or `text`."
    )
    reasons: bool = Field(default=False, description="Whether each item comes with its reason.")
    language: str | None = Field(
        default=None, max_length=20, description="Language of the reasons: en, de, es, fr or zh."
    )


class AskRecommendations(UserList):
    """Whom to recommend to: a known user, somebody who likes items, a description, or all."""

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={"examples": [{"liked": ["F0290", "F0255"], "k": 5, "reasons": True}]},
    )

    user: Id | None = Field(default=None, description="Id of a known user.")
    description: Text | None = Field(default=None, description="What somebody likes, in words.")
    candidates: Ids | None = Field(default=None, description="The items to choose from.")


class AskSimilar(Choice):
    """How similar items are chosen."""


class AskSimilarTo(AskSimilar):
    """Which item others shall be similar to."""

    model_config = ConfigDict(strict=True)

    item: Id
    candidates: Ids | None = Field(default=None, description="The items to choose from.")


class SearchFor(Choice):
    """Words to search for."""

    q: Text = Field(min_length=1, description="The words.", examples=["a detective in a city"])
    user: Id | None = Field(default=None, description="Id of a user, whose taste counts.")
    liked: Ids = Field(default_factory=list, description="Items that are liked.")
    disliked: Ids = Field(default_factory=list, description="Items that are not liked.")


class AskSearch(SearchFor):
    """The same in a body."""

    model_config = ConfigDict(strict=True)


class AskConversation(Choice):
    """A conversation so far: all turns, and what was shown. The service keeps nothing of it."""

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={"examples": [{"turns": ["a heist film", "older, no comedy"], "k": 3}]},
    )

    turns: list[Text] = Field(min_length=1, max_length=100, description="What was said, in order.")
    shown: Ids = Field(default_factory=list, description="Items that were shown: none comes twice.")
    liked: Ids = Field(default_factory=list)
    disliked: Ids = Field(default_factory=list)
    user: Id | None = None


class ExplainHow(Question):
    """How much is explained, and in which language."""

    k: int = Field(default=5, ge=1, le=50, description="Number of paths at most.")
    language: str | None = Field(default=None, max_length=20, description="en, de, es, fr or zh.")
    length: Literal["short", "normal", "long"] | None = None
    tone: Literal["polite", "familiar"] | None = None
    liked: Ids = Field(default_factory=list, description="Further items that the user likes.")
    format: str | None = Field(
        default=None, pattern="^(json|svg)$", description="`svg` for a picture; JSON by default."
    )


class AskExplanation(ExplainHow):
    """What to explain, and to whom: to a known user, or to somebody who likes items."""

    model_config = ConfigDict(strict=True)

    item: Id
    user: Id | None = None


class Page(Question):
    """Which part of a list."""

    limit: int = Field(default=50, ge=1, description="Rows at most.")
    after: Id | None = Field(default=None, description="The last id of the page before.")


class NodeView(Question):
    """How much of the graph around a node is shown."""

    limit: int = Field(default=50, ge=1, le=500, description="Neighbors at most.")


class WriteHow(Question):
    """When a write is answered."""

    wait: bool = Field(
        default=False, description="Answer when this worker's answers have what was written."
    )


class InteractionIn(Question):
    """What a user did with an item."""

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={"examples": [{"user": "u1", "item": "F0290", "liked": True}]},
    )

    user: Id
    item: Id
    liked: bool | None = Field(
        default=None, description="Liked or not; else the rating decides, by the run's rule."
    )
    rating: float | None = Field(default=None, allow_inf_nan=False, ge=-1e6, le=1e6)
    timestamp: int | None = Field(
        default=None, ge=-(2**62), le=2**62, description="When, in the unit of the run's times."
    )


class InteractionsIn(Question):
    """Many interactions, later ones last."""

    interactions: Annotated[list[InteractionIn], Field(min_length=1, max_length=100_000)]


def _which(given: Any) -> str:
    """Return whether a body is of one interaction or of many."""
    many = isinstance(given, InteractionsIn) or (
        isinstance(given, dict) and "interactions" in given
    )
    return "many" if many else "one"


OneOrMany = Annotated[
    Annotated[InteractionIn, Tag("one")] | Annotated[InteractionsIn, Tag("many")],
    Discriminator(_which),
]
"""One interaction, or many."""


class ItemIn(Question):
    """What is known of an item."""

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={
            "examples": [{"title": "A new film", "attributes": {"genres": ["War"], "year": 1999}}]
        },
    )

    title: Annotated[Text, AfterValidator(_storable)] | None = None
    attributes: Attributes = Field(
        default_factory=dict, description="Columns of the item table; a list for several values."
    )
    entity: Annotated[Text, AfterValidator(_storable)] | None = Field(
        default=None, description="IRI of its entity in the graph."
    )


class UserIn(Question):
    """What is known of a user."""

    model_config = ConfigDict(strict=True)

    attributes: Attributes = Field(default_factory=dict, description="Columns of the user table.")
    consent: bool | None = Field(
        default=None, description="Whether anything may be kept; no: nothing is, from now on."
    )


def batch_of(kind: type[Question]) -> type[BaseModel]:
    """Return the body of a batch: several questions of one kind."""

    class Batch(Question):
        """Several questions, answered in their order."""

        requests: Annotated[list[kind], Field(min_length=1, max_length=100_000)]  # type: ignore[valid-type]

    Batch.__name__ = Batch.__qualname__ = f"{kind.__name__}Batch"
    return Batch
