"""All data for serving, in one object that never changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Interactions
from kgrec.graph.modalities import TEXT
from kgrec.snapshot.changes import Changes, ItemLinks
from kgrec.snapshot.earlier import Earlier
from kgrec.snapshot.growth import Content, grown
from kgrec.snapshot.inputs import Derived, Inputs
from kgrec.snapshot.ranker import Ranker
from kgrec.types import FloatArray

if TYPE_CHECKING:
    from kgrec.kg.exchange import LiteralStatement, Triple
    from kgrec.rdf.columns import GraphColumns
    from kgrec.search.facts import ItemFacts
    from kgrec.search.taste import TasteSearch
    from kgrec.search.taught import Taught
    from kgrec.snapshot.reasons import Reasons
    from kgrec.snapshot.towers import Tower


@dataclass(frozen=True, eq=False)
class Snapshot(Ranker):
    """A fitted model with its users, items, histories, graph, names and words.

    A snapshot never changes. Values computed on first use are the same for every caller, so any
    number of threads can share one. `update` returns a new snapshot that shares unchanged data.

    Rows are only appended. The model knows the first rows, those that it was fitted on.

    Its attributes are those of `Fitted`; `Ranker` has the methods that score and rank.
    """

    # ------------------------------------------------------------------ made when asked for

    @cached_property
    def reasons(self) -> Reasons:
        """Answers "why?"."""
        from kgrec.snapshot.reasons import Reasons

        return Reasons(self)

    @cached_property
    def taste(self) -> TasteSearch | None:
        """Finds items by what a conversation says; None: there is no text."""
        from kgrec.snapshot.searching import taste_search

        return taste_search(self, lambda: self.item_facts)

    @cached_property
    def item_facts(self) -> ItemFacts:
        """What search reads of each item."""
        from kgrec.snapshot.searching import facts_of

        return facts_of(self, self.inputs)

    @cached_property
    def towers(self) -> Mapping[str, Tower]:
        """What retrieves items before the model ranks them; see `kgrec.snapshot.towers`."""
        from kgrec.snapshot.towers import towers_of

        return towers_of(self)

    # ------------------------------------------------------------------ another one

    def update(
        self,
        *,
        interactions: Interactions | None = None,
        items: AttributeTable | Iterable[str | int] = (),
        users: AttributeTable | Iterable[str | int] = (),
        triples: GraphColumns | Iterable[Triple | LiteralStatement] = (),
        links: ItemLinks = (),
        remove_items: Iterable[str | int] = (),
        remove_users: Iterable[str | int] = (),
        texts: Sequence[str] = (),
        features: Mapping[str, FloatArray] | None = None,
    ) -> Snapshot:
        """Return a snapshot with more data at once. All rows stay; the model does not change.

        Users are then scored by their new history. A later change of mind counts: a new interaction
        takes an item out of a user's dislikes, and a new dislike takes it out of the history. New
        items are recommended if the model places content and `features` are given; otherwise they
        come after all other items. `kgrec.snapshot.settling` also updates the model.

        Args:
            interactions: New interactions, over any vocabularies.
            items: New items, or rows of the item table; known items get the new attributes, and
                withdrawn ones come back.
            users: New users, or rows of the user table; known users get the new attributes.
            triples: Statements to add to the knowledge graph, as `KnowledgeGraph.update` takes
                them.
            links: The entities of items, as pairs of item id and IRI.
            remove_items: Ids of items that are withdrawn: they are in no answer from now on.
            remove_users: Ids of users that are deleted, with all that is known of them.
            texts: Texts of the new items, in the order of the new rows; none: search omits them.
            features: Vectors of the new items by modality, float32 (n, dim), in the same order.

        Raises:
            UnknownIdError: What shall be removed is not there.
            DataError: The update contradicts itself or the snapshot, triples or links are given
                without a knowledge graph, or features do not fit.
        """
        asked = Changes.of(interactions, items, users, triples, links, remove_items, remove_users)
        return self.changed_by(asked, lambda *_: (texts, features or {}))

    def changed_by(self, asked: Changes, content: Content) -> Snapshot:
        """Return a snapshot with what an update asks for; see `update`.

        Args:
            asked: The update.
            content: Makes the texts of the new items and their vectors.
        """
        return grown(self, asked, content)

    def with_text(self, matrix: FloatArray, made_by: str, nonsense: FloatArray) -> Snapshot:
        """Return the snapshot with text vectors of the items, for searching.

        Args:
            matrix: float32 of shape (num_items, dim).
            made_by: The fingerprint of the encoder.
            nonsense: See `Derived`.
        """
        key = ("item", TEXT)
        derived = replace(
            self.derived,
            features={**self.derived.features, key: matrix},
            made_by={**self.derived.made_by, key: made_by},
            nonsense=nonsense,
        )
        return self._with_derived(derived)

    def _with_derived(self, derived: Derived) -> Snapshot:
        return replace(self, derived=derived, earlier=Earlier(index=self.earlier.index))

    def with_taught(self, taught: Taught) -> Snapshot:
        """Return the snapshot with what example queries taught."""
        return replace(self, taught=taught)

    def with_warnings(self, warnings: tuple[str, ...]) -> Snapshot:
        """Return the snapshot with other warnings."""
        return replace(self, warnings=warnings)

    @cached_property
    def answers(self) -> Snapshot:
        """What scores and recommends as this, without graph, texts and tables: for workers."""
        return self._answering(diverse=False)

    @cached_property
    def diverse_answers(self) -> Snapshot:
        """The same, for lists that shall be diverse."""
        return self._answering(diverse=True)

    def _answering(self, *, diverse: bool) -> Snapshot:
        """Return a snapshot that scores and recommends as this, with what that takes alone.

        What this one computes at first use is computed here, and not by each worker.

        Args:
            diverse: Whether lists shall be diverse, which takes the similarity of all items.
        """
        made = Snapshot(
            model=self.model,
            users=self.users,
            items=self.items,
            histories=self.histories,
            inputs=Inputs(languages=self.languages),
            derived=Derived(),
            changed=self.changed,
            placed=self.placed,
            num_trained=self.num_trained,
            disliked=self.disliked,
            index_config=self.index_config,
            withdrawn=self.withdrawn,
            deleted=self.deleted,
        )
        computed = ["index", "popularity", "alike"]
        if self.index is not None:
            computed.append("_dialled_index")
        if diverse:
            computed.append("item_similarity")
        for name in computed:  # as a cached property keeps it
            made.__dict__[name] = getattr(self, name)
        return made
