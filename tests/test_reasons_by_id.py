"""Questions that begin with "why", asked by ids."""

import json

import numpy as np
import pytest
from project import WordEncoder

import kgrec
from kgrec.config import load_config
from kgrec.datasets.loading import load_dataset
from kgrec.errors import ConfigError, DataError
from kgrec.models.ease import EASE, AttributeEASE, EASEConfig
from kgrec.reasons import Reasons
from kgrec.recommender import Recommender
from kgrec.snapshot.masking import Masking
from kgrec.training.link_prediction import LinkPrediction, LinkPredictionConfig

QUICK = LinkPredictionConfig.model_validate(
    {"predictor": {"dim": 12}, "training": {"max_epochs": 15, "batch_users": 64, "eval_every": 5}}
)


@pytest.fixture(scope="module")
def dataset(project):
    return load_dataset(load_config(project).data, 3)


def made(dataset, model):
    rec = Recommender(
        dataset.kg,
        dataset.links,
        model=model,
        items=dataset.items,
        users=dataset.users,
        encoder=WordEncoder(),
    )
    return rec.fit(dataset.split.train, dataset.split.valid)


@pytest.fixture(scope="module")
def rec(dataset):
    return made(dataset, AttributeEASE())


@pytest.fixture(scope="module")
def predictor(dataset):
    return made(dataset, LinkPrediction(QUICK))


def best(rec, user="u00"):
    return rec.recommend(user, k=1)[0].item


def test_a_list_is_explained_as_one_by_one(rec):
    items = [one.item for one in rec.recommend("u00", k=3)]
    found = Reasons(rec).explain_list("u00", items, language="de")
    alone = [rec.explain("u00", item, language="de") for item in items]
    assert [one.sentence for one in found] == [one.sentence for one in alone]


def test_a_search_is_explained_by_words_and_values(rec):
    found = rec.search("space by Director of space", k=1)[0]
    why = Reasons(rec).search("space by Director of space", found.item)
    assert why.reason.score == pytest.approx(found.score, rel=1e-3)
    assert ("director", "Director of space") in why.reason.values
    assert "the director Director of space" in why.sentence
    assert json.loads(json.dumps(why.to_dict()))["item"]["item"] == found.item
    german = Reasons(rec).search("space by Director of space", found.item, language="de")
    assert "dazu gehören " in german.sentence
    assert "die Regie von Director of space" in german.sentence


def test_a_search_with_tastes_names_what_is_liked(rec):
    liked = rec.history("u00")[:2]
    found = rec.search("space", k=1, liked=liked)[0]
    why = Reasons(rec).search("space", found.item, liked=liked)
    assert why.reason.score == pytest.approx(found.score, rel=1e-3)
    assert {rec.snapshot.items.id(row) for row in why.reason.liked} <= set(liked)
    assert why.reason.taste > 0
    assert rec.title(liked[0]) in why.sentence


def test_nothing_is_claimed_of_a_search_that_matches_nothing(rec):
    worst = rec.search("space", k=rec.snapshot.num_available)[-1].item
    said = Reasons(rec).search("space", worst).sentence
    assert said.startswith("Nothing in particular in ")


def test_statements_that_count_are_those_of_the_block(rec):
    item = best(rec)
    found = Reasons(rec).statements("u00", item)
    assert found[0].effect > 0
    assert found[0].statement.name in ("Director of space", "space")
    assert [one.effect for one in found] == sorted((one.effect for one in found), reverse=True)


def test_a_model_that_reads_no_statements_loses_nothing_without_them(dataset):
    plain = made(dataset, EASE(EASEConfig(l2=2.0)))
    found = Reasons(plain).statements("u00", best(plain))
    assert found
    assert {one.effect for one in found} == {0.0}
    assert Reasons(plain).without_statements("u00", best(plain)) == ()


def test_further_liked_items_count_for_statements_too(rec):
    item, further = best(rec), "i15"
    assert further not in rec.history("u00")
    found = Reasons(rec).statements("u00", item, liked=[further])
    new = Reasons(rec).statements(None, item, liked=[*rec.history("u00"), further])
    assert [one.effect for one in found] == pytest.approx([one.effect for one in new])
    alone = Reasons(rec).statements("u00", item)
    assert [one.effect for one in found] != pytest.approx([one.effect for one in alone])


def test_what_the_user_dislikes_is_no_rival(rec):
    """With them, the eighth item of the list would be at the ninth place, and none be found."""
    eighth = rec.recommend("u00", k=8)[-1].item
    assert Reasons(rec).without_statements("u00", eighth, k=8)


def test_a_link_predictor_passes_its_messages_without_a_statement(predictor):
    item = best(predictor)
    found = Reasons(predictor).statements("u00", item)
    effects = np.array([one.effect for one in found])
    assert np.isfinite(effects).all()
    assert np.abs(effects).max() > 1e-4


