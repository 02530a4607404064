"""The figures that kgrec was built to reach, each with its bar and the file that it is in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bar import Bar
from bars_auto import AUTO_BARS
from bars_reasons import EXPLANATION_BARS
from bars_scale import SCALE_BARS
from bars_serving import SERVE_BARS
from bars_tuning import TUNING_BARS


def metric(name: str) -> Callable[[Any], float]:
    return lambda result: float(result["metrics"][name])


def growth(name: str) -> Callable[[Any], float]:
    return lambda result: float(result["ratios_at_one_million"][name])


def encoding(key: str) -> Callable[[Any], float]:
    """Return what takes a figure of the default precision out of the encoder's results."""

    def value(result: Any) -> float:
        chosen = [run for run in result["runs"] if run["precision_asked"] == "auto"]
        return float((chosen or result["runs"])[0][key])

    return value


def own(name: str) -> Callable[[Any], float]:
    return lambda result: float(result["test"][name])


def sparse_gain(result: Any) -> float:
    """Return the gain over EASE among the sparsest fifth of users, in percent."""
    found = result["sparsest_fifth"]
    return 100 * (found["ndcg@10"] / found["ease"]["mean"] - 1)


def worst_p(*kinds: str) -> Callable[[Any], float]:
    """Return what gives the largest p value of being above each of these, or each baseline.

    It is the t test's; 1 where the model is not above. To be above all of several needs no
    correction for their number: all tests have to agree (Berger, Multiparameter hypothesis testing
    and acceptance sampling, 1982).
    """

    def value(result: Any) -> float:
        others = [result[kind] for kind in kinds] or list(result["baselines"].values())
        return max(float(one["t_test_p"]) if one["gain"] > 0 else 1.0 for one in others)

    return value


def of_index(figure: str) -> Callable[[Any], list[float]]:
    """Return what gives a figure of our index for all vectors and filters."""
    return lambda result: [
        float(by_filter[figure])
        for one in result["results"].values()
        for by_filter in one["indexes"]["kgrec"]["filters"].values()
    ]


def slowest(result: Any) -> float:
    return float(max(run["seconds_to_best"] for run in result["runs"]))


def num_published(result: Any) -> float:
    """Return how many published models come out as published, or differ for a reason told."""
    found = [result["results"].get(name, {}) for name in ("lightgcn", "kgcn", "kgat", "kgin",
                                                          "lightkg")]  # fmt: skip
    return float(sum(bool(one.get("within") or one.get("explanation")) for one in found))


def largest_share(result: Any) -> float:
    return float(max(one["seconds"]["share"] for one in result["epoch"].values()))


def least_times_as_fast(result: Any) -> float:
    times = [list(one["times_as_fast"].values()) for one in result["fit"].values()]
    return float(min(min(values) for values in times))


