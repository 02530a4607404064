"""The data of tasks with one tower: ratings, clicks and items' values of a prepared data set."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from kgrec.data.interactions import Interactions, Split
from kgrec.errors import ConfigError, DataError, did_you_mean, printable, warn
from kgrec.graph.selection import resolve
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import Links
from kgrec.rdf.iri_names import local_name
from kgrec.snapshot import Prepared
from kgrec.snapshot.deriving import texts_of_items
from kgrec.text.settings import TextConfig
from kgrec.text.tuning.one_tower_settings import (
    AttributesConfig,
    ClickConfig,
    PairTextsConfig,
    StarsConfig,
)
from kgrec.text.tuning.targets import (
    Target,
    ValuesTarget,
    class_target,
    number_target,
    yes_target,
)
from kgrec.text.tuning.two_tower_settings import PairsConfig
from kgrec.types import BoolArray, FloatArray

if TYPE_CHECKING:
    from kgrec.text.tuning.tasks.base import Task
    from kgrec.text.tuning.tasks.pair_texts import Answers
    from kgrec.text.tuning.tower import Tower
    from kgrec.text.tuning.user_texts import UserTexts


def pair_texts_task(
    config: PairTextsConfig, prepared: Prepared, split: Split, texts: Sequence[str], tower: Tower
) -> Task[Any]:
    """Return the task `rating`, `stars` or `click`.

    Args:
        config: Its settings.
        prepared: The data over the whole catalogue.
        split: The split over the same vocabularies.
        texts: The text of each item, "" for none; its title takes the place of none.
        tower: The encoder in training.

    Raises:
        DataError: There are no ratings.
        ConfigError: The settings do not fit the data.
    """
    from kgrec.text.tuning.tasks.pair_texts import PairTextsTask

    train = prepared.data.train
    learnt = _answers(config, train, "training")
    valid = _answers(config, split.valid, "validation") if len(split.valid.rated()) else None
    target: Target
    if isinstance(config, ClickConfig):
        target = yes_target(learnt.label)
    elif isinstance(config, StarsConfig):
        target = class_target(learnt.label)
        if valid is not None:
            _check_values(learnt.label, valid.label)
    else:
        target = number_target(learnt.label)
    users = texts_of_users(config, prepared)
    items = [text or title for text, title in zip(texts, users.titles, strict=True)]
    return PairTextsTask(config, users, items, learnt, valid, target, tower)


def texts_of_users(config: PairTextsConfig | PairsConfig, prepared: Prepared) -> UserTexts:
    """Return the texts of users as a task's settings say.

    Raises:
        DataError: Nothing is known that a text could be made of.
        ConfigError: The user table has no such column.
    """
    from kgrec.text.tuning.user_texts import user_texts

    train = prepared.data.train
    names = prepared.inputs.names(prepared.data.graph)
    titles = [names.node("item", row) for row in range(train.num_items)]
    table = prepared.inputs.users
    return user_texts(
        titles,
        train.matrix(),
        None if train.dislikes is None else train.matrix_of_dislikes(),
        None if table is None else table.reindex(train.users),
        history=config.history,
        profile=config.profile,
        user_text=config.user_text,
    )


def _answers(config: PairTextsConfig, log: Interactions, part: str) -> Answers:
    from kgrec.text.tuning.tasks.pair_texts import Answers

    if isinstance(config, ClickConfig) and config.positive is None:
        bad = log.dislikes
        label = np.ones(len(log), dtype=np.float32)
        if bad is None:
            return Answers(log.user, log.item, label)
        both = replace(log, rating=None, timestamp=None, dislikes=None).joined(
            replace(bad, rating=None, timestamp=None)
        )
        return Answers(both.user, both.item, np.append(label, np.zeros(len(bad), np.float32)))
    rated = log.rated()
    if rated.rating is None or not len(rated):
        raise DataError(
            f"The task `{config.name}` needs ratings, and the {part} part has none. Name their "
            "column: data.rating."
        )
    if not np.isfinite(rated.rating).all():
        raise DataError(f"A rating of the {part} part is NaN or infinite.")
    label = rated.rating
    if isinstance(config, ClickConfig) and config.positive is not None:
        label = (label >= config.positive).astype(np.float32)
    return Answers(rated.user, rated.item, np.array(label, dtype=np.float32))


def _check_values(train: FloatArray, valid: FloatArray) -> None:
    new = np.setdiff1d(valid, train)
    if len(new):
        raise DataError(
            f"The validation part has the rating {new[0]:g}, which no training pair has, so the "
            "task `stars` cannot learn it. Use the task `rating`."
        )


def attributes_task(
    config: AttributesConfig, prepared: Prepared, text: TextConfig, tower: Tower
) -> Task[Any]:
    """Return the task `attributes`.

    Args:
        config: Its settings.
        prepared: The data over the whole catalogue.
        text: How items are written as text.
        tower: The encoder in training.

    Raises:
        DataError: There are no such values, or an item has several where it may have one.
        ConfigError: `of` names neither a column nor a relation.
    """
    from kgrec.text.tuning.tasks.attributes import AttributesTask

    names, labels = item_values(config, prepared)
    inputs, items = prepared.inputs, prepared.data.train.items
    if config.hide:
        columns = set(config.of)
        table = inputs.items
        if table is not None:
            shown = {k: v for k, v in table.categories.items() if k not in columns}
            table = replace(table, categories=shown)
        known = inputs.items.categories if inputs.items is not None else {}
        relations = tuple(name for name in config.of if name not in known)
        graph = inputs.config
        graph = graph.model_copy(update={"drop_relations": (*graph.drop_relations, *relations)})
        inputs = replace(inputs, items=table, config=graph)
    texts = texts_of_items(inputs, items, text)
    has, with_text = labels.any(axis=1), np.array([bool(one) for one in texts], dtype=np.bool_)
    kept = np.flatnonzero(has & with_text)
    if len(kept) < has.sum():
        warn(f"{int(has.sum()) - len(kept):,} items with values have no text; they are left out.")
    valid = _held_out([items.id(int(row)) for row in kept], config.valid)
    if not valid.any() or valid.all():
        raise DataError(
            f"The task `attributes` needs items for training and for validation, and found "
            f"{len(kept)} items with text and values."
        )
    without = np.flatnonzero(~has & with_text & (config.pseudo_labels is not None))
    if config.pseudo_labels is not None and not len(without):
        warn("pseudo_labels: each item with text has a value, so there is nothing to label.")
    labels = labels[kept]
    shares = labels[~valid].mean(axis=0)
    target = ValuesTarget(values=names, shares=tuple(shares.tolist()), single=config.single)
    given, unlabelled = ([texts[row] for row in rows.tolist()] for rows in (kept, without))
    return AttributesTask(config, given, labels, valid, target, tower, unlabelled)


def item_values(config: AttributesConfig, prepared: Prepared) -> tuple[tuple[str, ...], FloatArray]:
    """Return the values that enough items have, and which items have them.

    Returns:
        Names, as COLUMN: VALUE, and float32 of shape (num_items, num_values) with 1 and 0.

    Raises:
        DataError: There are fewer than two such values, or an item has several where it may have
            one.
        ConfigError: `of` names neither a column nor a relation.
    """
    items, table = prepared.data.train.items, prepared.inputs.items
    kg, links = prepared.inputs.chosen()
    pairs: dict[str, set[int]] = {}
    for name in config.of:
        if table is not None and name in table.categories:
            category = table.categories[name]
            rows = items.rows(table.ids.ids)[category.row]
            words: Sequence[str] = category.values.take(category.value)
        elif kg is not None and links is not None:
            known = [] if table is None else list(table.categories)
            rows, words = _related(kg, links, name, known, prepared.inputs.languages)
        else:
            known = [] if table is None else list(table.categories)
            raise ConfigError(
                f"of: the item table has no column of categories {printable(name)!r}."
                + did_you_mean(name, known)
            )
        for row, word in zip(rows.tolist(), words, strict=True):
            pairs.setdefault(f"{local_name(name)}: {word}", set()).add(row)
    found = sorted(value for value, rows in pairs.items() if len(rows) >= config.min_items)
    if len(found) < len(pairs):
        warn(
            f"{len(pairs) - len(found):,} of {len(pairs):,} values are left out, as fewer than "
            f"{config.min_items} items have them (min_items)."
        )
    if len(found) < 2:
        raise DataError(
            f"The task `attributes` needs two values that {config.min_items} items have, and "
            f"found {len(found)}."
        )
    labels = np.zeros((len(items), len(found)), dtype=np.float32)
    for place, value in enumerate(found):
        labels[list(pairs[value]), place] = 1.0
    several = np.flatnonzero(labels.sum(axis=1) > 1)
    if config.single and len(several):
        raise DataError(
            f"single: {len(several):,} items have several values, such as "
            f"{printable(items.id(int(several[0])))!r}. Set single: false."
        )
    return tuple(found), labels


def _related(
    kg: KnowledgeGraph, links: Links, name: str, columns: Sequence[str], languages: Sequence[str]
) -> tuple[Any, list[str]]:
    """Return rows of items and the labels of what a relation leads to."""
    try:
        everything = np.arange(kg.num_relations)
        relation = int(resolve([name], kg.relations, everything, "of: drop_relations")[0])
    except ConfigError as error:
        near = did_you_mean(name, [*columns, *map(local_name, kg.relations.ids)])
        raise ConfigError(
            f"of: {printable(name)!r} is neither a column of categories of the item table nor one "
            f"relation of the graph.{near}"
        ) from error
    subject, value = kg.triples[kg.triples[:, 1] == relation][:, [0, 2]].T
    values, which = np.unique(value, return_inverse=True)
    labels = kg.labels(values, languages)
    rows, words = [], []
    order = np.argsort(subject, kind="stable")
    starts = np.searchsorted(subject[order], links.entity, side="left")
    ends = np.searchsorted(subject[order], links.entity, side="right")
    for item, start, end in zip(links.item.tolist(), starts.tolist(), ends.tolist(), strict=True):
        for place in order[start:end].tolist():
            rows.append(item)
            words.append(str(labels[which[place]]))
    return np.array(rows, dtype=np.int64), words


def _held_out(ids: Sequence[str], share: float) -> BoolArray:
    """Return which items validate: those whose ids have the lowest digests."""
    digests = [hashlib.sha256(id.encode("utf-8", "replace")).digest()[:8] for id in ids]
    number = np.array([int.from_bytes(one, "big") for one in digests], dtype=np.uint64)
    held: BoolArray = number < np.uint64(int(share * 2.0**64))
    return held
