"""What search reads of each item, in a run folder, so that the first search need not make it.

`search_items.safetensors` has the arrays of `ItemFacts` and `Names`, and `data/search_*.parquet`
their texts. A run without them is from before they were written, or has no text; then they are
made of its graph and tables.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from kgrec.bounds.archives import read_parquet
from kgrec.errors import RunError, printable
from kgrec.files import system_reason
from kgrec.models.state import State, check_state, csr_expected, csr_from_state, csr_state
from kgrec.outputs.tensors import load_arrays, save_arrays

if TYPE_CHECKING:
    from kgrec.search.facts import ItemFacts
    from kgrec.snapshot import Snapshot

ARRAYS: Final = "search_items.safetensors"
VALUES: Final = "data/search_values.parquet"
NAMES: Final = "data/search_names.parquet"
FILES: Final = (ARRAYS, VALUES, NAMES)


def write_search_items(folder: Path, snapshot: Snapshot) -> None:
    """Write what search reads of each item, if the recommender has text.

    Args:
        folder: The run folder, with its folder `data`.
        snapshot: What is written there.

    Raises:
        RunError: A file cannot be written.
    """
    if snapshot.derived.words is None:
        return
    facts = snapshot.item_facts
    names = facts.all_names
    arrays = {
        **csr_state("has", facts.has),
        "years": facts.years,
        "described": facts.described,
        "shared": facts.shared,
        "names.row": names.row,
        "names.value": names.value,
        "names.part": names.part,
    }
    save_arrays(folder / ARRAYS, arrays)
    values = {"name": list(facts.names), "kind": list(facts.kinds)}
    text = pa.large_string()
    table = pa.table({key: pa.array(texts, text) for key, texts in values.items()})
    pq.write_table(table, folder / VALUES)
    pq.write_table(pa.table({"words": names.words}), folder / NAMES)


def read_search_items(
    folder: Path, files: Collection[str], titles: Sequence[str]
) -> ItemFacts | None:
    """Return what search reads of each item; None: the run has not stored it.

    Args:
        folder: The run folder.
        files: The files of the run, checked.
        titles: The titles of its items.

    Raises:
        RunError: A file is missing or damaged.
    """
    if not set(FILES) & set(files):
        return None
    from kgrec.search.facts import ItemFacts
    from kgrec.search.names import Names

    values, words = _texts(folder / VALUES, "name", "kind"), _texts(folder / NAMES, "words")
    path = folder / ARRAYS
    try:
        state = _checked(load_arrays(path)[0], len(titles), len(values), len(words))
        has = csr_from_state(state, "has", len(values))
        names = Names(
            words["words"].combine_chunks(),
            state["names.row"], state["names.value"], state["names.part"],
        )  # fmt: skip
        if not names.fits(len(titles), len(values)):
            raise RunError("The names do not fit the items and values.")
    except RunError as error:
        if str(folder) in str(error):
            raise
        raise RunError(f"{printable(str(path))} is damaged: {error}") from error
    facts = ItemFacts(
        tuple(titles),
        state["years"],
        tuple(values["name"].to_pylist()),
        tuple(values["kind"].to_pylist()),
        has,
        state["shared"],
        state["described"],
    )
    return facts.with_names(names)


def _checked(arrays: Mapping[str, Any], num_items: int, num_values: int, num_names: int) -> State:
    """Return the arrays, each of its type and shape."""
    expected: dict[str, Any] = {
        **csr_expected("has", num_items),
        "described": (np.bool_, (num_items,)),
        "shared": (np.bool_, (num_values,)),
        "names.row": (np.int64, (num_names,)),
        "names.value": (np.bool_, (num_names,)),
        "names.part": (np.bool_, (num_names,)),
    }
    years = np.asarray(arrays.get("years"))
    if years.shape != (num_items,) or years.dtype != np.float64 or np.isinf(years).any():
        raise RunError(f"The years must be float64 of shape ({num_items},).")
    others = {name: array for name, array in arrays.items() if name != "years"}
    state = check_state(others, expected)
    if not (state["has.data"] == 1).all():
        raise RunError("What items have must be ones.")
    return {**state, "years": years}


def _texts(path: Path, *columns: str) -> Any:
    """Return columns of texts as an Arrow table."""
    where = printable(str(path))
    try:
        table = read_parquet(path).select(list(columns))
        table = table.cast(pa.schema([(name, pa.large_string()) for name in columns]))
    except FileNotFoundError as error:
        raise RunError(f"The run folder lacks {where}.") from error
    except (OSError, ValueError, LookupError, pa.ArrowException) as error:
        raise RunError(f"{where} is damaged: {system_reason(error)}.") from error
    if any(table.column(name).null_count for name in columns):
        raise RunError(f"{where} is damaged: a text is missing.")
    return table
