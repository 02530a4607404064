"""IRIs made of item ids: by a template, and which template would fit a graph."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import option, printable
from kgrec.kg.tables.templates import expand
from kgrec.rdf.columns import GraphColumns
from kgrec.types import IntArray

_LEAST: Final = 0.5  # share of the items that a template must reach to be offered
_RIVAL: Final = 0.5  # of the items that the best template reaches: another one is named as well
_FORMS: Final = ("{id}", "{+id}")


def entities_by_template(template: str, ids: Vocabulary, kg: GraphColumns) -> IntArray:
    """Return the entity whose IRI a template makes of each id, int64 of shape (n,), -1 for none."""
    return kg.entities.rows(expand(template, {"id": _texts(ids)}), missing="-1")


def offered_template(ids: Vocabulary, kg: GraphColumns) -> str:
    """Return a sentence on the template that links most items; "" if none links half of them.

    A template is the beginning of an IRI, up to its last slash, hash or colon, and an item id.
    """
    best = sorted(
        ((count, start + form) for form in _FORMS for start, count in _starts(ids, kg, form)),
        key=lambda found: (-found[0], _FORMS[0] not in found[1], found[1]),
    )
    if not best or best[0][0] < _LEAST * len(ids):
        return ""
    count, template = best[0]
    example = expand(template, {"id": _texts(ids)})
    row = int(np.flatnonzero(kg.entities.rows(example, missing="-1") >= 0)[0])
    said = (
        f"{count:,} of {len(ids):,} item ids are the last part of an entity's IRI, such as "
        f"{printable(ids.id(row))} of {printable(example[row].as_py())}. To link them so, give "
        f"{option('template', printable(template))}."
    )
    start = template[: template.rindex("{")]
    for other_count, other in best[1:]:
        if other_count >= _RIVAL * count and other[: other.rindex("{")] != start:
            return f"{said} Or is it {printable(other)} ({other_count:,})?"
    return said


def _starts(ids: Vocabulary, kg: GraphColumns, form: str) -> list[tuple[str, int]]:
    """Return the beginnings of IRIs that end with an item id, with the number of these ids."""
    names = expand(form, {"id": _texts(ids)})
    iris = kg.entities.array.cast(pa.large_string())
    parts = pc.extract_regex(iris, r"^(?P<start>[^_:][^:]*:(?:.*[/#:])?)(?P<name>[^/#:]+)$")
    last = pc.struct_field(parts, "name")
    starts = parts.filter(pc.fill_null(pc.is_in(last, value_set=names), fill_value=False))
    counts = pd.Series(pc.struct_field(starts, "start").to_pandas()).value_counts()
    return list(zip(counts.index.tolist(), counts.tolist(), strict=True))


def _texts(ids: Vocabulary) -> Any:
    return ids.array.cast(pa.large_string())
