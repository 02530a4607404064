"""The recommender: known and new users, new items, search, explanation, and every model in it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from project import HOSTILE, WordEncoder, items, write_project

import kgrec
from kgrec.config import load_config
from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Interactions
from kgrec.datasets.loading import load_dataset
from kgrec.errors import ConfigError, DataError, KgrecWarning, UnknownIdError
from kgrec.evaluation.candidates import CandidatesConfig
from kgrec.evaluation.stored import read_evaluation
from kgrec.models.ease import EASE, AttributeEASE, AttributeEASEConfig
from kgrec.models.ials import IALS, IALSConfig
from kgrec.models.item_knn import ItemKNN
from kgrec.models.popular import MostPopular
from kgrec.models.slim import SLIM, SLIMConfig
from kgrec.recommender import Recommender
from kgrec.snapshot.listed import Recommendation
from kgrec.text.cache import EmbeddingCache
from kgrec.training.link_prediction import LinkPrediction, LinkPredictionConfig

BLOCK = {item: block for item, block, _ in items()} | {"x0": 2}
QUICK = LinkPredictionConfig(
    predictor={"dim": 12}, training={"max_epochs": 15, "batch_users": 64, "eval_every": 5}
)


@pytest.fixture(scope="module")
def dataset(project):
    return load_dataset(load_config(project).data, 3)


def recommender(dataset, model=None, **options):
    options = {"encoder": WordEncoder(), **options}
    return Recommender(
        dataset.kg,
        dataset.links,
        model=model or LinkPrediction(QUICK),
        items=dataset.items,
        users=dataset.users,
        **options,
    )


@pytest.fixture(scope="module")
def fitted(dataset):
    return recommender(dataset).fit(dataset.split.train, dataset.split.valid)


def blocks(found):
    return [BLOCK[entry.item] for entry in found]


USERS = (("u00", 0), ("u15", 1), ("u29", 2))


@pytest.mark.parametrize(("user", "block"), USERS)
def test_known_users_get_their_block_without_what_they_have(fitted, dataset, user, block):
    found = fitted.recommend(user, k=5)
    assert found[0].item not in fitted.history(user)
    rest = [item for item, of in BLOCK.items() if of == block and item not in fitted.history(user)]
    assert set(rest) - {"x0"} <= {entry.item for entry in found[: len(rest) + 1]}
    assert not {entry.item for entry in found} & set(fitted.history(user))
    scores = [entry.score for entry in found]
    assert scores == sorted(scores, reverse=True)


def test_the_history_is_train_and_valid(fitted, dataset):
    expected = set()
    for part in (dataset.split.train, dataset.split.valid):
        mine = part.user == part.users.row("u00")
        expected |= set(part.items.take(part.item[mine]))
    assert set(fitted.history("u00")) == expected


def test_a_known_user_alone_is_as_in_the_batch(fitted):
    users = [user for user, _ in USERS]
    together = fitted.score(fitted.user_vocabulary.rows(users))
    for row, user in enumerate(users):
        for entry in fitted.recommend(user, k=3):
            column = fitted.item_vocabulary.row(entry.item)
            assert entry.score == pytest.approx(together[row, column], abs=1e-5)


@pytest.mark.parametrize(
    ("liked", "block"), [(["i01", "i05"], 0), (["i10", "i11"], 1), (["i17"], 2), (["n1"], 1)]
)
def test_a_new_user_gets_the_block_of_what_they_like(fitted, liked, block):
    found = fitted.recommend(liked=liked, k=4)
    assert blocks(found) == [block] * 4
    assert not set(liked) & {entry.item for entry in found}


def test_a_known_user_may_like_something_else_besides(fitted):
    plain = {entry.item for entry in fitted.recommend("u00", k=4)}
    more = fitted.recommend("u00", k=23, liked=["i15", "i16", "i17"])
    assert {entry.item for entry in more}.isdisjoint({"i15", "i16", "i17", *fitted.history("u00")})
    places = {entry.item: place for place, entry in enumerate(more)}
    before = {entry.item: place for place, entry in enumerate(fitted.recommend("u00", k=23))}
    assert places["i18"] < before["i18"]
    assert plain


@pytest.mark.parametrize("block", [0, 1, 2])
def test_new_items_reach_their_audience(fitted, block):
    user = USERS[block][0]
    found = fitted.recommend(user, k=3, candidates=["n0", "n1", "n2"])
    assert found[0].item == f"n{block}"
    assert len(found) == 3


def test_an_unlinked_item_without_ratings_is_recommended_too(fitted):
    everything = fitted.recommend("u00", k=23, include_disliked=True)
    assert len(everything) == 23 - len(fitted.history("u00"))  # fewer are left than were asked for
    assert "x0" in {entry.item for entry in everything}


@pytest.mark.parametrize("item", ["i03", "i12", "i19", "n1"])
def test_similar_items(fitted, item):
    found = fitted.similar_items(item, k=3)
    assert blocks(found) == [BLOCK[item]] * 3
    assert item not in {entry.item for entry in found}


@pytest.mark.parametrize(("query", "block"), [("pirates", 1), ("a film about cooking", 2)])
def test_search(fitted, query, block):
    assert blocks(fitted.search(query, k=4)) == [block] * 4


def test_titles(fitted):
    assert fitted.title("i01") == "Title 0"
    assert fitted.title("i05") == "Film 4 of space"  # its title is missing: the entity's label
    assert fitted.title("x0") == HOSTILE
    entry = fitted.recommend("u00", k=1)[0]
    assert entry.to_dict() == {"item": entry.item, "title": entry.title, "score": entry.score}
    assert isinstance(entry, Recommendation)
    json.dumps(entry.to_dict())


def test_the_right_path(fitted):
    found = fitted.explain("u00", "n0")
    liked = set(fitted.history("u00"))
    assert found.paths
    for path in found.paths:
        kind = path.nodes[2].type
        assert kind in ("entity", "item_tags")
        assert [node.type for node in path.nodes] == ["user", "item", kind, "item"]
        assert path.nodes[1].id in liked
        same = ("http://ex.org/director0", "http://ex.org/theme0")
        assert path.nodes[2].id in same if kind == "entity" else path.nodes[2].label == "space"
        assert path.nodes[3].id == "n0"
    assert "Director of space" in found.sentence
    assert "Title 19" in found.sentence
    of_new_user = fitted.explain(None, "n1", liked=["i10"])
    assert of_new_user.paths[0].nodes[1].id == "i10"
    assert of_new_user.paths[0].nodes[2].label in ("Director of pirates", "pirates")


def test_evaluation(fitted, dataset):
    split = dataset.split
    result = fitted.evaluate(split.test, k=(5,))
    assert result.metrics["recall@5"] > 0.9
    assert result.num_candidates == 23
    # By default, nothing that fit was given is ranked again.
    exclude = [split.train, split.valid]
    again = kgrec.evaluate(fitted, split.test, k=(5,), exclude=exclude)
    assert again.metrics == result.metrics
    few = fitted.evaluate(
        split.test, k=(5,), candidates=split.test.items.take(np.unique(split.test.item))
    )
    assert few.num_candidates == len(np.unique(split.test.item))


def test_evaluation_by_protocols(fitted, dataset, tmp_path):
    test = dataset.split.test
    full = kgrec.evaluate(fitted, test, k=5)
    assert full.metrics == fitted.evaluate(test, protocol="full", k=(5,)).metrics
    assert set(full.details["groups"]["job"]["num_users"]) == {"cook", "pilot"}
    click = kgrec.evaluate(fitted, test, protocol="ctr", seeds=[1, 2])
    assert click.metrics["auc"] > 0.9
    sampled = kgrec.evaluate(fitted, test, protocol=CandidatesConfig(num=5), k=[3])
    assert sampled.metrics["sampled_recall@3"] > 0.9
    assert sampled.details["settings"]["num"] == 5
    # Candidates may be over vocabularies of their own.
    offers = kgrec.Interactions.read(test.to_pandas()[["user_id", "item_id"]])
    offered = kgrec.evaluate(fitted, test, protocol="candidates", given=offers, k=1)
    assert offered.metrics["given_precision@1"] == 1.0
    for result in (full, click, sampled, offered):  # what is written can be read again
        result.save_json(tmp_path / "result.json")
        assert read_evaluation(tmp_path / "result.json").to_dict() == result.to_dict()
    for name, options, says in (
        ("crt", {}, "Did you mean 'ctr'"),
        ("full", {"kk": 3}, "Did you mean 'k'"),
        ("full", {"given": offers}, "takes no candidates"),
    ):
        with pytest.raises(ConfigError, match=says):
            kgrec.evaluate(fitted, test, protocol=name, **options)


MODELS = {
    "most_popular": MostPopular,
    "item_knn": ItemKNN,
    "slim": lambda: SLIM(SLIMConfig(l1=0.1, l2=2.0)),
    "ials": lambda: IALS(IALSConfig(dim=8, l2=1.0)),
    "ease": EASE,
    "attribute_ease": lambda: AttributeEASE(AttributeEASEConfig(l2=2.0)),
}


@pytest.mark.parametrize("name", list(MODELS))
def test_every_baseline_has_the_whole_contract(dataset, name):
    made = recommender(dataset, MODELS[name]()).fit(dataset.split.train, dataset.split.valid)
    assert len(made.recommend("u15", k=4)) == 4
    assert len(made.recommend(liked=["i10", "i11"], k=4)) == 4
    assert len(made.similar_items("i10", k=4)) == 4
    assert blocks(made.search("pirates", k=3)) == [1] * 3  # by meaning and words alone
    assert made.explain("u15", "n1").paths
    recall = made.evaluate(dataset.split.test, k=(5,)).metrics["recall@5"]
    if name == "most_popular":
        assert recall < 0.7
        assert made.recommend("u15", k=3)[0].item.startswith("i0")  # of the largest block
    else:
        assert recall > 0.9
        assert blocks(made.recommend(liked=["i10", "i11"], k=3)) == [1] * 3


def test_without_a_graph(dataset):
    made = Recommender(model=LinkPrediction(QUICK), text=None).fit(dataset.split.train)
    assert blocks(made.recommend("u15", k=1)) == [1]
    assert blocks(made.recommend(liked=["i10"], k=3)) == [1] * 3
    assert made.title("i10") == "i10"
    with pytest.raises(DataError, match="made without text"):
        made.search("pirates")
    found = made.explain("u15", "i10")
    assert found.paths == () or found.paths[0].kind == "audience"


def test_text_alone_carries_search(dataset):
    table = dataset.items
    made = Recommender(model=LinkPrediction(QUICK), items=table, encoder=WordEncoder())
    made.fit(dataset.split.train)
    assert blocks(made.search("pirates", k=4)) == [1] * 4


def test_a_query_is_needed(fitted):
    for query in ("", "  \n"):
        with pytest.raises(DataError, match="query is empty"):
            fitted.search(query)


def test_an_unknown_id_gets_the_nearest(fitted):
    for ask in (
        lambda: fitted.recommend("u000"),
        lambda: fitted.explain("u000", "i01"),
        lambda: fitted.history("u000"),
    ):
        with pytest.raises(UnknownIdError, match="Did you mean 'u0"):
            ask()
    for ask in (
        lambda: fitted.recommend(liked=["i011"]),
        lambda: fitted.recommend("u00", candidates=["i011"]),
        lambda: fitted.similar_items("i011"),
        lambda: fitted.explain("u00", "i011"),
        lambda: fitted.title("i011"),
    ):
        with pytest.raises(UnknownIdError, match="Did you mean 'i"):
            ask()


@pytest.mark.parametrize("k", [0, -1, 24])
def test_k_lies_within_the_catalogue(fitted, k):
    for ask in (
        lambda: fitted.recommend("u00", k),
        lambda: fitted.similar_items("i01", k),
        lambda: fitted.search("pirates", k),
    ):
        with pytest.raises(ConfigError, match=f"23 items of the catalogue, found {k}"):
            ask()


@pytest.mark.parametrize("k", ["2", 2.0, True])
def test_k_is_a_whole_number(fitted, k):
    with pytest.raises(DataError, match="k must be a whole number, such as 10, found"):
        fitted.recommend("u00", k=k)
    assert len(fitted.recommend("u00", k=np.int64(2))) == 2


def test_a_user_or_liked_items_are_needed(fitted):
    with pytest.raises(DataError, match="Give user=, or"):
        fitted.recommend()
    with pytest.raises(DataError, match="Give user=, or"):
        fitted.explain(None, "i01")


def test_asking_before_fitting(dataset):
    made = recommender(dataset)
    for ask in (
        lambda: made.recommend("u00"),
        lambda: made.search("pirates"),
        lambda: made.title("i01"),
        lambda: made.explain("u00", "i01"),
        lambda: made.evaluate(dataset.split.test),
    ):
        with pytest.raises(DataError, match=r"not fitted. Call fit\(\)"):
            ask()


def test_graph_and_links_belong_together(dataset):
    with pytest.raises(DataError, match="give both or none"):
        Recommender(dataset.kg)
    with pytest.raises(DataError, match="give both or none"):
        Recommender(links=dataset.links)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "ease"}, r"model must be .*kgrec\.EASE\(\), found 'ease' \(str\)"),
        ({"model": kgrec.EASE}, r"model must be .*, found the class EASE: call it"),
        ({"kg": Path("g.ttl")}, r"kg must be .*Graph\.read\(.*'g\.ttl' \(.*Path"),
        ({"links": Path("l.csv")}, r"links must be .*kgrec\.link\("),
        ({"links": pd.DataFrame()}, r"links must be .*found a DataFrame"),
        ({"items": pd.DataFrame({"a": [1]})}, r"items must be .*Table\.read.* a DataFrame"),
        ({"users": "users.csv"}, r"users must be .*Table\.read.*'users\.csv' \(str\)"),
        ({"text": "some-model"}, r"text must be .*TextConfig.*'some-model'"),
        ({"graph": {"min_degree": 2}}, r"graph must be .*GraphConfig.*found a dict"),
    ],
)
def test_an_argument_of_another_kind_is_told_what_belongs_there(dataset, arguments, message):
    given = {"text": None, **arguments}
    if "kg" in given or "links" in given:
        given = {"kg": dataset.kg, "links": dataset.links, **given}
    with pytest.raises(DataError, match=message):
        Recommender(**given)


def test_interactions_of_another_kind_are_told_what_belongs_there(dataset):
    made = Recommender(model=kgrec.EASE(), text=None)
    frame, train = pd.DataFrame({"user_id": ["u"], "item_id": ["i"]}), dataset.split.train
    for wrong, found in ((frame, "a DataFrame"), ("r.csv", r"'r\.csv' \(str\)")):
        with pytest.raises(DataError, match=rf"train must be .*Interactions\.read.* {found}"):
            made.fit(wrong)
    with pytest.raises(DataError, match=r"train must be .*found a Split: give one of its parts"):
        made.fit(dataset.split)
    with pytest.raises(DataError, match=r"valid must be .* a DataFrame"):
        made.fit(train, frame)
    made.fit(train)
    with pytest.raises(DataError, match=r"test must be .* a DataFrame"):
        made.evaluate(frame)
    with pytest.raises(DataError, match=r"interactions must be .* a DataFrame"):
        made.update(interactions=frame)
    with pytest.raises(DataError, match=r"items must be .*AttributeTable\.read.* a DataFrame"):
        made.update(items=frame)


def test_a_second_run_encodes_nothing(dataset, tmp_path):
    def encoded():
        WordEncoder.calls.clear()
        made = recommender(dataset, kgrec.ContentEASE(), cache=EmbeddingCache(tmp_path))
        made.fit(dataset.split.train)
        return sum(map(len, WordEncoder.calls)), made.graph["item"].text.numpy()

    first, vectors = encoded()
    second, again = encoded()
    assert first > 20
    assert second == 0
    np.testing.assert_array_equal(vectors, again)


def test_candidates_are_ids_whatever_the_catalogue_grows_by(dataset):
    """The catalogue grows by the items of the tables; the candidates stay the items they were."""
    log = dataset.split.train
    used = np.unique(log.item)
    small = log.reindex(log.users, kgrec.Vocabulary(log.items.take(used), "item"))
    made = recommender(dataset, MostPopular(), text=None)
    data = made.prepare(small, candidates=small.items.ids[::-1]).data
    assert data.train.items.take(data.candidates) == log.items.take(used)[::-1]


def test_a_user_without_interactions_gets_something(fitted):
    found = fitted.recommend("u99", k=3)  # known from the user table alone
    assert len(found) == 3
    assert np.isfinite([entry.score for entry in found]).all()


def test_the_readmes_example(tmp_path):
    """Eight lines from files to recommendations."""
    write_project(tmp_path)
    kg = kgrec.KnowledgeGraph.read(tmp_path / "graph.ttl")
    log = kgrec.Interactions.read(tmp_path / "ratings.csv", positive="rating >= 4")
    links = kgrec.link(pd.read_csv(tmp_path / "items.csv"), kg, tmp_path / "links.csv")
    split = log.split("random", valid=0.1, test=0.1, seed=0)
    rec = kgrec.Recommender(kg, links, model=LinkPrediction(QUICK), encoder=WordEncoder())
    rec.fit(split.train, valid=split.valid)
    assert blocks(rec.recommend("u15", k=2))[0] == 1
    assert blocks(rec.search("cooking", k=3)) == [2] * 3
    assert rec.explain("u15", "n1").paths
    assert kgrec.evaluate(rec, split.test, k=(5,)).metrics["recall@5"] > 0.8


def test_the_escape_sequence_is_really_hostile():
    assert not HOSTILE.isprintable()
    assert AttributeTable.read(pd.DataFrame({"item_id": ["x"], "title": [HOSTILE]})).titles == (
        HOSTILE,
    )


def test_titles_are_those_of_the_table_whole_in_every_script():
    titles = [
        "Qui sait\xa0?",
        "千と\u3000千尋",
        "می\u200cخواهم",
        "👩\u200d👧 " + "long " * 60 + "end",
        HOSTILE,
    ]
    ids = list("abcde")
    log = Interactions.read(pd.DataFrame({"user_id": list("uvvuv"), "item_id": ids}))
    items = AttributeTable.read(pd.DataFrame({"item_id": ids, "title": titles}))
    rec = Recommender(model=ItemKNN(), items=items, text=None).fit(log)
    found = {
        entry.item: entry.title for liked in "ab" for entry in rec.recommend(liked=[liked], k=4)
    }
    assert found == dict(zip(ids, titles, strict=True))
    assert [rec.title(id) for id in ids] == titles
    assert rec.recommend(liked=["a"], k=1)[0].to_dict()["title"] in titles
    label = {path.liked.id: path.liked.label for path in rec.explain("u", "b").paths}
    assert label == {} or label["a"] == titles[0]


ONE_ID_IS_NO_LIST = {
    "liked": lambda made, one: made.recommend(liked=one),
    "candidates": lambda made, one: made.recommend("a", candidates=one),
    "exclude": lambda made, one: made.recommend("a", exclude=one),
    "users": lambda made, one: made.recommend_all(users=one),
    "items": lambda made, one: made.update(items=one),
    "ids": lambda made, one: made.snapshot.interactions[0].with_items(one),
}


@pytest.fixture(scope="module")
def numbered():
    rows = {"user_id": [*"aabbcc"], "item_id": [1, 2, 12, 2, 12, 3]}
    log = kgrec.Interactions.read(pd.DataFrame(rows))
    return kgrec.Recommender(model=kgrec.EASE(), text=None).fit(log)


@pytest.mark.parametrize("one", ["12", 12])
@pytest.mark.parametrize("argument", ONE_ID_IS_NO_LIST)
def test_one_id_where_a_list_belongs_is_refused(numbered, argument, one):
    with pytest.raises(DataError, match=rf"{argument} must be a list of ids.*{argument}=\["):
        ONE_ID_IS_NO_LIST[argument](numbered, one)


def test_one_id_is_no_list_in_fit_explain_and_evaluate(numbered):
    log = numbered.snapshot.interactions[0]
    with pytest.raises(DataError, match=r"liked must be a list"):
        numbered.explain(None, "2", liked="12")
    with pytest.raises(DataError, match=r"candidates must be a list"):
        numbered.evaluate(log, exclude=[], candidates="12")
    with pytest.raises(DataError, match=r"candidates must be a list"):
        kgrec.Recommender(model=kgrec.EASE(), text=None).fit(log, log, candidates="12")


def test_whole_numbers_stand_for_ids_of_digits(numbered):
    by_text = numbered.recommend(liked=["12"], candidates=["1", "3"], exclude=["1"])
    for number in (int, np.int64, np.uint8):
        found = numbered.recommend(liked=[number(12)], candidates=np.array([1, 3]), exclude=[1])
        assert found == by_text
        assert numbered.similar_items(number(12)) == numbered.similar_items("12")
    assert numbered.title(12) == "12"
    log = pd.DataFrame({"user_id": [1, 1, 2], "item_id": [10, 11, 10]})
    made = kgrec.Recommender(model=kgrec.EASE(), text=None).fit(kgrec.Interactions.read(log))
    assert [one.item for one in made.recommend(2)] == ["11"]
    assert made.history(np.int64(1)) == ["10", "11"]
    with pytest.raises(DataError, match=r"user ids must be strings or whole numbers, found 2.0"):
        made.recommend(2.0)


CLOSED_FORMS = [MostPopular, EASE, AttributeEASE, ItemKNN, SLIM, IALS, kgrec.UserEASE]


@pytest.mark.parametrize("model", CLOSED_FORMS)
def test_a_model_that_reads_no_text_encodes_none(dataset, model):
    WordEncoder.calls.clear()
    made = recommender(dataset, model()).fit(dataset.split.train)
    assert WordEncoder.calls == []
    plain = recommender(dataset, model(), text=None).fit(dataset.split.train)
    assert made.recommend("u00") == plain.recommend("u00")


def test_the_first_search_encodes_the_items_once(dataset, tmp_path, word_encoder):
    made = recommender(dataset, EASE(), cache=EmbeddingCache(tmp_path / "cache"))
    made.fit(dataset.split.train)
    kgrec.save(made, tmp_path / "run")
    query = made.title("i01")
    WordEncoder.calls.clear()
    found = made.search(query, k=3)
    assert [len(texts) for texts in WordEncoder.calls[:-1]] != []
    assert WordEncoder.calls[-1] == [query]
    eager = recommender(dataset, kgrec.ContentEASE()).fit(dataset.split.train)
    vectors = eager.snapshot.derived.features["item", "text"]
    np.testing.assert_array_equal(made.snapshot.derived.features["item", "text"], vectors)
    WordEncoder.calls.clear()
    assert made.search(query, k=3) == found
    assert WordEncoder.calls == [[query]]
    loaded = kgrec.load(tmp_path / "run")
    loaded.cache = made.cache
    WordEncoder.calls.clear()
    assert [one.item for one in loaded.search(query, k=3)] == [one.item for one in found]
    assert WordEncoder.calls == [[query]]  # the items' vectors were stored


def test_the_language_of_an_explanation(fitted):
    english = fitted.explain("u00", "n0")
    assert "because you liked" in english.sentence
    german = fitted.explain("u00", "n0", language="de")
    assert "wird empfohlen, weil Ihnen" in german.sentence
    assert german.paths == english.paths
    with pytest.warns(KgrecWarning, match="no explanations in 'sw'"):
        assert fitted.explain("u00", "n0", language="sw").sentence == english.sentence
