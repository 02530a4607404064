"""IRIs that miss the graph by a trifle: http for https, a slash at the end, percent-encoding, …"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.data.tables import arrow_text
from kgrec.errors import option, printable
from kgrec.rdf.columns import GraphColumns

_SHOWN: Final = 3


def _decoded(iris: Any) -> Any:
    encoded = pc.match_substring(iris, "%")
    if pc.any(encoded).as_py():
        texts = [unquote(text) for text in iris.filter(encoded).to_pylist()]
        iris = pc.replace_with_mask(iris, encoded, pa.array(texts, type=pa.large_string()))
    return pc.utf8_normalize(iris, form="NFC")


def _without(pattern: str, replacement: str = "") -> Callable[[Any], Any]:
    return lambda iris: pc.replace_substring_regex(iris, pattern=pattern, replacement=replacement)


# Decoding comes after the fragment: a hash that is encoded begins none.
_RULES: Final[dict[str, Callable[[Any], Any]]] = {
    "http or https": _without(r"^(?i:https?):", "http:"),
    "www.": _without(r"^((?i:https?))://(?i:www\.)", r"\1://"),
    "the fragment": _without(r"#.*$"),
    "a slash at the end": _without(r"/+(#.*)?$", r"\1"),
    "percent-encoding": _decoded,
    "upper and lower case": pc.utf8_lower,
}
"""What may differ, and what makes it the same."""


@dataclass(frozen=True, eq=False)
class NearIris:
    """IRIs that are not in a graph, and the nearest ones that are.

    Attributes:
        nearest: Entity row by IRI.
        differences: What differs, by IRI.
    """

    nearest: dict[str, int]
    differences: dict[str, tuple[str, ...]]

    def told(self, kg: GraphColumns, what: str, *, mended: bool) -> str:
        """Return a sentence on the first of them, with counts; "" if there is none.

        Args:
            kg: The graph.
            what: What the IRIs are, in the plural.
            mended: Whether they are linked to the nearest ones.
        """
        if not self.nearest:
            return ""
        counts = Counter(kind for kinds in self.differences.values() for kind in kinds)
        kinds = ", ".join(f"{kind} ({count:,})" for kind, count in counts.most_common())
        shown = "; ".join(
            f"{printable(iri)} is {printable(kg.entities.id(row))} there"
            for iri, row in list(self.nearest.items())[:_SHOWN]
        )
        number = f"{len(self.nearest):,} {what}"
        head = f"{number} that are not in the graph differ from an entity only in"
        if mended:
            return f"{head}: {kinds}. They are linked to it: {shown}."
        return f"{head}: {kinds}. {shown}. To link them, give {option('normalise', True)}."


def near_iris(iris: Sequence[str], kg: GraphColumns) -> NearIris:
    """Return the entities whose IRIs differ least from some IRIs that are not in the graph.

    An IRI between two entities that differ from it in equally many ways has none.

    Args:
        iris: IRIs, each once.
        kg: The graph.
    """
    missing = pd.DataFrame({"iri": list(iris)}, dtype=object)
    if missing.empty:
        return NearIris({}, {})
    missing["key"] = _key(arrow_text(missing["iri"])).to_pandas()
    keys = _key(kg.entities.array.cast(pa.large_string()))
    wanted = pc.is_in(keys, value_set=arrow_text(missing["key"]))
    rows = np.flatnonzero(np.asarray(wanted, dtype=bool))
    known = pd.DataFrame({"row": rows, "key": keys.take(pa.array(rows)).to_pandas()})
    pairs = missing.merge(known, on="key")
    if pairs.empty:
        return NearIris({}, {})
    ours = arrow_text(pairs["iri"])
    theirs = kg.entities.array.take(pa.array(pairs["row"].to_numpy(np.int64)))
    theirs = theirs.cast(pa.large_string())
    differs = {kind: _differ(ours, theirs, but=kind) for kind in _RULES}
    pairs["number"] = np.sum(list(differs.values()), axis=0)
    least = pairs[pairs["number"] == pairs.groupby("iri")["number"].transform("min")]
    alone = least[~least.duplicated("iri", keep=False)]
    found = {
        iri: tuple(kind for kind, here in differs.items() if here[place])
        for place, iri in alone["iri"].items()
    }
    return NearIris(dict(zip(alone["iri"], alone["row"].tolist(), strict=True)), found)


def _key(iris: Any, but: str | None = None) -> Any:
    """Return IRIs in a form in which near ones are equal; `but` is a rule that is not applied."""
    for kind, rule in _RULES.items():
        if kind != but:
            iris = rule(iris)
    return iris


def _differ(ours: Any, theirs: Any, but: str) -> Any:
    return np.asarray(pc.not_equal(_key(ours, but), _key(theirs, but)), dtype=bool)
