"""Reasons of a snapshot: what counts, what would change it, and why not."""

import numpy as np
import pandas as pd
import pytest

import kgrec
from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Interactions
from kgrec.errors import ConfigError, DataError
from kgrec.explain.explanation import Explanation
from kgrec.explain.settings import ExplainConfig
from kgrec.models.base import Model
from kgrec.models.ease import EASE, EASEConfig
from kgrec.models.ensemble import Ensemble, EnsembleConfig
from kgrec.models.popular import MostPopular
from kgrec.snapshot.reasons import Reasons

BLOCKS = 3
SIZE = 6


def log(users: int = 12) -> Interactions:
    """Return users of blocks: user number n has not the n-th item of the block."""
    pairs = [
        (f"u{block}{n}", f"i{block}{item}")
        for block in range(BLOCKS)
        for n in range(users)
        for item in range(SIZE)
        if item != n % SIZE
    ]
    frame = pd.DataFrame(pairs, columns=["user_id", "item_id"])
    return Interactions.read(frame)


def table() -> AttributeTable:
    """Return shelves: those of the blocks, and an author of two items of the first."""
    rows = [
        {
            "item_id": f"i{block}{item}",
            "title": f"Title {block}{item}",
            "shelf": f"shelf {block}",
            "author": "Woolf" if (block, item) in ((0, 0), (0, 1)) else f"author {block}{item % 3}",
        }
        for block in range(BLOCKS)
        for item in range(SIZE)
    ]
    return AttributeTable.read(pd.DataFrame(rows), categories=["shelf", "author"], title="title")


def made(model: Model | None = None, **options: object) -> kgrec.Recommender:
    model = model or EASE(EASEConfig(l2=2.0))
    return kgrec.Recommender(model=model, items=table(), text=None, **options).fit(log())  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def rec() -> kgrec.Recommender:
    return made()


def named(found: Explanation) -> set[str]:
    titles = {f"Title {block}{item}" for block in range(BLOCKS) for item in range(SIZE)}
    return {title for title in titles if title in found.sentence} - {found.item.label}


def test_the_sum_of_contributions_and_base_is_the_score(rec: kgrec.Recommender) -> None:
    found = rec.explain("u00", "i00")
    assert found.score is not None
    assert found.base is not None
    row, item = rec.snapshot.users.row("u00"), rec.snapshot.items.row("i00")
    assert found.score == pytest.approx(float(rec.score(np.array([row]))[0, item]))
    total = sum(one.value for one in found.contributions) + found.base
    assert total == pytest.approx(found.score, rel=1e-3)
    assert sum(one.share for one in found.contributions) == pytest.approx(1.0)
    values = [one.value for one in found.contributions if one.value > 0]
    assert values == sorted(values, reverse=True)


def test_the_sentence_names_what_counts_most(rec: kgrec.Recommender) -> None:
    found = rec.explain("u00", "i00", liked=["i10", "i20", "i21"])
    first = [one.item.label for one in found.contributions[:3]]
    assert all(label.startswith("Title 0") for label in first)
    assert named(found) <= set(first)
    assert found.basis == "graph"
    assert named(found)
    assert found.paths[0].liked.label in first


def test_paths_say_how_much_of_the_score_passes_through_them(rec: kgrec.Recommender) -> None:
    found = rec.explain("u00", "i00")
    shelf = next(path for path in found.paths if path.between[0].label == "shelf 0")
    author = next(path for path in found.paths if path.between[0].label == "Woolf")
    assert shelf.share is not None
    assert shelf.through == pytest.approx(1.0)
    assert author.through == pytest.approx(author.share)
    assert shelf.share < 0.5


def test_what_counts_is_named_by_other_users_if_nothing_else_joins_it() -> None:
    rec = made(explain=ExplainConfig(relations=("author",)))
    found = rec.explain("u22", "i22", liked=["i00"])
    labels = [one.item.label for one in found.contributions[:3]]
    assert named(found) <= set(labels)
    hidden = made(explain=ExplainConfig(hidden=("author", "shelf")))
    found = hidden.explain("u22", "i22")
    assert found.basis == "audience"
    assert "liked it as well" in found.sentence
    assert all(path.kind == "audience" for path in found.paths)


def test_relations_that_are_not_there_are_an_error() -> None:
    with pytest.raises(
        ConfigError, match=r"explain.relations names 'autor'.*Did you mean 'author'"
    ):
        made(explain=ExplainConfig(relations=("autor",))).explain("u00", "i00")


def test_a_model_that_ranks_by_popularity_counts_no_item() -> None:
    rec = made(MostPopular())
    found = rec.explain("u00", "i00")
    assert found.contributions == ()
    assert found.base == found.score


def test_towers_of_an_ensemble_add_up() -> None:
    models = [EASE(EASEConfig(l2=2.0)), MostPopular()]
    rec = made(Ensemble(models, EnsembleConfig(weights=(0.8, 0.2))))
    found = rec.explain("u00", "i00")
    assert set(found.towers) == {"ease", "most_popular"}
    assert sum(found.towers.values()) == pytest.approx(found.score, rel=1e-3)


def test_a_list_at_once_is_as_one_by_one(rec: kgrec.Recommender) -> None:
    now = rec.snapshot
    rows = now.items.rows(["i00", "i10", "i11"])
    together = now.reasons.explain(0, rows)
    for row, found in zip(rows, together, strict=True):
        alone = now.reasons.explain(0, [int(row)])[0]
        assert found.sentence == alone.sentence
        assert found.score == pytest.approx(alone.score)


