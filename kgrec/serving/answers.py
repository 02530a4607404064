"""What the service answers: the shapes of its JSON, for the OpenAPI page and its tests."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from kgrec.serving.problems import ProblemDetails


class NodeOut(BaseModel):
    """A node of the graph."""

    type: str
    id: str
    label: str


class RelationOut(BaseModel):
    """A step between two nodes."""

    name: str
    iri: str
    label: str
    direction: str = Field(description="`forward` or `backward`.")


class PathOut(BaseModel):
    """A path from the user to the recommended item."""

    kind: str
    nodes: list[NodeOut]
    relations: list[RelationOut]
    score: float
    num_users: int
    num_audience: int
    share: float | None = Field(default=None, description="The liked item's share of the score.")
    through: float | None = None


class ContributionOut(BaseModel):
    """What a liked item adds to the score."""

    item: NodeOut
    value: float
    share: float


class ExplanationOut(BaseModel):
    """Why an item fits a user."""

    user: NodeOut
    item: NodeOut
    sentence: str
    paths: list[PathOut]
    basis: str = Field(description="What the sentence tells: graph, audience, words, popular, …")
    score: float | None
    contributions: list[ContributionOut] = Field(description="What counts in the score.")
    base: float | None = Field(description="What no liked item adds to the score.")
    towers: dict[str, float] = Field(description="The part of each model of an ensemble.")
    words: list[str]


class ItemOut(BaseModel):
    """One item of a list."""

    item: str
    title: str
    score: float
    confidence: float | None = None
    reason: ExplanationOut | None = None


class ItemsOut(BaseModel):
    """A list of items, best first."""

    items: list[ItemOut]
    run: str = Field(description="The run that answered.")
    warnings: list[str] = Field(default_factory=list, description="What is doubtful.")


class UnderstoodOut(BaseModel):
    """What was understood of a conversation."""

    wanted: list[str]
    unwanted: list[str]
    liked: list[dict[str, str]]
    disliked: list[dict[str, str]]
    corrected: list[dict[str, str]]
    text: str = Field(description="All of it in a sentence.")


class ConversationOut(ItemsOut):
    """The answer to a turn."""

    understood: UnderstoodOut


class BatchOut(BaseModel):
    """The answers to several questions, in their order: each is a list, or a problem."""

    answers: list[ItemsOut | ProblemDetails]


class ExplanationsOut(BaseModel):
    """Explanations, in the order of the questions."""

    answers: list[ExplanationOut | ProblemDetails]


class TitledOut(BaseModel):
    """An item and its title."""

    item: str
    title: str


class ItemPageOut(BaseModel):
    """A part of the catalogue, in the order of the ids' rows."""

    items: list[TitledOut]
    total: int
    next: str | None = Field(default=None, description="`after` of the next page.")


class ItemDetailOut(BaseModel):
    """What is known of an item."""

    item: str
    title: str
    entity: str | None = Field(default=None, description="IRI of its entity in the graph.")
    attributes: dict[str, Any]
    users: int = Field(description="How many users have it.")
    withdrawn: bool


class UserPageOut(BaseModel):
    """A part of the users."""

    users: list[str]
    total: int
    next: str | None = None


class UserDetailOut(BaseModel):
    """What is known of a user."""

    user: str
    attributes: dict[str, Any]
    history: list[TitledOut]
    disliked: list[TitledOut]


class ProfileOut(BaseModel):
    """What somebody likes, in words that can be edited and searched with."""

    entities: list[dict[str, Any]]
    keywords: list[str]
    topics: list[dict[str, Any]]
    titles: list[str]
    text: str


class NeighborOut(BaseModel):
    """A neighbor of a node, and the relation that leads to it."""

    node: NodeOut
    relation: RelationOut


class NeighborhoodOut(BaseModel):
    """A node and its neighbors, those with the fewest neighbors of their own first."""

    node: NodeOut
    neighbors: list[NeighborOut]
    total: int = Field(description="How many neighbors there are.")
    users: int = Field(description="How many users are next to it; they are not listed.")


class HealthOut(BaseModel):
    """Whether the service works."""

    status: str
    run: str


class WrittenOut(BaseModel):
    """Where in the log something is that was written."""

    accepted: int = Field(description="How many were kept.")
    ignored: int = Field(description="How many were not: no like and no dislike, or opted out.")
    sequence: int = Field(description="The place of the last one in the log.")
    repeated: bool = Field(description="Whether it was there already, under the same key.")
    applied: bool = Field(description="Whether this worker's answers have it.")


class ErasedOut(BaseModel):
    """A user who is gone."""

    erased: bool
    sequence: int
    applied: bool = Field(description="Whether this worker's answers know it.")


class ExportOut(BaseModel):
    """All that is known of a user."""

    user: str
    pseudonym: str = Field(description="The user's name in logs and figures.")
    opted_out: bool
    run: UserDetailOut | None = Field(description="What the answers are made from.")
    log: list[dict[str, Any]] = Field(description="What came in.")


class ReloadedOut(BaseModel):
    """Whether another run answers now."""

    changed: bool
    run: str
