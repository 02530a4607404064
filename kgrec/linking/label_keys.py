"""The labels of entities, in all languages, as keys."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.kg.labels import labelled, named_by
from kgrec.linking.titles import title_keys
from kgrec.rdf.columns import GraphColumns
from kgrec.rdf.iri_names import names_from_iris
from kgrec.rdf.namespaces import ALTERNATIVE_LABEL_RELATIONS, LABEL_RELATIONS
from kgrec.types import BoolArray, IntArray

_LONGEST = 400  # characters; a longer literal is no label


def entity_keys(kg: GraphColumns, wanted: Any) -> pd.DataFrame:
    """Return the keys of all labels that are in `wanted`.

    The label of an entity without one is the last part of its IRI. Blank nodes without a label have
    no keys.

    Args:
        kg: The graph.
        wanted: Keys of items, Arrow string array.

    Returns:
        The columns entity (row), kind, clean and key, an entity's key once, its best kind.
    """
    entity, texts, other = label_texts(kg)
    table = title_keys(texts, wanted=wanted)
    row = table["row"].to_numpy(np.int64)
    kind = table["kind"].where(~((table["kind"] == "main") & other[row]), "alternative")
    table = table.assign(entity=entity[row], kind=kind)
    order = table["kind"].map({"main": 0, "alternative": 1, "part": 2})
    table = table.assign(order=order).sort_values(["entity", "key", "order", "clean"])
    exact = table.drop_duplicates(["entity", "key", "kind", "clean"])
    return exact[["entity", "kind", "clean", "key"]].reset_index(drop=True)


def label_texts(kg: GraphColumns) -> tuple[IntArray, Any, BoolArray]:
    """Return entity rows, their labels (Arrow), and whether each is only an alternative label."""
    relations = [*LABEL_RELATIONS, *ALTERNATIVE_LABEL_RELATIONS]
    subject, chosen, place = named_by(kg, relations)
    texts = kg.literals.value.take(pa.array(chosen)).cast(pa.large_string())
    short = np.asarray(pc.less_equal(pc.utf8_length(texts), _LONGEST), dtype=bool)
    subject, texts = subject[short], texts.filter(pa.array(short))
    other = place[short] >= len(LABEL_RELATIONS)
    bare = np.flatnonzero(~labelled(kg))
    names = names_from_iris(kg.entities.array.take(pa.array(bare)))
    named = np.asarray(pc.invert(pc.starts_with(names, "_:")), dtype=bool)
    bare, names = bare[named], names.filter(pa.array(named))
    entity = np.concatenate([subject, bare])
    return (
        entity,
        pa.concat_arrays([texts, names.cast(pa.large_string())]),
        np.concatenate([other, np.zeros(len(bare), dtype=bool)]),
    )
