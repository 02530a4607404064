"""Evaluating a run on a part of its split."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kgrec.data.interactions import PARTS, Interactions
from kgrec.data.log_checks import warn_of_new_users
from kgrec.errors import ConfigError, RunError, did_you_mean, option, printable, warn
from kgrec.evaluation.base import Evaluation, ProtocolConfig, RankingConfig
from kgrec.evaluation.beyond_accuracy import ItemFeatures
from kgrec.evaluation.candidates import CandidatesConfig
from kgrec.evaluation.evaluate import FullConfig, candidate_ids, measure, protocol_candidates, rank
from kgrec.evaluation.fairness import with_groups
from kgrec.evaluation.leaks import check_no_leak
from kgrec.evaluation.protocols import protocol_config
from kgrec.evaluation.trec import judgements_path, write_trec
from kgrec.outputs.checked import is_checked_json
from kgrec.outputs.checks import check_files
from kgrec.runs.needs import announce, of_evaluating
from kgrec.runs.reading import load_run


def evaluate_run(
    folder: str | Path,
    part: str = "test",
    *,
    protocol: str | ProtocolConfig = "full",
    k: Sequence[int] | None = None,
    given: str | Path | None = None,
    trec: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    force: bool = False,
    not_stored: Callable[[RunError], object] | None = None,
    say: Callable[[str], object] = lambda _: None,
) -> Evaluation:
    """Evaluate a run on a part of its split by a protocol, and store the result in its folder.

    Items that users have in training, and for the test part also in validation, are not ranked.

    Args:
        folder: The run folder. The result, with the values of each user, is written into it:
            `evaluation_<part>.json`, or `evaluation_<part>_<protocol>.json` if not `full`.
        part: `valid` or `test`.
        protocol: See `kgrec.evaluation.protocols`.
        k: Cut-offs; None: those of the protocol, but none above the number of ranked items.
        given: For the protocol `candidates`: a table of `user_id` and `item_id`, the candidates of
            each user; None: they are sampled.
        trec: For the protocol `full`: file for the ranking in TREC format. The judgements go to
            a `.qrels` file next to it.
        settings: Further settings of the protocol.
        force: Whether files that are there, and that kgrec did not write, are replaced.
        not_stored: Gets the error if results cannot be written; None: there is a warning. They
            are returned in any case.
        say: Gets what the evaluation needs, if that is much.

    Raises:
        ConfigError: There is no such part, protocol or setting, or k is larger than the number of
            candidates.
        DataError: There is less memory than it needs.
        RunError: The run folder is damaged, or the TREC file is there already.
    """
    check_part(part)
    config = protocol_config(protocol, {**(settings or {}), **({"k": tuple(k)} if k else {})})
    if trec is not None and not isinstance(config, FullConfig):
        raise ConfigError(f"A TREC file holds a full ranking; {config.name!r} does not make one.")
    if trec is not None:
        check_files([trec, judgements_path(trec)], [folder, given], force=force)
    recommender, _, split = load_run(folder)
    split = split.reindex(recommender.user_vocabulary, recommender.item_vocabulary)
    test = split.part(part)
    if not len(test):
        raise ConfigError(
            f"The {part} part of this run's split is empty. A random split takes a share of each "
            f"user's interactions and rounds it: set a larger data.{part}."
        )
    if not recommender.snapshot.interactions:
        raise RunError(f"{folder} has no data/interactions.parquet, so it cannot be evaluated.")
    check_no_leak(recommender.graph, split.train, test)
    what = "of the test part" if part == "test" else "of the validation part"
    warn_of_new_users(split.train.user, test.user, what)
    candidates = protocol_candidates(split, part)
    asked, most = bool(k) or "k" in (settings or {}), len(candidates)
    if isinstance(config, CandidatesConfig) and given is None and not asked:
        most = min(most, config.num)
    config = _cut(config, most, asked=asked)
    if isinstance(config, RankingConfig):
        announce(of_evaluating(len(np.unique(test.user)), len(candidates)), say)
    ranking = None
    exclude = [split.train] if part == "valid" else [split.train, split.valid]
    if trec is not None and isinstance(config, FullConfig):
        depth = min(max(*config.k, 100), len(candidates))
        options: dict[str, Any] = {"exclude": exclude, "candidates": candidates}
        ranking = rank(recommender, test, depth=depth, **options)
        features = ItemFeatures.from_graph(recommender.graph)
        result = measure(ranking, test, k=config.k, features=features, **options)
        result = with_groups(result, split.train, recommender.snapshot.inputs.users)
    else:
        pairs = None if given is None else Interactions.read(given, rating=None, timestamp=None)
        result = recommender.evaluate(
            test,
            protocol=config,
            exclude=exclude,
            candidates=candidate_ids(split, part),
            given=pairs,
        )
    path = evaluation_path(folder, part, config)
    try:
        check_files([path], force=force, ours=is_checked_json)
        result.save_json(path)
        if ranking is not None and trec is not None:
            write_trec(trec, ranking, test)
    except RunError as error:
        if not_stored is None:
            warn(f"{error} The results are not stored.")
        else:
            not_stored(error)
    return result


def check_part(part: str) -> None:
    """Check that the part of a split is `valid` or `test`.

    Raises:
        ConfigError: It is another one.
    """
    if part not in PARTS[1:]:
        raise ConfigError(
            f"Models are measured on 'valid' or 'test', not {printable(part)!r}."
            + did_you_mean(part, PARTS[1:])
        )


def evaluation_path(folder: str | Path, part: str, config: ProtocolConfig) -> Path:
    """Return the file of a run folder with the results of a protocol on a part."""
    name = "" if isinstance(config, FullConfig) else f"_{config.name}"
    return Path(folder) / f"evaluation_{part}{name}.json"


def _cut(config: ProtocolConfig, num_candidates: int, *, asked: bool) -> ProtocolConfig:
    """Return settings without cut-offs above the number of ranked items.

    Raises:
        ConfigError: The caller asked for such a cut-off.
    """
    if not isinstance(config, RankingConfig) or max(config.k) <= num_candidates:
        return config
    if asked:
        raise ConfigError(
            f"{option('k', max(config.k))} is larger than the catalogue: {num_candidates} items "
            "are ranked."
        )
    fitting = tuple(cut for cut in config.k if cut <= num_candidates)
    return config.model_copy(update={"k": fitting or (num_candidates,)})
