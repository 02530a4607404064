"""Evaluation from scores to means, the protocols' candidates, and files for others to read."""

import json
import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgrec.data.interactions import Interactions, Split
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import ConfigError, DataError, RunError
from kgrec.evaluation.evaluate import evaluate, measure, protocol_candidates, rank
from kgrec.evaluation.trec import decode_id, encode_id, strictly_decreasing, write_trec
from kgrec.outputs.checked import check_json


class Table:
    """A model that reads its scores off a table."""

    def __init__(self, scores):
        self.scores = np.asarray(scores, dtype=np.float32)
        self.asked = []

    def score(self, users):
        self.asked.append(users.tolist())
        return self.scores[users]


def log_of(pairs, users, items):
    rows = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return Interactions(users, items, rows[:, 0].copy(), rows[:, 1].copy())


def random_split(seed=0, num_users=40, num_items=30):
    """Disjoint parts over ids that need care in a TREC file; some users have no test items."""
    rng = np.random.default_rng(seed)
    users = Vocabulary([f"ü ser {row:02}" for row in range(num_users)], "user")
    items = Vocabulary([f"film\t{row:02}%" for row in range(num_items)], "item")
    part = rng.choice(4, (num_users, num_items), p=[0.6, 0.2, 0.1, 0.1])
    part[5][part[5] == 3] = 0
    logs = [log_of(np.argwhere(part == number), users, items) for number in (1, 2, 3)]
    return Split(*logs), part


def naive_ndcg(scores, part, k):
    """Mean NDCG@k by loops, without what was in training or validation."""
    values = []
    for user, row in enumerate(part):
        wanted = set(np.flatnonzero(row == 3))
        if wanted:
            allowed = [item for item in range(len(row)) if row[item] in (0, 3)]
            order = sorted(allowed, key=lambda item: (-scores[user, item], item))[:k]
            gain = sum(1 / np.log2(place + 2) for place, i in enumerate(order) if i in wanted)
            ideal = sum(1 / np.log2(place + 2) for place in range(min(k, len(wanted))))
            values.append(gain / ideal)
    return np.array(values)


def test_evaluate_against_loops_in_any_chunks():
    split, part = random_split()
    scores = np.random.default_rng(1).integers(0, 9, part.shape).astype(np.float32)
    for chunk_elements in (1, 100, 1 << 20):
        result = evaluate(
            Table(scores),
            split.test,
            exclude=(split.train, split.valid),
            k=(3, 10),
            chunk_elements=chunk_elements,
        )
        for k in (3, 10):
            expected = naive_ndcg(scores, part, k)
            np.testing.assert_allclose(result.per_user[f"ndcg@{k}"], expected)
            assert result.metrics[f"ndcg@{k}"] == pytest.approx(expected.mean())
    assert result.num_users == len(expected) < 40
    assert result.num_judgements == len(split.test)
    assert result.num_unreachable == 0
    assert result.num_candidates == 30
    assert "ü ser 05" not in result.user_ids
    np.testing.assert_array_equal(
        result.user_ids, split.test.users.take(np.unique(split.test.user))
    )


def test_only_users_with_something_to_find_are_scored():
    split, part = random_split()
    model = Table(np.zeros(part.shape))
    evaluate(model, split.test, exclude=split.train)
    assert [user for chunk in model.asked for user in chunk] == np.unique(split.test.user).tolist()


def test_a_perfect_and_a_worst_model():
    split, part = random_split()
    perfect = evaluate(Table(part == 3), split.test, exclude=(split.train, split.valid), k=[10])
    assert perfect.metrics["ndcg@10"] == perfect.metrics["hit@10"] == 1.0
    worst = evaluate(Table(part != 3), split.test, exclude=(split.train, split.valid), k=[3])
    assert worst.metrics["recall@3"] == 0.0


def test_what_was_seen_is_never_ranked():
    split, part = random_split()
    # A model that would leak: it scores highest what is in training and validation.
    ranking = rank(Table(part), split.test, exclude=(split.train, split.valid), depth=30)
    for user, items in zip(ranking.users, ranking.items, strict=True):
        shown = items[items >= 0]
        assert set(shown) == set(np.flatnonzero(np.isin(part[user], (0, 3))))


def test_popularity_is_counted_in_training():
    split, part = random_split()
    result = evaluate(
        Table(np.tile(-np.arange(30), (40, 1))), split.test, exclude=(split.train,), k=[1]
    )
    counts = (part == 1).sum(axis=0)
    first = [min(np.flatnonzero(part[user] != 1)) for user in np.unique(split.test.user)]
    assert result.metrics["popularity@1"] == pytest.approx(counts[first].mean())
    assert result.metrics["coverage@1"] == pytest.approx(len(set(first)) / 30)


