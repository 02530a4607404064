"""A data set of kgrec's as files that RecBole reads: the same split, and the same graph."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from kgrec.data.interactions import PARTS
from kgrec.datasets.dataset import Dataset


def write_recbole_files(dataset: Dataset, folder: Path, name: str) -> dict[str, int]:
    """Write `folder/name/` and return what of the graph RecBole is given, and what it cannot take.

    The graph's triples between entities, and a triple for each category of a linked item, such as
    a genre. RecBole merges linked items with their entities. It raises a KeyError where a linked
    item is in no part of the split, or where two items are one entity; those links are left out,
    and the items stay without a graph there.
    """
    target = folder / name
    target.mkdir(parents=True)
    for part in PARTS:
        log = dataset.split.part(part)
        pairs = zip(log.users.take(log.user), log.items.take(log.item), strict=True)
        _write(target / f"{name}.{part}.inter", ("user_id", "item_id"), pairs)
    kg, links = dataset.kg, dataset.links
    assert kg is not None
    assert links is not None
    whole = dataset.split.whole()
    chosen = np.isin(links.item, whole.item)
    _, first = np.unique(np.asarray(links.entity)[chosen], return_index=True)
    kept = np.flatnonzero(chosen)[np.sort(first)]
    entity_of = dict(
        zip(
            links.items.take(np.asarray(links.item)[kept]),
            kg.entities.take(np.asarray(links.entity)[kept]),
            strict=True,
        )
    )
    _write(target / f"{name}.link", ("item_id", "entity_id"), entity_of.items())
    triples = np.asarray(kg.triples)
    head, relation, tail = (
        vocabulary.take(triples[:, column])
        for column, vocabulary in ((0, kg.entities), (1, kg.relations), (2, kg.entities))
    )
    of_tables = list(_of_tables(dataset, entity_of))
    rows = [*zip(head, relation, tail, strict=True), *of_tables]
    _write(target / f"{name}.kg", ("head_id", "relation_id", "tail_id"), rows)
    return {
        "triples": len(rows),
        "triples_of_tables": len(of_tables),
        "links": len(entity_of),
        "links_left_out_item_in_no_part": int((~chosen).sum()),
        "links_left_out_entity_of_another_item": int(chosen.sum()) - len(entity_of),
    }


def _of_tables(dataset: Dataset, entity_of: dict[str, str]) -> Iterable[Sequence[str]]:
    if dataset.items is None:
        return
    items = dataset.items.ids
    for column, category in dataset.items.categories.items():
        values = category.values.ids
        for row, value in zip(category.row.tolist(), category.value.tolist(), strict=True):
            entity = entity_of.get(items.id(row))
            if entity is not None:
                yield entity, column, f"{column}:{values[value]}"


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", quoting=csv.QUOTE_NONE, lineterminator="\n")
        writer.writerow([f"{column}:token" for column in columns])
        writer.writerows(rows)
