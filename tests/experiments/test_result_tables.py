"""The README's tables of models: figures, tests and bars as the result files have them."""

from __future__ import annotations

import copy
from types import ModuleType

import pytest
from test_readme import load_tables


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    return load_tables()


def metrics(value):
    return dict.fromkeys(("ndcg@10", "recall@10", "recall@20", "mrr@10"), value)


def against(mean, gain, p, test=None):
    made = {"mean": mean, "gain": gain, "t_test_p": p, "wilcoxon_p": p / 10}
    return {**made, "test": metrics(test)} if test else made


OWN = {
    "metric": "ndcg@10",
    "test": metrics(0.26),
    "valid": metrics(0.25),
    "runs": [
        {"test": metrics(value), "seconds_to_best": seconds}
        for value, seconds in ((0.259, 20), (0.261, 31))
    ],
    "baselines": {"ease": against(0.23, 0.03, 0.01), "slim": against(0.24, 0.02, 0.03)},
    "sparsest_fifth": {"ndcg@10": 0.22, "ease": {"mean": 0.2}},
    "no_graph": against(0.2, 0.06, 1e-30),
    "shuffled_graph": against(0.27, -0.01, 0.4),
    "tried": "This and that.",
}
GRID = {
    "results": [
        {
            "dataset": "movielens-dbpedia",
            "split": "random",
            "models": [
                {"model": "ease", "valid": metrics(0.21), "test": metrics(0.23)},
                {"model": "item_knn", "valid": metrics(0.2), "test": metrics(0.22)},
            ],
        }
    ]
}
SEARCH = {
    "budget": {"trials": 20, "sampler": "TPE"},
    "results": {
        "movielens_random": {
            "ease": {"chosen_by": "ndcg@10", "valid": metrics(0.22), "test": metrics(0.235)},
            "item_knn": {"chosen_by": "ndcg@10", "valid": metrics(0.19), "test": metrics(0.99)},
            "slim": {"chosen_by": "ndcg@10", "valid": metrics(0.22), "test": metrics(0.24)},
            "kgcn": {"not_applicable": "no reason"},
            "own": {"chosen_by": "ndcg@10", "valid": metrics(0.9), "test": metrics(0.9)},
        }
    },
}


def lines(tables, results):
    return tables.page(results).splitlines()


def test_a_table_of_a_data_set_has_the_best_baseline_on_top(tables):
    results = {"own_model": {"results": {"own_random": OWN}}, "baselines": GRID, "search": SEARCH}
    found = lines(tables, results)
    start = found.index("MovieLens-100K + DBpedia, `random`, test part:")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in found[start + 4 :]]
    end = rows.index([""])
    names = [row[0] for row in rows[:end]]
    assert names == [
        "**kgrec's own model, mean of 2 seeds**",
        "its seeds, lowest–highest",
        "the same without the graph",
        "the same with a graph whose items are shuffled",
        "SLIM",
        "EASE with dropout, weighed by ratings",
        "EASE",
        "item k-NN",
    ]
    by_name = dict(zip(names, rows, strict=False))
    assert by_name["**kgrec's own model, mean of 2 seeds**"][1:3] == ["0.2500", "0.2600"]
    assert by_name["its seeds, lowest–highest"][2] == "0.2590–0.2610"
    # Holm over four: the smallest by 4, then .01 by 3 and .03 by 2, never falling.
    assert by_name["the same without the graph"][-1] == "4e-30 / 4e-31"
    assert by_name["EASE"][-1] == "0.030 / 0.003"
    assert by_name["SLIM"][-1] == "0.060 / 0.006"
    assert by_name["the same with a graph whose items are shuffled"][-1] == "not above"
    assert by_name["EASE with dropout, weighed by ratings"][-1] == ""  # was not tested
    assert by_name["item k-NN"][2] == "0.2200"  # the grid's was better on validation
    assert any("20 trials of TPE" in line for line in found)


def test_figures_measured_beside_the_own_model_are_preferred(tables):
    own = copy.deepcopy(OWN)
    own["baselines"]["ease"] = against(0.2345, 0.0255, 0.01, test=0.2345)
    found = lines(tables, {"own_model": {"results": {"own_random": own}}, "baselines": GRID})
    row = next(line for line in found if line.startswith("| EASE |"))
    assert "0.2345" in row
    assert "0.2300" not in row


def test_bars_of_the_own_model(tables):
    results = {"own_model": {"results": {"own_random": OWN, "own_cold_items": OWN}}}
    rows = [bar.row(results) for bar in tables.BARS]
    by_name = {row[0]: row for row in rows}
    assert by_name["MovieLens-100K + DBpedia, `random`, own model's test NDCG@10"][2:4] == [
        "0.2600",
        "yes",
    ]
    name = "percent above EASE's NDCG@10, sparsest fifth of users of `random`"
    assert by_name[name][2:4] == ["10.0", "yes"]
    name = "largest p value of being above the model without or with a shuffled graph, `cold_items`"
    assert by_name[name][2:4] == ["1.000", "**no**: This and that."]
    name = "seconds of training to the best validation score, slowest seed, `random`"
    assert by_name[name][2:4] == ["31", "yes"]
    assert by_name["HetRec Last.FM, own model's test Recall@10"][2] == "not in the file"