def test_length_and_tone_and_language_come_from_the_settings() -> None:
    config = ExplainConfig(language="de", tone="familiar", length="short")
    found = made(explain=config).explain("u00", "i00")
    assert found.sentence.startswith("Title 00 wird empfohlen, weil dir Title 0")
    assert "gefällt: " in found.sentence
    polite = made(explain=config).explain("u00", "i00", tone="polite")
    assert "weil Ihnen" in polite.sentence
    assert "recommended" in made(explain=config).explain("u00", "i00", language="en").sentence


def test_a_length_or_tone_that_is_not_there_is_an_error(rec: kgrec.Recommender) -> None:
    with pytest.raises(ConfigError, match=r"length: expected 'short'.*Did you mean 'long'"):
        rec.explain("u00", "i00", length="lnog")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="tone: expected 'polite' or 'familiar', found 'rude'"):
        rec.explain("u00", "i00", tone="rude")  # type: ignore[arg-type]


def test_new_items_after_an_update_have_a_reason() -> None:
    rec = made()
    new = AttributeTable.read(
        pd.DataFrame([{"item_id": "n", "title": "New", "shelf": "shelf 0", "author": "Woolf"}]),
        categories=["shelf", "author"],
        title="title",
    )
    rec.update(items=new, at_once=True)
    found = rec.explain("u00", "n")
    assert found.basis == "graph"
    assert "Woolf" in found.sentence or "shelf 0" in found.sentence


class TestCounterfactual:
    def test_the_items_of_the_block_carry_it(self, rec: kgrec.Recommender) -> None:
        reasons = rec.snapshot.reasons
        found = reasons.counterfactual(None, row(rec, "i00"), liked=["i01", "i10", "i20"], k=1)
        assert [one.item for one in found.without] == ["i01"]
        assert found.place == 1 < found.place_without
        assert found.smallest

    def test_without_what_is_removed_the_model_agrees(self, rec: kgrec.Recommender) -> None:
        now, liked = rec.snapshot, ["i01", "i02", "i10"]
        best = rec.recommend(liked=liked, k=1)[0].item
        found = now.reasons.counterfactual(None, row(rec, best), liked=liked, k=1)
        assert found.place == 1
        assert found.without
        left = [one for one in liked if one not in {gone.item for gone in found.without}]
        again = rec.recommend(liked=left or ["i20"], k=1, exclude=liked)[0].item if left else None
        assert again != best
        if left:
            assert found.instead is not None
            assert found.instead.item == again

    def test_liked_items_that_the_model_does_not_know_count_nothing(self) -> None:
        rec = made()
        new = AttributeTable.read(
            pd.DataFrame([{"item_id": f"n{place}", "shelf": "shelf 0"} for place in range(3)]),
            categories=["shelf"],
        )
        rec.update(items=new, at_once=True)
        known = ["i00", "i01", "i02", "i10"]
        best = rec.recommend(liked=known, k=1)[0].item
        reasons = rec.snapshot.reasons
        found = reasons.counterfactual(None, row(rec, best), liked=["n0", "n1", "n2", *known], k=3)
        alone = reasons.counterfactual(None, row(rec, best), liked=known, k=3)
        assert found.without == alone.without
        assert {one.item for one in found.without} == {"i00", "i01", "i02"}

    def test_nobody_has_none(self, rec: kgrec.Recommender) -> None:
        with pytest.raises(DataError, match="no items"):
            rec.snapshot.reasons.counterfactual(None, 0, liked=[])
        with pytest.raises(ConfigError, match="at least 1"):
            rec.snapshot.reasons.counterfactual(0, 0, k=0)


class TestWhyNot:
    def test_it_says_what_is_missing(self, rec: kgrec.Recommender) -> None:
        found = rec.snapshot.reasons.why_not(None, row(rec, "i20"), liked=["i00", "i01"], k=2)
        assert found.cause == "score"
        assert found.place > 2
        assert found.missing is not None
        assert found.missing.item.startswith("i2")
        assert found.place_with < found.place
        assert found.score < found.needed

    def test_what_one_has_or_gets_is_said(self, rec: kgrec.Recommender) -> None:
        reasons: Reasons = rec.snapshot.reasons
        assert reasons.why_not(None, row(rec, "i00"), liked=["i00"]).cause == "has"
        best = rec.recommend(liked=["i00", "i01"], k=1)[0].item
        assert reasons.why_not(None, row(rec, best), liked=["i00", "i01"]).cause == "best"

    def test_who_has_everything_is_told_so(self, rec: kgrec.Recommender) -> None:
        every = rec.snapshot.items.array.tolist()
        assert rec.snapshot.reasons.why_not(None, row(rec, "i00"), liked=every).cause == "has"

    def test_the_answer_is_json(self, rec: kgrec.Recommender) -> None:
        import json

        told = rec.snapshot.reasons.why_not(None, row(rec, "i20"), liked=["i00"], k=2).to_dict()
        assert json.loads(json.dumps(told))["item"]["item"] == "i20"


def test_similar_items_share_something(rec: kgrec.Recommender) -> None:
    found = rec.snapshot.reasons.similar(row(rec, "i00"), [row(rec, "i01")])[0]
    assert "Woolf" in found.sentence


def row(rec: kgrec.Recommender, item: str) -> int:
    return rec.snapshot.items.row(item)
