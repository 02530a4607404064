"""What stages need is said before they start, and what cannot fit is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import kgrec
from kgrec.config import load_config
from kgrec.errors import DataError
from kgrec.models.training_data import TrainingData
from kgrec.runs import needs
from kgrec.runs.log import RunLog
from kgrec.runs.training import train_run
from kgrec.testing import log_from_pairs, planted
from kgrec.training.link_prediction import BYTES_A_NUMBER, LinkPrediction, LinkPredictionConfig

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
    assert kgrec.EASE().memory_to_fit(data) == 32 * 5**2
    assert kgrec.UserEASE().memory_to_fit(data) == 32 * 5**2
    assert kgrec.SLIM().memory_to_fit(data) == 8 * 30**2
    assert kgrec.LowRank().memory_to_fit(data) == 0


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


def test_the_memory_of_a_link_predictor_grows_with_nodes_and_width():
    data = planted().data
    users, items = data.train.num_users, data.train.num_items
    shelves = data.graph["item_shelf"].num_nodes

    def needed(encoder):
        predictor = {"dim": 16, "encoder": encoder}
        config = LinkPredictionConfig.model_validate({"predictor": predictor})
        return LinkPrediction(config).memory_to_fit(data)

    assert needed("lightgcn") == BYTES_A_NUMBER * 16 * (users + items + shelves)
    assert needed("none") == BYTES_A_NUMBER * 16 * (users + items)
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
    for size in ("1000000", "10000000"):
        bytes_of_file = sizes[size]["bytes"]
        measured = sizes[size]["read"]
        told = bytes_of_file * needs.BYTES_A_BYTE
        assert 0.5 < told / measured["peak_bytes"] < 2
        assert 0.3 < bytes_of_file * needs.SECONDS_A_BYTE / measured["seconds"] < 3


def test_lists_say_how_long_they_take():
    found = needs.of_lists(10**6, 2 * 10**5, 10)
    assert "1,000,000 users of 200,000 items" in found.what
    assert found.seconds == pytest.approx(2e11 * needs.SECONDS_A_PRODUCT)
    assert planted().data.train.num_users  # small data is not announced
    assert needs.of_lists(58, 25, 10).is_small
