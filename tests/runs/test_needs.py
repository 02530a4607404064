"""What stages need is said before they start, and what cannot fit is refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from typer.testing import CliRunner

import kgrec
from kgrec.auto.auto import MIN_USERS, Auto
from kgrec.auto.data_facts import Facts
from kgrec.auto.trials import families, safe_choice
from kgrec.config import load_config
from kgrec.errors import DataError
from kgrec.graph.settings import GraphConfig
from kgrec.kg.graph import KnowledgeGraph
from kgrec.models.costs import (
    BYTES_AN_INTERACTION,
    SECONDS_A_CUBE,
    SECONDS_A_FACTOR,
    SECONDS_A_MEETING,
    meetings,
)
from kgrec.models.ease import AttributeEASEConfig
from kgrec.models.ials import IALSConfig
from kgrec.models.item_knn import ItemKNNConfig
from kgrec.models.kernel_ratings import KernelRatingsConfig
from kgrec.models.low_rank import LowRankConfig
from kgrec.models.training_data import TrainingData
from kgrec.models.trending import TrendingConfig
from kgrec.retrieval.settings import ApproximateIndexConfig, ExactIndexConfig
from kgrec.runs import needs
from kgrec.runs.evaluating import evaluate_run
from kgrec.runs.log import RunLog
from kgrec.runs.training import train_run
from kgrec.runs.tuning import tune_run
from kgrec.testing import log_from_pairs, planted
from kgrec.training.link_prediction import (
    BYTES_A_NUMBER,
    BYTES_OF_AN_EDGE,
    LinkPrediction,
    LinkPredictionConfig,
)

GIB = 1 << 30


@pytest.fixture
def free(monkeypatch):
    def set_to(size):
        monkeypatch.setattr(needs, "available_memory", lambda: size)

    return set_to


@pytest.mark.parametrize(
    ("memory", "seconds", "told"),
    [
        (10, 1.0, []),
        (10, None, []),
        (3 * GIB, None, ["X needs about 3.0 GiB of memory."]),
        (0, 61.0, ["X needs about 0.0 GiB of memory and 1 min."]),
        (GIB, 4000.0, ["X needs about 1.0 GiB of memory and 67 min."]),
        (GIB, 9000.0, ["X needs about 1.0 GiB of memory and 2.5 hours."]),
    ],
)
def test_what_is_much_is_said(memory, seconds, told, free):
    free(100 * GIB)
    log = RunLog()
    needs.announce(needs.Needs("X", memory, seconds, "Do Y."), log.say)
    assert log.lines == told


@pytest.mark.parametrize("size", [GIB, 0])
def test_what_does_not_fit_is_refused_with_advice(size, free):
    free(size)
    with pytest.raises(DataError, match=r"about 2\.0 GiB .* GiB are free\. Do Y\."):
        needs.announce(needs.Needs("X", 2 * GIB, None, "Do Y."), RunLog().say)


def test_a_system_that_does_not_say_what_is_free_refuses_nothing(free):
    free(None)
    log = RunLog()
    needs.announce(needs.Needs("X", 2 * GIB, None, "Do Y."), log.say)
    assert len(log.lines) == 1


def test_the_square_of_ease_is_that_of_the_fewer_of_users_and_items():
    data = TrainingData(log_from_pairs([(user, user % 5) for user in range(40)], 50, 30))
    matrix = BYTES_AN_INTERACTION * 40
    assert kgrec.EASE().memory_to_fit(data) == matrix + 32 * 5**2
    assert kgrec.UserEASE().memory_to_fit(data) == matrix + 32 * 5**2
    assert kgrec.SLIM().memory_to_fit(data) == matrix + 8 * 30**2
    assert kgrec.MostPopular().memory_to_fit(data) == matrix
    assert kgrec.EASE().seconds_to_fit(data) == pytest.approx(SECONDS_A_CUBE * 5**3)
    assert kgrec.UserEASE().seconds_to_fit(data) == pytest.approx(SECONDS_A_CUBE * 5**3)
    assert kgrec.SLIM().seconds_to_fit(data) is None
    assert kgrec.LowRank().seconds_to_fit(data) is None


def test_attributes_and_words_are_users_too_and_features_are_items():
    """Counted by the system that the model really makes."""
    rng = np.random.default_rng(0)
    log = log_from_pairs([(user, user % 5) for user in range(4)], 6, 9)
    attributes = csr_matrix((rng.random((9, 7)) < 0.4).astype(np.float32))
    words = csr_matrix((rng.random((9, 4)) < 0.3).astype(np.float32))
    features = csr_matrix((rng.random((6, 3)) < 0.5).astype(np.float32))
    data = TrainingData(log, attributes=attributes, words=words, user_features=features)
    for model in (
        kgrec.AttributeEASE(AttributeEASEConfig(min_items=3)),
        kgrec.AttributeEASE(AttributeEASEConfig(min_items=2, words=1.0)),
        kgrec.UserEASE(),
    ):
        model.fit(data)
        rows = model._system._rows
        used = int((abs(rows).sum(axis=0) > 0).sum())
        made = int((abs(rows).sum(axis=1) > 0).sum())
        side = min(used, made)
        assert model.memory_to_fit(data) == BYTES_AN_INTERACTION * 4 + 32 * side**2, model


def test_content_of_new_items_is_a_regression_of_its_own():
    data = TrainingData(log_from_pairs([(user, user % 5) for user in range(400)], 400, 90))
    known, new = 5, 85
    told = kgrec.ContentEASE().memory_to_fit(data)
    assert told == max(BYTES_AN_INTERACTION * 400 + 32 * 25, 20 * known * (known + new) + 4 * 90**2)
    all_known = TrainingData(log_from_pairs([(user, user % 5) for user in range(40)], 40, 5))
    assert kgrec.ContentEASE().memory_to_fit(all_known) == kgrec.EASE().memory_to_fit(all_known)


def test_pairs_of_interactions_of_one_user_are_the_work_of_neighbors():
    pairs = [(0, item) for item in range(6)] + [(1, 0), (1, 1), (3, 2)]
    data = TrainingData(log_from_pairs(pairs, 4, 7))
    naive = sum(one == other for one, _ in pairs for other, _ in pairs)  # the same user
    assert meetings(data.train) == naive == 36 + 4 + 1
    model = kgrec.ItemKNN(ItemKNNConfig(num_neighbors=2))
    assert model.seconds_to_fit(data) == pytest.approx(SECONDS_A_MEETING * naive)
    told = BYTES_AN_INTERACTION * 9 + 16 * 14 + 40 * naive  # two neighbors of seven items
    assert model.memory_to_fit(data) == told


def test_factors_count_their_numbers():
    pairs = [(user, user % 5) for user in range(40)]
    data = TrainingData(log_from_pairs(pairs, 50, 30))
    ials = kgrec.IALS(IALSConfig(dim=8, iterations=3))
    assert ials.memory_to_fit(data) == BYTES_AN_INTERACTION * 40 + 4 * 8 * (50 + 60)
    assert ials.seconds_to_fit(data) == pytest.approx(
        SECONDS_A_FACTOR * 3 * (8 * 40 + 64 * (50 + 30))
    )
    low_rank = kgrec.LowRank(LowRankConfig(dim=8))
    small = BYTES_AN_INTERACTION * 40 + 24 * 30**2 + 8 * 8 * (50 + 60)
    assert low_rank.memory_to_fit(data) == small


@pytest.fixture(scope="module")
def rated():
    """Ratings of 4,000 users and 3,000 items, larger than what a fit keeps besides."""
    rng = np.random.default_rng(0)
    pairs = np.unique(rng.integers((4000, 3000), size=(60_000, 2)), axis=0)
    log = log_from_pairs(pairs.tolist(), 4000, 3000)
    return TrainingData(replace(log, rating=rng.integers(1, 6, len(log)).astype(np.float32)))


@pytest.mark.parametrize(
    "model",
    [
        kgrec.LowRank(LowRankConfig(dim=32)),
        kgrec.ItemKNN(),
        kgrec.KernelRatings(KernelRatingsConfig(dim=20, taste_dim=10)),
        kgrec.Trending(TrendingConfig(half_life=None)),
    ],
    ids=lambda model: model.name,
)
def test_the_memory_of_a_model_is_what_its_fit_takes(model, rated):
    import tracemalloc

    model.fit(rated)  # libraries are loaded
    tracemalloc.start()
    model.fit(rated)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # No more than a fit takes and half of it: what fits should not be refused.
    assert 0.3 * peak < model.memory_to_fit(rated) < 1.5 * peak


def test_the_memory_of_ease_is_what_its_fit_takes():
    import tracemalloc

    rng = np.random.default_rng(0)
    pairs = np.unique(rng.integers(400, size=(20_000, 2)), axis=0)
    data = TrainingData(log_from_pairs(pairs.tolist(), 400, 400))
    model = kgrec.EASE()
    tracemalloc.start()
    _ = model.fit(data).weights
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 0.5 * model.memory_to_fit(data) < peak < 1.6 * model.memory_to_fit(data)


def test_an_ensemble_needs_what_its_largest_member_needs():
    data = TrainingData(log_from_pairs([(user, user % 5) for user in range(40)], 50, 30))
    members = [kgrec.LowRank(), kgrec.EASE(), kgrec.SLIM()]
    largest = max(member.memory_to_fit(data) for member in members)
    assert kgrec.Ensemble(members).memory_to_fit(data) == largest > 0
    assert kgrec.Ensemble(members).seconds_to_fit(data) is None  # that of the others is not known
    known = [kgrec.EASE(), kgrec.ItemKNN()]
    total = sum(member.seconds_to_fit(data) for member in known)
    assert kgrec.Ensemble(known).seconds_to_fit(data) == pytest.approx(total)


def test_auto_needs_what_the_largest_model_needs_that_it_may_try():
    known = planted()
    data = replace(known.data, valid=known.held_out)
    assert len(np.unique(data.valid.user)) >= MIN_USERS
    model = Auto()
    told = model.memory_to_fit(data)
    tried = []

    def memory(settings):
        tried.append(settings.build().memory_to_fit(data))
        return 0.0

    for family in families(Facts.of(data), "normal"):
        family.search(memory)
    assert told == max(tried) > min(tried)
    assert model.seconds_to_fit(data) is None
    alone = replace(data, valid=None)
    safe = [family.start.build().memory_to_fit(alone) for family in safe_choice(Facts.of(alone))]
    assert Auto().memory_to_fit(alone) == max(safe)


def test_the_memory_of_a_link_predictor_grows_with_nodes_and_width():
    data = planted().data
    users, items = data.train.num_users, data.train.num_items
    shelves = data.graph["item_shelf"].num_nodes

    def needed(encoder):
        predictor = {"dim": 16, "encoder": encoder}
        config = LinkPredictionConfig.model_validate({"predictor": predictor})
        return LinkPrediction(config).memory_to_fit(data)

    liked, on_shelves = len(data.train), data.graph["item", "shelf", "item_shelf"].num_edges
    of_users = BYTES_OF_AN_EDGE * 2 * liked  # and the inverse of each
    assert needed("none") == BYTES_A_NUMBER * 16 * (users + items) + of_users
    of_all = of_users + BYTES_OF_AN_EDGE * 2 * on_shelves
    assert needed("lightgcn") == BYTES_A_NUMBER * 16 * (users + items + shelves) + of_all
    assert LinkPrediction().memory_to_fit(TrainingData(data.train)) == 0


def test_the_memory_of_a_link_predictor_is_that_which_was_measured():
    results = Path(__file__).parents[2] / "experiments" / "results" / "bench_models.json"
    for name, sizes in json.loads(results.read_text())["models"].items():
        largest = sizes[max(sizes, key=int)]
        told = BYTES_A_NUMBER * largest["num_parameters"]
        # No less than what any takes, so that nothing that fits is refused.
        assert 0.9 * told < largest["peak_bytes"] < 6 * told, name


def test_files_of_a_config_count_by_their_sizes(project):
    found = needs.of_reading(load_config(project))
    assert found.is_small
    assert "in 5 files" in found.what
    folder = project.parent
    larger = needs.of_reading(load_config(project, ["data.graph=[graph.ttl, graph.ttl]"]))
    assert larger.memory >= found.memory > (folder / "ratings.csv").stat().st_size


def test_a_training_that_does_not_fit_stops_before_it_starts(project, free, tmp_path, monkeypatch):
    monkeypatch.setattr(kgrec.EASE, "memory_to_fit", lambda *_: 5000 * GIB)
    free(8 * GIB)
    with pytest.raises(
        DataError, match=r"Fitting ease to [0-9,]+ interactions .* 5000\.0 GiB .* Choose low_rank"
    ):
        train_run(load_config(project, ["model=ease", "text=null"]), tmp_path / "run")
    assert not (tmp_path / "run" / "manifest.json").exists()


def test_a_parquet_file_counts_by_its_rows_and_lines_by_their_bytes(tmp_path):
    frame = pd.DataFrame({"user_id": ["u"] * 5000, "item_id": ["i"] * 5000})
    frame.to_parquet(tmp_path / "log.parquet")
    assert needs._of_file(tmp_path / "log.parquet", 10)[0] == 5000 * needs.BYTES_A_ROW
    (tmp_path / "bad.parquet").write_bytes(b"none")
    assert needs._of_file(tmp_path / "bad.parquet", 4) == (0.0, 0.0)
    assert needs._of_file(Path("graph.nt"), 1000)[0] == 1000 * needs.BYTES_A_BYTE
    other = needs._of_file(Path("graph.ttl"), 1000)
    assert other[0] > 1000 * needs.BYTES_A_BYTE


def test_the_slopes_are_those_that_were_measured():
    results = Path(__file__).parents[2] / "experiments" / "results"
    sizes = json.loads((results / "bench_growth.json").read_text())["sizes"]
    process = sizes["10000"]["read"]["peak_bytes"]  # what is there for any file
    for size in ("1000000", "10000000"):
        bytes_of_file = sizes[size]["bytes"]
        measured = sizes[size]["read"]
        told = bytes_of_file * needs.BYTES_A_BYTE
        assert 0.5 < told / (measured["peak_bytes"] - process) < 2
        assert 0.3 < bytes_of_file * needs.SECONDS_A_BYTE / measured["seconds"] < 3


def test_lists_say_how_long_they_take():
    found = needs.of_lists(10**6, 2 * 10**5, 10)
    assert "1,000,000 users of 200,000 items" in found.what
    assert found.seconds == pytest.approx(2e11 * needs.SECONDS_A_PRODUCT)
    assert planted().data.train.num_users  # small data is not announced
    assert needs.of_lists(58, 25, 10).is_small


def test_a_graph_counts_interactions_and_the_statements_that_are_used(tmp_path):
    lines = [f"<http://e.org/i{n}> <http://e.org/r> <http://e.org/e{n % 3}> .\n" for n in range(8)]
    (tmp_path / "graph.nt").write_text("".join(lines))
    kg = KnowledgeGraph.read(tmp_path / "graph.nt")
    log = log_from_pairs([(user, user % 5) for user in range(40)], 50, 30)
    for config, statements in (
        (GraphConfig(), 8),
        (GraphConfig(min_degree=3, inverse_relations=False), 8),
        (GraphConfig(max_hops=1), 0),
        (GraphConfig(keep_relations=("r",)), 0),
        (GraphConfig(drop_types=("t",)), 0),
    ):
        found = needs.of_graph(kg, log, config)
        assert found.memory == needs.BYTES_AN_EDGE * (40 + statements)
        assert found.seconds == pytest.approx(needs.SECONDS_AN_EDGE * (40 + statements))
        assert f"40 interactions and {statements} statements" in found.what
        assert found.is_small
    assert needs.of_graph(None, log, GraphConfig()).memory == needs.BYTES_AN_EDGE * 40


def test_a_ranking_counts_users_times_items():
    found = needs.of_evaluating(3_000_000, 200_000)
    assert found.what == "Ranking 200,000 items for 3,000,000 users"
    assert found.seconds == pytest.approx(6e11 * needs.SECONDS_A_RANKED_SCORE)
    assert found.memory > needs.BYTES_A_RANKED_USER * 3_000_000
    assert needs.of_evaluating(50, 40).is_small


def test_an_index_counts_vectors_and_codes():
    exact = needs.of_index(1000, 64, ExactIndexConfig())
    assert (exact.memory, exact.seconds) == (4 * 1000 * 64, None)
    codes = needs.of_index(1000, 66, ApproximateIndexConfig(train_rows=300))
    assert codes.memory == 4 * 1000 * 66 + 1000 * 17 + 8 * 300 * 66
    assert codes.seconds == pytest.approx(needs.SECONDS_A_CODED_NUMBER * 66_000)
    assert codes.what == "The approximate index of 1,000 vectors of 66 numbers"


def test_a_search_of_settings_counts_its_trials():
    one = needs.Needs("Fitting x", 100, 7.0, "Do Y.")
    found = needs.of_trials(one, 40, 2)
    assert (found.memory, found.seconds) == (200, 280.0)
    assert found.what == "Fitting x, 40 times,"
    assert "tune.at_once" in found.advice
    assert "Do Y." in found.advice
    assert needs.of_trials(replace(one, seconds=None), 1, 4).memory == 100
    assert needs.of_trials(replace(one, seconds=None), 1, 4).seconds is None


def test_the_slopes_of_stages_are_those_that_were_measured():
    results = Path(__file__).parents[2] / "experiments" / "results" / "slopes.json"
    stages = json.loads(results.read_text())["stages"]
    largest = {name: found[-1] for name, found in stages.items()}
    for name, told in (
        ("ease", SECONDS_A_CUBE),
        ("item_knn", SECONDS_A_MEETING),
        ("ials", SECONDS_A_FACTOR),
        ("graph", needs.SECONDS_AN_EDGE),
        ("evaluating", needs.SECONDS_A_RANKED_SCORE),
        ("index", needs.SECONDS_A_CODED_NUMBER),
    ):
        assert 0.5 < told / largest[name]["slope"] < 2, name
    for name in ("ease", "item_knn", "ials", "low_rank"):
        assert 0.3 < largest[name]["told_bytes"] / largest[name]["bytes"] < 2, name
    graph = largest["graph"]
    assert 0.5 < needs.BYTES_AN_EDGE * graph["units"] / graph["bytes"] < 2


@pytest.fixture(scope="module")
def run(project, tmp_path_factory):
    folder = tmp_path_factory.mktemp("needs") / "run"
    train_run(load_config(project, ["model=low_rank", "text=null"]), folder)
    return folder


def test_small_work_is_silent(project, run, tmp_path):
    log = RunLog()
    train_run(load_config(project, ["model=ease", "text=null"]), tmp_path / "run", log=log)
    said = []
    evaluate_run(run, say=said.append)
    assert not said
    assert not [line for line in log.lines if "GiB of memory" in line]


def test_an_evaluation_says_what_it_needs_or_is_refused(run, free, monkeypatch):
    monkeypatch.setattr(needs, "BYTES_A_RANKED_USER", 8 * GIB)
    free(10_000 * GIB)
    said = []
    evaluate_run(run, say=said.append)
    assert len(said) == 1
    assert said[0].startswith("Ranking ")
    free(GIB)
    path = run / "evaluation_test.json"
    path.unlink()
    with pytest.raises(DataError, match=r"Ranking [0-9,]+ items for [0-9,]+ users needs about"):
        evaluate_run(run)
    assert not path.exists()
    from kgrec.cli import app

    told = CliRunner().invoke(app, ["evaluate", str(run)])
    assert told.exit_code != 0


def test_a_graph_that_does_not_fit_is_refused_before_it_is_built(
    project, free, tmp_path, monkeypatch
):
    monkeypatch.setattr(needs, "BYTES_AN_EDGE", GIB)
    free(8 * GIB)
    with pytest.raises(DataError, match=r"Building the graph of .*keep_relations"):
        train_run(load_config(project, ["model=ease", "text=null"]), tmp_path / "run")


def test_a_search_of_settings_that_does_not_fit_is_refused(project, free, tmp_path, monkeypatch):
    monkeypatch.setattr(kgrec.EASE, "memory_to_fit", lambda *_: 5000 * GIB)
    free(8 * GIB)
    from kgrec.config import read_config_tree

    tree = read_config_tree(project, ["model=ease", "text=null"])
    with pytest.raises(DataError, match=r"Fitting ease .*, 3 times, needs about 5000\.0 GiB"):
        tune_run(tree, tmp_path / "search", 3)


def test_lists_for_all_users_say_what_the_index_needs(run, free, tmp_path, monkeypatch):
    from kgrec.cli import app

    monkeypatch.setattr(needs, "_TOLD_BYTES", 0)
    free(8 * GIB)
    out = tmp_path / "lists.csv"
    told = CliRunner().invoke(app, ["recommend", str(run), "--all", "--out", str(out)])
    assert told.exit_code == 0, told.output
    assert "The exact index of 23 vectors of 129 numbers" in told.output