FIRST_BARS = (
    Bar(
        "MovieLens-100K + DBpedia, `random`, test NDCG@10",
        "movielens_random",
        metric("ndcg@10"),
        0.2345,
        True,
    ),
    Bar("the same on `cold_items`", "movielens_cold_items", metric("ndcg@10"), 0.36, True),
    Bar("HetRec Last.FM, test Recall@10", "lastfm", metric("recall@10"), 0.290, True),
    Bar(
        "seconds of training to the best validation score, `random`, text cached",
        "movielens_random",
        lambda result: float(result["seconds_to_best"]),
        240,
        False,
        "{:.0f}",
    ),
    Bar(
        "seconds of `kgrec demo`, nothing cached",
        "demo",
        lambda result: float(result["seconds"]["first"]),
        90,
        False,
        "{:.0f}",
    ),
    Bar(
        "seconds of `make test` after installation",
        "make_test",
        lambda result: float(result["seconds"]),
        360,
        False,
        "{:.0f}",
    ),
    Bar(
        "reading `kg.nt.gz`, as a multiple of decompressing it and iterating `pyoxigraph.parse`",
        "bench_read",
        lambda result: float(result["result"]["ratio_of_medians"]),
        2.0,
        False,
        "{:.2f}",
    ),
    Bar(
        "1 million N-Triples: seconds of iterating `pyoxigraph.parse` by seconds of reading",
        "bench_growth",
        growth("iterate_to_read"),
        3.0,
        True,
        "{:.2f}",
    ),
    Bar(
        "the same triples compressed by gzip: the same iteration by reading",
        "bench_growth",
        growth("iterate_to_read_gz"),
        2.0,
        True,
        "{:.2f}",
    ),
    Bar(
        "the same: `rdflib.Graph.parse` by reading",
        "bench_growth",
        growth("rdflib_to_read"),
        40.0,
        True,
        "{:.0f}",
    ),
    Bar(
        "1 million triples in Turtle: reading by iterating `pyoxigraph.parse`",
        "bench_growth",
        growth("read_ttl_to_iterate_ttl"),
        1.6,
        False,
        "{:.2f}",
    ),
    Bar(
        "GiB of memory at the most, reading 10 million triples",
        "bench_growth",
        lambda result: float(result["sizes"]["10000000"]["read"]["peak_bytes"]) / 2**30,
        3.0,
        False,
        "{:.2f}",
    ),
    Bar(
        "seconds of loading a saved graph of 10 million triples",
        "bench_growth",
        lambda result: float(result["sizes"]["10000000"]["load"]["seconds"]),
        1.0,
        False,
        "{:.2f}",
    ),
    Bar(
        "encoding the film abstracts, as a multiple of the speed of `SentenceTransformer.encode`",
        "bench_encode",
        encoding("speedup_median"),
        2.0,
        True,
        "{:.2f}",
    ),
    Bar(
        "the lowest cosine to its vectors",
        "bench_encode",
        encoding("cosine_min"),
        0.999,
        True,
    ),
    *(
        Bar(
            f"`redial-films`, films already mentioned excluded: {shown}",
            "redial_films",
            metric(name),
            limit,
            True,
        )
        for name, shown, limit in (
            ("recall@1", "R@1", 0.03),
            ("recall@10", "R@10", 0.15),
            ("recall@50", "R@50", 0.33),
            ("ndcg@10", "NDCG@10", 0.085),
        )
    ),
    Bar(
        "the state of a conversation: R@10 as a multiple of that of its last turn",
        "redial_films",
        lambda result: float(result["state"]["ratio"]),
        1.5,
        True,
        "{:.2f}",
    ),
    Bar(
        "that difference by chance: Wilcoxon's p",
        "redial_films",
        lambda result: float(result["state"]["test"]["wilcoxon_p"]),
        0.001,
        False,
        "{:.1e}",
    ),
    Bar(
        "tags as queries (two weights were chosen on these tags, not held out): NDCG@10 as a "
        "multiple of the better one of BM25 and MiniLM",
        "redial_films",
        lambda result: float(result["tags"]["ratio"]),
        1.3,
        True,
        "{:.2f}",
    ),
    Bar(
        "films found by German, French or Spanish descriptions with `multilingual`: R@10 of the "
        "worst language as a share of English",
        "languages",
        lambda result: float(result["models"]["multilingual"]["vectors"]["lowest_share"]),
        0.8,
        True,
        "{:.2f}",
    ),
    Bar(
        "approximate index, a million items of 64 and of 384 numbers, filters of 100 % to 0.1 %: "
        "lowest recall@10",
        "bench_index",
        lambda result: min(of_index("recall")(result)),
        0.98,
        True,
        "{:.3f}",
    ),
    Bar(
        "the same, longest 95th percentile of milliseconds",
        "bench_index",
        lambda result: max(of_index("ms_p95")(result)),
        10.0,
        False,
        "{:.1f}",
    ),
    Bar(
        "lists for all of 100,000 users from 100,000 items, speed by that of the bare product and "
        "`torch.topk`",
        "bench_bulk",
        lambda result: float(result["speed_of_written"]),
        0.8,
        True,
        "{:.2f}",
    ),
    Bar(
        "the same, peak GiB",
        "bench_bulk",
        lambda result: result["peak_bytes"] / 2**30,
        1.5,
        False,
        "{:.2f}",
    ),
    Bar(
        "one list from 100,000 items, 99th percentile of milliseconds",
        "bench_bulk",
        lambda result: float(result["one_user"]["ms_p99"]),
        10.0,
        False,
        "{:.1f}",
    ),
    Bar(
        "seconds of `import kgrec`",
        "demo",
        lambda result: float(result["import_seconds"]),
        0.5,
        False,
        "{:.2f}",
    ),
    Bar(
        "seconds of `kgrec --help`",
        "demo",
        lambda result: float(result["help_seconds"]),
        0.7,
        False,
        "{:.2f}",
    ),
)

