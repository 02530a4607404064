"""Linking by an identifier that items and entities share, such as an ISBN."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.data.isbn import isbn_13
from kgrec.errors import DataError, did_you_mean, printable
from kgrec.rdf.columns import GraphColumns
from kgrec.rdf.iri_names import names_from_iris


def identifier_keys(values: Any, form: str) -> Any:
    """Return identifiers in a form for comparison, Arrow `large_string`, "" for none.

    Args:
        values: Arrow string array of shape (n,).
        form: "exact" (without blanks around), "plain" (letters and digits only, lower case) or
            "isbn" (an ISBN-10 becomes its ISBN-13, ISO 2108; a text that is no ISBN, or has a
            wrong check digit, becomes "").

    >>> identifier_keys(pa.array(["0-306-40615-2", "978-0306406157", "12"]), "isbn").to_pylist()
    ['9780306406157', '9780306406157', '']
    """
    texts = pc.utf8_trim_whitespace(pc.fill_null(values.cast(pa.large_string()), ""))
    if form == "exact":
        return texts
    plain = pc.replace_substring_regex(pc.utf8_lower(texts), r"[^\pL\pN]", "")
    if form == "plain":
        return plain
    return pa.array([isbn_13(text) for text in plain.to_pylist()], type=pa.large_string())


def identifier_candidates(
    identifiers: Any, kg: GraphColumns, property: str, form: str
) -> pd.DataFrame:
    """Return pairs of items and entities with the same identifier.

    The values of the property may be literals or entities. Entities are compared by their IRI and
    by its last part.

    Args:
        identifiers: Identifiers of the items, Arrow string array of shape (n,), null or "" for
            none.
        kg: The graph.
        property: IRI of the property.
        form: See `identifier_keys`.

    Returns:
        The columns item, entity, each pair once.

    Raises:
        DataError: The graph does not have the property.
    """
    if property not in kg.relations:
        raise DataError(
            f"The graph has no property {printable(property)!r}."
            + did_you_mean(property, kg.relations.ids)
        )
    literals = kg.literal_values(property)
    triples = kg.relation_triples(property)
    objects = kg.entities.array.take(pa.array(triples[:, 2].astype(np.int64)))
    texts = [literals.value, objects, names_from_iris(objects)]
    owners = [literals.subject, triples[:, 0], triples[:, 0]]
    theirs = pd.DataFrame(
        {
            "entity": np.concatenate(owners).astype(np.int64),
            "key": pa.concat_arrays([identifier_keys(part, form) for part in texts]).to_pandas(),
        }
    )
    mine = pd.DataFrame({"key": identifier_keys(identifiers, form).to_pandas()})
    mine["item"] = np.arange(len(mine))
    pairs = mine[mine["key"] != ""].merge(theirs, on="key")
    return pairs[["item", "entity"]].drop_duplicates(ignore_index=True)