def test_candidates_alone_are_ranked_and_misses_are_counted():
    split, part = random_split()
    candidates = np.arange(0, 30, 2)
    result = evaluate(
        Table(part == 3), split.test, exclude=split.train, k=[10], candidates=candidates
    )
    assert result.num_candidates == 15
    assert result.num_unreachable == (part[:, 1::2] == 3).sum()
    ranking = rank(
        Table(part == 3), split.test, exclude=split.train, depth=20, candidates=candidates
    )
    assert set(np.unique(ranking.items)) <= {-1, *candidates}
    # What is judged and excluded at once cannot be found either, and is counted once.
    both = evaluate(
        Table(part), split.test, exclude=(split.train, split.test), k=[10], candidates=candidates
    )
    assert both.num_unreachable == len(split.test)
    assert both.metrics["recall@10"] == 0.0


def test_protocol_candidates():
    items = Vocabulary([f"i{row}" for row in range(9)], "item")
    users = Vocabulary(["a", "b"], "user")
    parts = [
        log_of(pairs, users, items)
        for pairs in ([(0, 1), (1, 3)], [(0, 7), (1, 5)], [(0, 8), (1, 8)])
    ]
    split = Split(*parts, kind="cold_items")
    assert protocol_candidates(split, "test").tolist() == [8]
    assert protocol_candidates(split, "valid").tolist() == [5, 7]
    for kind in ("random", "temporal"):
        assert protocol_candidates(split, "test", kind).tolist() == [1, 3, 5, 7, 8]
    with pytest.raises(ConfigError, match="'test'"):
        protocol_candidates(split, "tst", "random")


def test_results_as_tables_and_files(tmp_path):
    split, part = random_split()
    result = evaluate(Table(part), split.test, exclude=split.train, k=[5])
    frame = result.to_pandas()
    assert frame.columns[0] == "user_id"
    assert frame["recall@5"].mean() == pytest.approx(result.metrics["recall@5"])
    result.save_json(tmp_path / "result.json")
    stored = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert check_json(stored) == result.to_dict(per_user=True)
    assert stored["metrics"] == result.metrics
    assert stored["per_user"]["user_id"] == list(result.user_ids)
    assert "per_user" not in result.to_dict()
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_a_file_that_cannot_be_written(tmp_path):
    split, part = random_split()
    result = evaluate(Table(part), split.test, exclude=split.train, k=[5])
    (tmp_path / "taken").mkdir()
    for path in (tmp_path / "no" / "such" / "result.json", tmp_path / "taken"):
        with pytest.raises(RunError, match="cannot be written"):
            result.save_json(path)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


# Uncompiled, as compiling it takes a minute and our files are small.
JUDGE = """
import json, sys, ranx
names = sys.argv[3:]
run = ranx.Run.from_file(sys.argv[1], kind="trec")
ranx.evaluate(ranx.Qrels.from_file(sys.argv[2], kind="trec"), run, names)
print(json.dumps({name: {id: float(x) for id, x in run.scores[name].items()} for name in names}))
"""