MOVIELENS = "MovieLens-100K + DBpedia"
OWN_BARS = (
    Bar(f"{MOVIELENS}, `random`, own model's test NDCG@10", "own_model", own("ndcg@10"), 0.255,
        True, part="own_random"),
    Bar(f"{MOVIELENS}, `cold_items`, own model's test NDCG@10", "own_model", own("ndcg@10"), 0.45,
        True, part="own_cold_items"),
    Bar("HetRec Last.FM, own model's test Recall@10", "own_model", own("recall@10"), 0.320, True,
        part="own_lastfm"),
    Bar("HetRec Last.FM, own model's test MRR@10", "own_model", own("mrr@10"), 0.147, True,
        part="own_lastfm"),
    Bar("percent above EASE's NDCG@10, sparsest fifth of users of `random`", "own_model",
        sparse_gain, 8.0, True, "{:.1f}", part="own_random"),
    Bar("largest p value of being above a baseline on `temporal`", "own_model", worst_p(), 0.05,
        False, "{:.3f}", part="own_temporal"),
    Bar("largest p value of being above the model without or with a shuffled graph, `cold_items`",
        "own_model", worst_p("no_graph", "shuffled_graph"), 0.05, False, "{:.3f}",
        part="own_cold_items"),
    Bar("largest p value of being above the model without or with a shuffled graph, Last.FM",
        "own_model", worst_p("no_graph", "shuffled_graph"), 0.05, False, "{:.3f}",
        part="own_lastfm"),
    Bar("seconds of training to the best validation score, slowest seed, `random`", "own_model",
        slowest, 180, False, "{:.0f}", part="own_random"),
    Bar("the same on `cold_items`", "own_model", slowest, 180, False, "{:.0f}",
        part="own_cold_items"),
    Bar("the same on Last.FM", "own_model", slowest, 180, False, "{:.0f}", part="own_lastfm"),
    Bar("of LightGCN, KGCN, KGAT, KGIN and LightKG: within 5 % of the published Recall@10 on "
        "Last.FM, or the difference explained", "published", num_published, 5, True, "{:.0f}"),
    Bar("times as fast to its best as RecBole's KGCN and CKE to theirs, the least", "bench_recbole",
        least_times_as_fast, 4.0, True, "{:.1f}"),
    Bar("an epoch of LightGCN as a share of RecBole's, the largest", "bench_recbole",
        largest_share, 1 / 3, False, "{:.2f}"),
    Bar("GiB of memory at the most, ranking 100,000 items for 100,000 users and measuring it",
        "bench_evaluate", lambda result: float(result["peak_bytes"]) / 2**30, 1.5, False, "{:.2f}"),
)  # fmt: skip
UPDATED = ("auto", "link_prediction")
UPDATE_BARS = (
    Bar("new items brought by an update, `cold_items`: NDCG@10 as a share of having them from the "
        "start, the lowest of `auto` and `link_prediction`", "updates",
        lambda result: min(float(result["items"][name]["share"]) for name in UPDATED), 0.95, True,
        "{:.3f}"),
    Bar("seconds of CPU until a new item is known, found and recommended, 10,000 items", "updates",
        lambda result: float(result["seconds"]["and_a_recommendation"]), 0.1, False, "{:.3f}"),
    Bar("new users by their interactions: NDCG@10 of `auto` as a share of training with them",
        "updates", lambda result: float(result["users"]["auto"]["interactions"]["share"]), 0.97,
        True, "{:.3f}"),
    Bar("new users by a text of what they like: NDCG@10 as a multiple of popularity", "updates",
        lambda result: float(result["texts"]["auto"]["ratio"]), 2.0, True, "{:.2f}"),
)  # fmt: skip
BARS = (*AUTO_BARS, *OWN_BARS, *FIRST_BARS, *UPDATE_BARS, *EXPLANATION_BARS, *SERVE_BARS,
        *TUNING_BARS, *SCALE_BARS)  # fmt: skip
