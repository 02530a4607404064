"""Scripts that a text model does not know are said."""

import pytest

from kgrec.errors import KgrecWarning, collecting
from kgrec.text.encoder import TextEncoder
from kgrec.text.scripts import (
    known_scripts,
    letters_by_script,
    warn_of_english_model,
    warn_of_unknown_scripts,
)

pytestmark = pytest.mark.filterwarnings("ignore::kgrec.errors.KgrecWarning")


def said(texts, scripts):
    with collecting() as found:
        warn_of_unknown_scripts(texts, lambda: scripts, "the texts")
    return found


def test_letters_of_scripts():
    found = letters_by_script(["Été 1997 µ²", "Щука", "哈利ポッター", "ไทย", "한국", "हिन्दी", "𝒜ª"])
    assert found == {
        "Latin": 3, "Cyrillic": 4, "Chinese characters": 2, "Japanese kana": 4, "Thai": 3,
        "Korean": 2, "Devanagari": 3,
    }  # fmt: skip


def test_the_default_model_knows_latin_letters_only():
    assert TextEncoder().known_scripts == {"Latin"}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("哈利波特", "Chinese characters"), ("Гарри Поттер", "Cyrillic"), ("هاري بوتر", "Arabic"),
        ("ハリー・ポッター", "Japanese kana"), ("해리 포터", "Korean"), ("हैरी पॉटर", "Devanagari"),
        ("แฮร์รี่", "Thai"), ("Χάρι Πότερ", "Greek"), ("הארי", "Hebrew"),
    ],
)  # fmt: skip
def test_texts_of_other_scripts_are_said_with_share_and_remedy(text, named):
    (message,) = said([text, "1984"], TextEncoder().known_scripts)
    assert message.startswith("100% of the letters of the texts")
    assert named in message
    assert "text.model" in message


def test_what_is_known_is_not_said():
    latin = frozenset({"Latin"})
    assert said(["Amélie Ångström straße", "µ ² 5 €"], latin) == []
    assert said(["plain"] * 20 + ["π"], latin) == []  # one letter of a hundred
    assert said(["Гарри"], latin | {"Cyrillic"}) == []
    assert said(["Гарри"], None) == []  # nobody knows
    assert "38%" in said(["Гар", "Harry"], latin)[0]
    assert said([], latin) == []


def test_plain_texts_do_not_open_the_tokenizer():
    warn_of_unknown_scripts(["Amélie"], lambda: pytest.fail("opened"), "the texts")


def test_vocabularies_of_all_kinds():
    many = {f"##щ{chr(0x430 + one)}{chr(0x430 + two)}": 0 for one in range(11) for two in range(11)}
    assert known_scripts({"model": {"vocab": many}}) == {"Cyrillic"}
    assert known_scripts({"model": {"vocab": [[token, -1.0] for token in many]}}) == {"Cyrillic"}
    assert (
        known_scripts({"model": {"vocab": dict.fromkeys(map(chr, range(0x430, 0x450)))}}) == set()
    )
    han = dict.fromkeys(map(chr, range(0x4E00, 0x4E00 + 2000)))
    assert known_scripts({"model": {"vocab": han}}) == {"Chinese characters"}
    han.popitem()
    assert known_scripts({"model": {"vocab": han}}) == set()
    of_bytes = {"model": {"vocab": many}, "pre_tokenizer": {"type": "ByteLevel"}}
    assert known_scripts(of_bytes) is None
    assert known_scripts({}) is None


@pytest.mark.parametrize("languages", [("de", "en", ""), ("", "zh"), ("fr",)])
def test_a_model_of_english_for_other_languages_is_said(languages):
    with pytest.warns(KgrecWarning, match=r"text\.languages begins with '(de|zh|fr)'.*text\.model"):
        warn_of_english_model(languages)


@pytest.mark.parametrize("languages", [("en", ""), ("en-GB", "de"), ("",), ()])
def test_english_and_texts_without_a_language_are_not_said(languages):
    with collecting() as found:
        warn_of_english_model(languages)
    assert found == []