def test_an_outside_evaluator_agrees(tmp_path):
    split, part = random_split(3)
    # Few distinct scores: ties everywhere, which the files must break as we do.
    scores = np.random.default_rng(3).integers(-2, 3, part.shape)
    exclude = (split.train, split.valid)
    ranking = rank(Table(scores), split.test, exclude=exclude, depth=20)
    result = measure(ranking, split.test, exclude=exclude, k=(5, 10))
    qrels = write_trec(tmp_path / "run.trec", ranking, split.test)
    assert qrels == tmp_path / "run.qrels"
    names = [
        f"{name}@{k}"
        for name in ("ndcg", "recall", "precision", "mrr", "hit_rate", "map")
        for k in (5, 10)
    ]
    judged = subprocess.run(
        [sys.executable, "-c", JUDGE, str(tmp_path / "run.trec"), str(qrels), *names],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = json.loads(judged.stdout)
    relevant = np.bincount(split.test.user, minlength=40)[ranking.users]
    for name in names:
        ours = result.per_user[name.replace("hit_rate", "hit")]
        if name.startswith("map"):  # theirs is normalised by the number of relevant items alone
            ours = ours * np.minimum(int(name[4:]), relevant) / relevant
        by_user = [theirs[name][encode_id(id)] for id in result.user_ids]
        np.testing.assert_allclose(by_user, ours, err_msg=name)


def test_trec_lines(tmp_path):
    users, items = Vocabulary(["a b", "c"], "user"), Vocabulary(["x", "y%", "z"], "item")
    test = log_of([(0, 2), (1, 0), (1, 1)], users, items)
    ranking = rank(
        Table([[1, 1, 1], [0.1, 3, -2]]),
        test,
        exclude=log_of([(0, 0)], users, items),
        depth=3,
    )
    write_trec(tmp_path / "a.run", ranking, test, depth=2, tag="mine")
    lines = [line.split(" ") for line in (tmp_path / "a.run").read_text().splitlines()]
    assert [line[:4] for line in lines] == [
        ["a%20b", "Q0", "y%25", "1"],
        ["a%20b", "Q0", "z", "2"],
        ["c", "Q0", "y%25", "1"],
        ["c", "Q0", "x", "2"],
    ]
    assert all(line[5] == "mine" for line in lines)
    values = np.array([line[4] for line in lines], dtype=np.float32)
    assert values[0] == 1.0 > values[1] > 0.999
    assert values[2:].tolist() == [3.0, np.float32(0.1)]
    judged = (tmp_path / "a.qrels").read_text().splitlines()
    assert judged == ["a%20b 0 z 1", "c 0 x 1", "c 0 y%25 1"]


@given(st.text(min_size=1))
def test_every_id_is_one_token_and_comes_back(id):
    token = encode_id(id)
    assert token.split() == [token]
    assert token.isascii()
    assert decode_id(token) == id


@given(
    st.lists(
        st.floats(-(2.0**99), 2.0**99, width=32) | st.sampled_from([0.0, -0.0, 1.0]),
        min_size=1,
        max_size=9,
    )
)
def test_scores_fall_strictly_even_as_text(values):
    scores = -np.sort(-np.array([values], dtype=np.float32))
    falling = strictly_decreasing(scores)
    printed = np.array([[f"{value:.9g}" for value in falling[0].tolist()]]).astype(np.float32)
    assert (np.diff(printed) < 0).all()
    np.testing.assert_allclose(falling, scores, rtol=1e-5, atol=1e-28)


class Products:
    """A model that scores by inner products."""

    def __init__(self, rng, num_users, num_items):
        self.users = rng.standard_normal((num_users, 4)).astype(np.float32)
        self.items = rng.standard_normal((num_items, 4)).astype(np.float32)

    def score(self, users):
        return self.users[users] @ self.items.T


def test_memory_does_not_grow_with_users_times_items():
    rng = np.random.default_rng(0)
    users = Vocabulary([f"u{row:05}" for row in range(3000)], "user")
    items = Vocabulary([f"i{row:05}" for row in range(20_000)], "item")
    pairs = np.stack([rng.permutation(20_000)[:12] for _ in range(3000)])
    rows = np.arange(3000)
    train = Interactions(users, items, np.repeat(rows, 10), pairs[:, :10].ravel())
    test = Interactions(users, items, np.repeat(rows, 2), pairs[:, 10:].ravel())
    model = Products(rng, 3000, 20_000)
    tracemalloc.start()
    result = evaluate(model, test, exclude=train, k=(10,), chunk_elements=1 << 20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30e6  # the whole matrix of scores has 240e6 bytes
    for row in (0, 1777, 2999):
        scores = model.score(np.array([row]))[0]
        scores[pairs[row, :10]] = -np.inf
        top = np.argsort(-scores, kind="stable")[:10]
        found = np.isin(pairs[row, 10:], top).sum()
        assert result.per_user["recall@10"][row] == found / 2


def test_bad_input(tmp_path):
    split, part = random_split()
    model = Table(part)
    for k in ((), (0,), (5, -1)):
        with pytest.raises(ConfigError, match="k must be"):
            evaluate(model, split.test, exclude=split.train, k=k)
    nothing = split.test.select(np.zeros(len(split.test), dtype=bool))
    with pytest.raises(DataError, match="no interactions"):
        evaluate(model, nothing, exclude=split.train)
    other = random_split(num_items=29)[0]
    with pytest.raises(DataError, match="vocabularies"):
        evaluate(model, split.test, exclude=other.train)
    with pytest.raises(DataError, match="shape"):
        evaluate(Table(part[:, :-1]), split.test, exclude=split.train)
    with pytest.raises(DataError, match="NaN"):
        evaluate(Table(part * np.nan), split.test, exclude=split.train)
    ranking = rank(model, split.test, exclude=split.train, depth=3)
    with pytest.raises(ConfigError, match="depth 3"):
        measure(ranking, split.test, exclude=split.train, k=[4])
    with pytest.raises(DataError, match="other users"):
        measure(ranking, split.train, exclude=())
    for path, options in (
        ("a.qrels", {}),
        (".", {}),
        ("a.run", {"depth": 0}),
        ("a.run", {"tag": "two words"}),
        ("a.run", {"tag": ""}),
    ):
        with pytest.raises(ConfigError):
            write_trec(tmp_path / path if path != "." else ".", ranking, split.test, **options)
    users = Vocabulary(["", "b"], "user")
    empty_id = log_of([(0, 0)], users, Vocabulary(["x"], "item"))
    with pytest.raises(DataError, match="empty id"):
        write_trec(
            tmp_path / "a.run", rank(Table([[1], [1]]), empty_id, exclude=(), depth=1), empty_id
        )
    assert list(tmp_path.iterdir()) == []
