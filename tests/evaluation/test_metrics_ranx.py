"""Every ranking metric that ranx has, against ranx, on any rankings."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from kgrec.evaluation.metrics import PER_USER, per_user_metrics

THEIRS = {
    "ndcg": "ndcg",
    "recall": "recall",
    "precision": "precision",
    "mrr": "mrr",
    "map": "map",
    "hit": "hit_rate",
}

# It takes seconds to import, so one process answers for all examples; uncompiled, as compiling
# takes a minute and the rankings are small.
JUDGE = """
import json, sys
import ranx
for line in sys.stdin:
    case = json.loads(line)
    run = ranx.Run({user: dict(items) for user, items in case["run"].items()})
    qrels = ranx.Qrels({user: dict(items) for user, items in case["qrels"].items()})
    ranx.evaluate(qrels, run, case["metrics"])
    found = {
        name: {user: float(value) for user, value in run.scores[name].items()}
        for name in case["metrics"]
    }
    print(json.dumps(found), flush=True)
"""


@pytest.fixture(scope="module")
def judge():
    """Return what asks ranx for the metrics of a case."""
    process = subprocess.Popen(
        [sys.executable, "-c", JUDGE],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def ask(case):
        process.stdin.write(json.dumps(case) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    yield ask
    process.communicate(timeout=60)
    assert process.returncode == 0


@st.composite
def cases(draw):
    """Rankings of distinct items, some shorter than others; each user has something to find."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    num, num_items = draw(st.integers(1, 5)), draw(st.integers(2, 20))
    depth = draw(st.integers(1, num_items))
    ranking = np.stack([rng.permutation(num_items)[:depth] for _ in range(num)])
    for row in ranking:
        row[rng.integers(1, depth + 1) :] = -1  # ranx knows no empty ranking
    relevant = rng.random((num, num_items)) < draw(st.sampled_from([0.1, 0.4, 1.0]))
    relevant[np.arange(num), rng.integers(0, num_items, num)] = True
    return ranking, relevant, sorted({draw(st.integers(1, depth)), depth})


@settings(max_examples=80, deadline=None)
@given(cases())
def test_against_ranx(judge, case):
    ranking, relevant, cutoffs = case
    assert set(THEIRS) == set(PER_USER)  # a new metric is compared too
    ours = per_user_metrics(ranking, csr_matrix(relevant.astype(np.float32)), cutoffs)
    depth = ranking.shape[1]
    run = {
        f"q{user}": [
            (f"i{item}", float(depth - place)) for place, item in enumerate(row) if item >= 0
        ]
        for user, row in enumerate(ranking.tolist())
    }
    qrels = {
        f"q{user}": [(f"i{item}", 1) for item in np.flatnonzero(row).tolist()]
        for user, row in enumerate(relevant)
    }
    names = [f"{name}@{k}" for name in THEIRS.values() for k in cutoffs]
    theirs = judge({"run": run, "qrels": qrels, "metrics": names})
    for name, other in THEIRS.items():
        for k in cutoffs:
            values = ours[f"{name}@{k}"]
            if name == "map":  # theirs is normalised by the number of relevant items alone
                values = values * np.minimum(k, relevant.sum(1)) / relevant.sum(1)
            found = [theirs[f"{other}@{k}"][f"q{user}"] for user in range(len(ranking))]
            np.testing.assert_allclose(found, values, atol=1e-9, err_msg=f"{name}@{k}")
