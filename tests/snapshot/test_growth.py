"""New items at once: what search and lists have computed is extended, and is as computed anew."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from project import WordEncoder

import kgrec
from kgrec.models.ensemble import Ensemble
from kgrec.snapshot.earlier import NOTHING

GENRES = ("Comedy", "Film noir")
WORDS = (("clown", "circus", "laughter"), ("detective", "murder", "rain"))


def film(number):
    """Every second film is a film noir."""
    kind = number % 2
    title = f"{WORDS[kind][number % 3]} story {chr(97 + number)} ({1960 + number})"
    return {"item_id": f"f{number:02}", "genre": GENRES[kind], "title": title}


def table(rows):
    return kgrec.AttributeTable.read(pd.DataFrame(rows), categories=["genre"])


def statements(number):
    kind = number % 2
    return [
        (f"e:{number}", "e:director", f"e:Director_{kind}"),
        (f"e:{number}", "e:label", f"Film {number}", "", "en"),
        (f"e:{number}", "http://www.w3.org/2000/01/rdf-schema#comment",
         " ".join(WORDS[kind]), "", "en"),
    ]  # fmt: skip


def fitted(model, number=20, encoder=True):
    """Even users like comedies, the others films noirs."""
    films = [film(n) for n in range(number)]
    given = [one for n in range(number) for one in statements(n)]
    kg = kgrec.KnowledgeGraph.from_triples([one for one in given if len(one) == 3],
                                           [one for one in given if len(one) == 5])  # fmt: skip
    rng = np.random.default_rng(0)
    pairs = [(f"u{u:02}", f"f{n:02}") for u in range(24) for n in range(number)
             if u % 2 == n % 2 and rng.random() < 0.6]  # fmt: skip
    log = kgrec.Interactions.read(pd.DataFrame(pairs, columns=["user_id", "item_id"]))
    items = table(films)
    links = pd.DataFrame({"item_id": items.ids.ids, "iri": [f"e:{n}" for n in range(number)]})
    more = {} if encoder else {"text": kgrec.TextConfig()}
    return kgrec.Recommender(kg, kgrec.link(items.ids, kg, links), items=items, model=model,
                             encoder=WordEncoder(), **more).fit(log)  # fmt: skip


def content_model():
    return Ensemble([kgrec.EASE(kgrec.EASEConfig(l2=5.0)), kgrec.ContentEASE()])


MODELS = {
    "content_ease": kgrec.ContentEASE,
    "ensemble": content_model,
    "attribute_ease": kgrec.AttributeEASE,
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("way", ["row", "triples"])
def test_a_new_item_is_recommended_to_those_who_like_its_kind(name, way):
    rec = fitted(MODELS[name]())
    more = {"items": table([{**film(21), "title": "detective murder rain"}])}
    if way == "triples":
        more = {"triples": statements(21), "links": [("f21", "e:21")]}
    rec.update(**more, at_once=True)
    now, new = rec.snapshot, rec.item_vocabulary.row("f21")
    scores = now.score(rec.user_vocabulary.rows(["u00", "u01"]))
    assert scores[1, new] > scores[1, 0:20:2].mean()
    assert scores[0, new] < scores[0, 0:20:2].mean()
    like = np.flatnonzero(now.alike.toarray()[0])
    assert (like % 2).mean() >= 0.7
    assert now.alike.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(
        scores[:, new], now.score(np.arange(2))[:, like].mean(axis=1), rtol=1e-5
    )
    assert "f21" in [one.item for one in rec.recommend("u01", 12)]
    found = rec.search("detective murder in the rain", 5)
    assert all(int(one.item[1:]) % 2 for one in found)
    rec.settle()
    assert "f21" in [one.item for one in rec.recommend("u01", 12)]


def test_an_item_comes_last_until_something_is_known_and_where_content_does_not_count():
    rec = fitted(content_model())
    rec.update(items=["nobody knows"], at_once=True)
    rec.update(items=table([film(21)]), at_once=True)
    scores = rec.snapshot.score(np.arange(4))
    assert (scores[:, 20] == scores.min(axis=1)).all()
    assert (scores[:, 21] > scores.min(axis=1)).any()
    rec = fitted(kgrec.EASE())
    rec.update(items=table([film(21)]), at_once=True)
    scores = rec.snapshot.score(np.arange(4))
    assert (scores[:, 20] == scores.min(axis=1)).all()


def test_what_is_extended_is_as_computed_anew():
    """Items come in three updates, with a value and a relation that nobody had."""
    rec = fitted(content_model())
    rec.search("clown", 3)
    rec.recommend("u01", 3)
    odd = {"item_id": "x", "title": "The Lighthouse: a tale (1999)", "genre": "Western"}
    rec.update(items=table([film(21), film(22)]), at_once=True)
    rec.search("clown", 3)
    rec.update(items=table([odd]), at_once=True)
    rec.update(triples=statements(25), links=[("f25", "e:25")], at_once=True)
    now = rec.snapshot
    assert now.earlier.taste is not None
    anew = replace(now, earlier=NOTHING)
    ours, theirs = now.taste, anew.taste
    for one in range(len(now.items)):
        names = [{facts.names[v] for v in facts.values_of(one)}
                 for facts in (ours.facts, theirs.facts)]  # fmt: skip
        assert names[0] == names[1]
    assert ours.facts.titles == theirs.facts.titles
    np.testing.assert_array_equal(ours.facts.years, theirs.facts.years)
    text = "a western or film noir by Director 1, clown story w (1982), “The Lighthouse”"
    found = [
        [(one.kind, one.text, taste.recogniser.written(one)) for one in taste.recogniser.find(text)]
        for taste in (ours, theirs)
    ]
    assert found[0] == found[1]
    assert ("item", "The Lighthouse") in [one[:2] for one in found[0]]
    for query in ("western rain", "director", "film noir clown story"):
        for part in ("_all_words", "_title_words", "_name_words", "_kind_words"):
            np.testing.assert_allclose(
                getattr(ours.signals, part).score(query),
                getattr(theirs.signals, part).score(query), rtol=1e-5, atol=1e-6,
            )  # fmt: skip
        np.testing.assert_allclose(
            now.word_index.shares(query), anew.word_index.shares(query), rtol=1e-5
        )
    # The mean of the text vectors stays that of before, so a few of the nearest may be others.
    both = now.alike.minimum(anew.alike)
    assert (np.asarray(both.sum(axis=1)) >= 0.7).all()
    np.testing.assert_allclose(now.score(np.arange(5))[:, :20], anew.score(np.arange(5))[:, :20])
    np.testing.assert_allclose(ours.signals.centred, theirs.signals.centred, atol=0.2)


def test_what_is_told_of_a_known_item_is_found():
    rec = fitted(content_model())
    rec.search("clown", 3)
    row = {**film(4), "genre": "Western"}
    rec.update(items=table([row]), at_once=True)
    assert rec.snapshot.earlier.taste is None
    facts = rec.snapshot.taste.facts
    assert {facts.names[value] for value in facts.values_of(4)} >= {"Western"}
    rec.update(triples=[("e:5", "e:director", "e:Quentin")], at_once=True)
    facts = rec.snapshot.taste.facts
    assert "Quentin" in {facts.names[value] for value in facts.values_of(5)}


def test_two_updates_of_one_snapshot_do_not_disturb_each_other():
    first, second = fitted(content_model()), fitted(content_model())
    for rec in (first, second):
        rec.search("clown", 3)
    start = first.update(items=table([film(20)]), at_once=True)
    second.take(start)
    for rec, number in ((first, 21), (second, 22)):
        rec.update(items=table([film(number)]), at_once=True)
    for rec, number, query in ((first, 21, "detective story v"), (second, 22, "circus story w")):
        assert rec.item_vocabulary.ids[-1] == f"f{number}"
        assert rec.search(query, 1)[0].item == f"f{number}"
        text = ("item", "text")
        np.testing.assert_array_equal(rec.snapshot.derived.features[text][:21],
                                      start.derived.features[text])  # fmt: skip