def test_published_models_and_recbole(tables):
    published = {
        "results": {
            "lightgcn": {"test": {"recall@10": 0.27}, "seeds": [0, 1], "ratio": 0.9,
                         "published": {"recall@10": 0.3}, "within": False, "explanation": "Why."},
            "kgcn": {"test": {"recall@10": 0.2}, "seeds": [0], "ratio": 1.0,
                     "published": {"recall@10": 0.2}, "within": True},
            "bpr_mf": {"test": {"recall@10": 0.25}, "seeds": [0]},
        },
        "peers": [
            {"model": "LightGCN", "learning_rate": 0.1, "best_valid": 0.2,
             "test": {"recall@10": 0.11}},
            {"settings": {"model": "LightGCN", "learning_rate": 0.01}, "best_valid": 0.3,
             "test": {"recall@10": 0.28}},
        ],
    }  # fmt: skip
    recbole = {
        "epoch": {"own_random": {"seconds": {"kgrec": 0.5, "recbole": 2.0, "share": 0.25}}},
        "fit": {
            "own_lastfm": {
                "metric": "recall@10",
                "kgrec": [{"test": metrics(0.3)}, {"test": metrics(0.31)}],
                "kgrec_seconds_to_best": 20.0,
                "times_as_fast": {"KGCN": 5.0, "CKE": 3.5},
                "recbole": {
                    "KGCN": {"seconds_to_best": 100.0, "still_improving": True,
                             "test": metrics(0.25)},
                    "CKE": {"seconds_to_best": 70.0, "still_improving": False},
                },
            }
        },
    }  # fmt: skip
    found = lines(tables, {"published": published, "bench_recbole": recbole})
    assert "| LightGCN | 0.3000 | 0.2700 | 2 | 0.900 | 0.2800 | **no** |" in found
    assert "- LightGCN: Why." in found
    assert "| KGCN | 0.2000 | 0.2000 | 1 | 1.000 |  | yes |" in found
    assert "| BPR-MF |  | 0.2500 | 1 |  |  |  |" in found
    assert "| MovieLens-100K + DBpedia, `random` | 0.50 | 2.00 | 0.25 |" in found
    assert (
        "| HetRec Last.FM | KGCN | 20 | at least 100 | at least 5.0 | recall@10 0.3050 | 0.2500 |"
        in found
    )
    assert "| HetRec Last.FM | CKE | 20 | 70 | 3.5 | recall@10 0.3050 |  |" in found
    bars = {row[0]: row for row in (bar.row({"bench_recbole": recbole}) for bar in tables.BARS)}
    row = next(row for bar in tables.BARS for row in [bar.row({"published": published})]
               if row[0].startswith("of LightGCN, KGCN"))  # fmt: skip
    assert row[1:4] == ["at least 5", "2", "**no**"]
    name = "times as fast to its best as RecBole's KGCN and CKE to theirs, the least"
    assert bars[name][2:4] == ["3.5", "**no**"]
    assert bars["an epoch of LightGCN as a share of RecBole's, the largest"][2:4] == ["0.25", "yes"]


def test_growth_of_the_models(tables):
    models = {
        "lightgcn": {"10000": {"seconds_per_epoch": 0.1234, "peak_bytes": 3 * 2**20},
                     "1000000": {"over": "seconds", "peak_bytes": 1}},
        "own sampled": {"1000000": {"seconds_per_epoch": 12.34, "peak_bytes": 2**31}},
    }  # fmt: skip
    found = lines(tables, {"bench_models": {"models": models}})
    assert "| model | 10,000 | 1,000,000 |" in found
    assert "| LightGCN | 0.123 / 3 | over the limit of seconds |" in found
    assert "| kgrec's default, sampled |  | 12.3 / 2,048 |" in found


def test_figures_are_shown_where_both_files_are_there(tables, tmp_path):
    assert "gains.png" not in tables.page({}, tmp_path)
    (tmp_path / "gains.png").write_bytes(b"")
    assert "gains.png" not in tables.page({}, tmp_path)
    (tmp_path / "gains.svg").write_bytes(b"")
    page = tables.page({}, tmp_path)
    assert "](gains.png)" in page
    assert "([SVG](gains.svg))" in page


def test_the_summary_names_the_best_of_the_others(tables):
    found = tables.section(
        {"own_model": {"results": {"own_random": OWN}}, "search": SEARCH}
    ).splitlines()
    row = next(line for line in found if "`random`" in line and "ndcg@10" in line)
    assert "item k-NN 0.9900" in row  # by test, whatever validation says of it
    assert "kgrec's own" not in row


def test_published_models_and_recbole_have_a_sentence(tables):
    from summary import beside_others

    published = {"lightgcn": {"ratio": 1.112}, "kgat": {"ratio": 0.5}, "bpr_mf": {}}
    epoch = {name: {"seconds": {"share": share}} for name, share in (("a", 0.27), ("b", 0.18))}
    (text,) = beside_others({"published": {"results": published}})
    assert "to the published figure: LightGCN 1.11, KGAT 0.50." in text
    (text,) = beside_others({"bench_recbole": {"epoch": epoch}})
    assert "takes 0.18 to 0.27 of RecBole's" in text