def lost_without_all(rec, item, about, user="u00", liked=()):
    """By how much a score falls in the model itself without all statements about an item."""
    now = rec.snapshot
    masking = Masking(now, now.items.row(about))
    owner = None if liked else now.users.row(user)
    history = now.history(None if user is None else now.users.row(user), list(liked))
    kept = np.array([[True], [False]]).repeat(len(masking.statements), axis=1)
    with_them, without = masking.scores(owner, history, kept)[:, now.items.row(item)]
    return float(with_them - without)


def other_predictor(dataset, encoder, head):
    settings = QUICK.model_dump()
    settings["predictor"] |= {"encoder": {"name": encoder}, "head": {"name": head}}
    settings["training"]["max_epochs"] = 5
    return made(dataset, LinkPrediction(LinkPredictionConfig.model_validate(settings)))


@pytest.mark.parametrize("liked", [(), ("i03", "i15")])
@pytest.mark.parametrize("of_liked", [False, True])
def test_gradients_add_up_to_what_the_score_loses_without_all_statements(
    predictor, liked, of_liked
):
    item = best(predictor)
    about = predictor.history("u00")[0] if of_liked else item
    found = Reasons(predictor).statements("u00", item, about=about, liked=liked, method="gradients")
    expected = lost_without_all(predictor, item, about, liked=liked)
    assert abs(expected) > 1e-5
    assert sum(one.effect for one in found) == pytest.approx(expected, rel=0.01, abs=1e-6)
    masked = Reasons(predictor).statements("u00", item, about=about, liked=liked)
    names = {one.statement for one in found}
    assert names == {one.statement for one in masked}
    assert len(names) > 2
    assert [one.effect for one in found] == sorted((one.effect for one in found), reverse=True)


@pytest.mark.parametrize(("encoder", "head"), [("rgcn", "dot"), ("xsimgcl", "translation")])
def test_gradients_of_other_encoders_add_up_too(dataset, encoder, head):
    rec = other_predictor(dataset, encoder, head)
    item = best(rec)
    found = Reasons(rec).statements("u00", item, method="gradients")
    expected = lost_without_all(rec, item, item)
    assert abs(expected) > 1e-5
    assert sum(one.effect for one in found) == pytest.approx(expected, rel=0.01, abs=1e-6)


def test_without_gradients_the_error_names_masking(rec, dataset, predictor):
    with pytest.raises(DataError, match=r"attribute_ease has no gradients.*method 'masking'"):
        Reasons(rec).statements("u00", best(rec), method="gradients")
    flat = other_predictor(dataset, "none", "cosine")
    with pytest.raises(DataError, match=r"found encoder 'none'.*method 'masking'"):
        Reasons(flat).statements("u00", best(flat), method="gradients")
    with pytest.raises(DataError, match=r"its content places it.*method 'masking'"):
        Reasons(predictor).statements("u00", "n0", method="gradients")
    with pytest.raises(ConfigError, match=r"'masking' or 'gradients', found 'shap'"):
        Reasons(rec).statements("u00", best(rec), method="shap")


def test_what_is_left_out_is_the_statement_alone(rec):
    now = rec.snapshot
    row = now.items.row(best(rec))
    masking = Masking(now, row)
    other = (row + 1) % len(now.items)
    everything = now.model.updated(masking._data)
    gone = np.ones(len(masking.statements), dtype=bool)
    gone[0] = False
    without = masking._without(gone)
    names = {(one.relation, one.kind, one.row) for one in masking.statements}
    assert len(names) == len(masking.statements)
    rows = np.array([other])
    difference = np.abs(everything.similar(rows) - without.similar(rows))
    assert difference[0, row] > 0


def test_words_of_a_text_need_text_and_a_place_for_it(dataset, rec):
    with pytest.raises(DataError, match="does not place texts"):
        Reasons(rec).words(best(rec), user="u00")
    silent = Recommender(model=EASE(EASEConfig(l2=2.0)), text=None).fit(dataset.split.train)
    with pytest.raises(DataError, match=r"takes a kgrec\.TextEncoder; found NoneType"):
        Reasons(silent).words("i01", query="space")


def test_counterfactuals_and_why_not_by_id(rec):
    why, item = Reasons(rec), best(rec)
    found = why.counterfactual("u00", item)
    assert found.item.item == item
    assert found.place == 1
    last = rec.recommend("u00", k=20)[-1].item
    other = why.why_not("u00", last, k=3)
    assert other.cause == "score"
    assert other.place > 3
    similar = rec.similar_items(item, k=1)[0]
    assert why.similar(item, similar.item).sentence.startswith(f"{similar.title} is like ")


def test_the_package_has_the_class():
    assert kgrec.Reasons is Reasons
