"""Snapshots: rows stay, the new is known at once, the old goes on, and threads agree."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from project import WordEncoder, write_project

import kgrec
from kgrec.config import load_config
from kgrec.datasets.loading import load_dataset
from kgrec.errors import DataError, UnknownIdError
from kgrec.models.base import VectorModel
from kgrec.training.link_prediction import LinkPredictionConfig

QUICK = LinkPredictionConfig(training={"max_epochs": 12, "eval_every": 4, "threads": 1})
MODELS = {
    "link_prediction": lambda: kgrec.LinkPrediction(QUICK),
    "ials": lambda: kgrec.IALS(kgrec.IALSConfig(dim=4, l2=1.0)),
    "ease": lambda: kgrec.EASE(kgrec.EASEConfig(l2=3.0)),
    "user_ease": lambda: kgrec.UserEASE(kgrec.UserEASEConfig(l2=3.0)),
    "ensemble": lambda: kgrec.Ensemble([kgrec.EASE(), kgrec.LinkPrediction(QUICK)]),
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    return load_dataset(load_config(write_project(folder)).data, 3)


@pytest.fixture(scope="module", params=MODELS)
def made(request, dataset):
    return fitted(dataset, MODELS[request.param]())


def fitted(dataset, model):
    rec = kgrec.Recommender(
        dataset.kg, dataset.links, model=model, items=dataset.items, encoder=WordEncoder()
    )
    return rec.fit(dataset.split.train, dataset.split.valid)


def again(rec):
    """Return another recommender on the same snapshot, to be updated."""
    return kgrec.Recommender(
        rec.inputs.kg, rec.inputs.links, model=rec.model, encoder=rec.encoder
    ).take(rec.snapshot)


def log(*pairs):
    frame = pd.DataFrame(pairs, columns=["user_id", "item_id"])
    return kgrec.Interactions.read(frame, rating=None, timestamp=None)


def ids(found):
    return [entry.item for entry in found]


def test_recommendations_are_those_of_the_scores(made):
    """By the index or by the scores: the same items in the same order."""
    now = made.snapshot
    assert (now.index is not None) == isinstance(made.model, VectorModel)
    for row in range(len(now.users)):
        scores = made.model.score(np.array([row]))[0].astype(np.float64)
        scores[now.left_out(np.array([row])).indices] = -np.inf
        best = made.recommend(now.users.id(row), 5)
        found = [scores[now.items.row(entry.item)] for entry in best]
        np.testing.assert_allclose(found, np.sort(scores)[::-1][:5], rtol=1e-4, atol=1e-6)


def test_fit_leaves_what_the_constructor_was_given(dataset):
    model, links, items = kgrec.EASE(), dataset.links, dataset.items
    rec = kgrec.Recommender(dataset.kg, links, model=model, items=items, text=None)
    first = rec.fit(dataset.split.train).snapshot
    assert rec.inputs.links is links
    assert rec.inputs.items is items
    assert first.model is not model
    with pytest.raises(kgrec.errors.RunError, match="not fitted"):
        model.score(np.array([0]))
    before = first.score(np.arange(3))
    half = dataset.split.train.select(np.arange(len(dataset.split.train)) % 2 == 0)
    rec.fit(half)
    assert rec.snapshot is not first
    np.testing.assert_array_equal(first.score(np.arange(3)), before)


def test_rows_stay_and_the_old_snapshot_goes_on(made):
    rec, old = again(made), made.snapshot
    before = old.score(np.arange(len(old.users)))
    lists = {user: ids(made.recommend(user, 4)) for user in old.users}
    new = rec.update(
        interactions=log(("u00", "i02"), ("newcomer", "i01"), ("newcomer", "fresh")),
        items=["aaa first in the alphabet"],
        users=["a user without anything"],
        at_once=True,
    )
    assert new.users.ids[: len(old.users)] == old.users.ids
    assert new.items.ids[: len(old.items)] == old.items.ids
    assert set(new.items.ids[len(old.items) :]) == {"fresh", "aaa first in the alphabet"}
    np.testing.assert_array_equal(old.score(np.arange(len(old.users))), before)
    assert {user: ids(made.recommend(user, 4)) for user in old.users} == lists
    # Whoever did nothing since has the same list.
    idle = [user for user in old.users if user != "u00"]
    assert {user: ids(rec.recommend(user, 4)) for user in idle} == {u: lists[u] for u in idle}
    assert set(rec.history("newcomer")) == {"i01", "fresh"}


def test_a_new_history_counts_at_once(made):
    rec = again(made)
    liked = [item for item in ("i10", "i11", "i12") if item in made.snapshot.items]
    rec.update(interactions=log(*(("newcomer", item) for item in liked)), at_once=True)
    expected = made.recommend(liked=liked, k=5)
    found = rec.recommend("newcomer", 5)
    assert ids(found) == ids(expected)
    assert not set(liked) & set(ids(found))
    # A second update keeps the first.
    rec.update(interactions=log(("newcomer", ids(found)[0])), at_once=True)
    assert ids(found)[0] not in ids(rec.recommend("newcomer", 5))
    assert set(rec.history("newcomer")) == {*liked, ids(found)[0]}


def test_a_new_item_is_placed_by_its_text_where_the_model_can(dataset):
    rec = fitted(dataset, kgrec.LinkPrediction(QUICK))
    old = rec.snapshot
    twin = "i10"
    title = rec.inputs.items.titles[rec.inputs.items.ids.row(twin)]
    table = kgrec.AttributeTable.read(pd.DataFrame({"item_id": ["fresh"], "title": [title]}))
    new = rec.update(items=table, at_once=True)
    assert new.title(new.items.row("fresh")) == title
    assert new.index.vectors.shape == (len(old.items) + 1, old.index.vectors.shape[1])
    placed = new.index.vectors[-1]
    expected = rec.model.vectors_of_content({"text": rec.encoder.encode([f"{title}."])})[0]
    np.testing.assert_allclose(placed, expected, atol=1e-6)
    assert "fresh" in ids(rec.search(title, 3))
    scores = new.index.search(new.vectors_of_users(np.array([0])), len(new.items)).items[0]
    assert scores.tolist().index(new.items.row("fresh")) < len(new.items) - 1


def test_an_item_that_nobody_can_place_comes_last(dataset):
    rec = fitted(dataset, kgrec.EASE(kgrec.EASEConfig(l2=3.0)))
    rec.update(items=["fresh"], at_once=True)
    assert ids(rec.recommend("u00", len(rec.snapshot.items)))[-1] == "fresh"
    assert ids(rec.similar_items("i01", len(rec.snapshot.items)))[-1] == "fresh"
    assert rec.title("fresh") == "fresh"


def test_new_triples_explain(dataset):
    rec = fitted(dataset, kgrec.EASE(kgrec.EASEConfig(l2=3.0)))
    kg = dataset.kg
    entity = dataset.links.entity_of()
    rows = dataset.links.items.rows(["i01", "i12"])
    one, other = (kg.entities.id(int(entity[row])) for row in rows)
    assert not any("patron" in str(path) for path in rec.explain(None, "i12", liked=["i01"]).paths)
    rec.update(triples=[(one, "http://e/patron", "http://e/queen"),
                        (other, "http://e/patron", "http://e/queen")])  # fmt: skip
    assert "queen" in str(rec.explain(None, "i12", liked=["i01"]).paths)
    bare = kgrec.Recommender(model=kgrec.MostPopular(), text=None).fit(dataset.split.train)
    with pytest.raises(DataError, match="no knowledge graph"):
        bare.update(triples=[(one, "http://e/patron", "http://e/queen")])


def test_eight_threads_ask_for_everything_at_once(made):
    users = made.snapshot.users.ids[:6]

    def ask(user):
        return (
            made.recommend(user, 4),
            made.recommend(user, 4, liked=["i03"], exclude=["i04"]),
            made.similar_items("i02", 4),
            made.search("pirates at sea", 4),
            made.explain(user, "i05"),
            made.history(user),
        )

    # A fresh snapshot, so that what is made when it is first asked for is made by all at once.
    fresh = replace(made.snapshot)
    serial = [ask(user) for user in users]
    made.take(fresh)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, users * 8))
    assert found == serial * 8


def test_threads_see_one_snapshot_or_the_next(dataset):
    rec = fitted(dataset, kgrec.EASE(kgrec.EASEConfig(l2=3.0)))
    item = ids(rec.recommend("u00", 1))[0]

    def ask(_):
        return ids(rec.recommend("u00", 3))

    before = ask(0)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask, number) for number in range(60)]
        rec.update(interactions=log(("u00", item)))
        asked += [pool.submit(ask, number) for number in range(60)]
        answers = {tuple(answer.result()) for answer in asked}
    assert answers <= {tuple(before), tuple(ask(0))}
    assert item not in ask(0)


def test_what_is_not_there_is_an_error(made):
    with pytest.raises(UnknownIdError, match="nobody"):
        made.recommend("nobody")
    with pytest.raises(DataError, match="not fitted"):
        kgrec.Recommender(text=None).update(users=["a"])


def test_what_came_by_an_update_is_not_ranked_again(dataset):
    rec = fitted(dataset, kgrec.MostPopular())  # its scores do not depend on histories
    test = dataset.split.test
    pairs = []
    for user in sorted(set(test.users.take(test.user))):
        judged = test.items.take(test.item[test.user == test.users.row(user)])
        pairs.append((user, next(i for i in ids(rec.recommend(user, 9)) if i not in judged)))
    new, before = log(*pairs), rec.evaluate(test, k=(3,))
    by_hand = rec.evaluate(test, exclude=[*rec.snapshot.interactions, new], k=(3,))
    rec.update(interactions=new, at_once=True)
    assert rec.evaluate(test, k=(3,)).metrics == by_hand.metrics != before.metrics
    with pytest.raises(DataError, match="graph"):
        rec.evaluate(new)  # what the graph knows cannot be judged


def test_later_interactions_are_not_taken_for_a_validation_part(dataset):
    rec = kgrec.Recommender(model=kgrec.EASE(), text=None).fit(dataset.split.train)
    assert [len(part) for part in rec.snapshot.known] == [len(dataset.split.train)]
    rec.update(interactions=log(("newcomer", "i01")), at_once=True)
    train, valid, every = rec.snapshot.known
    assert (len(train), len(valid), len(every)) == (len(every) - 1, 0, len(train) + 1)


HEADS = ["dot", "cosine", "distmult", "translation", "relation_attention"]


@pytest.mark.parametrize("head", HEADS)
def test_every_head_is_searched_and_updated(dataset, head):
    """The product may have other vectors than the places of items: the one of TransE has."""
    settings = {"predictor": {"head": head}, "training": {"max_epochs": 4, "threads": 1}}
    rec = fitted(dataset, kgrec.LinkPrediction(LinkPredictionConfig.model_validate(settings)))
    assert len(rec.search("pirates at sea", 4)) == 4
    title = rec.inputs.items.titles[rec.inputs.items.ids.row("i10")]
    table = kgrec.AttributeTable.read(pd.DataFrame({"item_id": ["fresh"], "title": [title]}))
    new = rec.update(items=table, at_once=True)
    assert "fresh" in ids(rec.search(title, 3))
    assert len(rec.recommend("u00", 5)) == 5
    if new.index is None:
        return
    place = rec.model.vectors_of_content({"text": rec.encoder.encode([f"{title}."])})
    scores = new.index.scores(new.vectors_of_users(np.array([0])))[0]
    if head == "translation":  # 2 u·i - ‖i‖², with u moved by the relation
        user = new.vectors_of_users(np.array([0]))[0, :-1]
        expected = 2 * user @ place[0] - place[0] @ place[0]
        np.testing.assert_allclose(scores[-1], expected, rtol=1e-4, atol=1e-5)
    else:
        user = new.vectors_of_users(np.array([0]))[0]
        np.testing.assert_allclose(scores[-1], user @ place[0], rtol=1e-4, atol=1e-5)


def test_what_a_user_has_already_changes_nothing(made):
    rec = again(made)
    has = made.history("u00")[0]
    before = made.recommend("u00", 5)
    rec.update(interactions=log(("u00", has)))
    assert rec.recommend("u00", 5) == before
