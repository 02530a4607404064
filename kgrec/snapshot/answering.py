"""What of a snapshot answers requests for lists, without what it was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgrec.snapshot.inputs import Derived, Inputs

if TYPE_CHECKING:
    from kgrec.snapshot.snapshot import Snapshot


def answering(now: Snapshot, *, diverse: bool) -> Snapshot:
    """Return a snapshot that scores and recommends as `now`, without graph, texts and tables.

    It is what a worker of another process gets.

    Args:
        now: The snapshot. What it computes at first use is computed here, and not by each worker.
        diverse: Whether lists shall be diverse, which takes the similarity of all items.
    """
    from kgrec.snapshot.snapshot import Snapshot

    made = Snapshot(
        model=now.model,
        users=now.users,
        items=now.items,
        histories=now.histories,
        inputs=Inputs(languages=now.languages),
        derived=Derived(),
        changed=now.changed,
        placed=now.placed,
        num_trained=now.num_trained,
        disliked=now.disliked,
        index_config=now.index_config,
        withdrawn=now.withdrawn,
        deleted=now.deleted,
    )
    computed = ["index", "popularity", "alike"]
    if now.index is not None:
        computed.append("_dialled_index")
    if diverse:
        computed.append("item_similarity")
    for name in computed:  # as a cached property keeps it
        made.__dict__[name] = getattr(now, name)
    return made
