"""Integrated gradients of words, on small encoders."""

import numpy as np
import pytest

from kgrec.errors import DataError
from kgrec.text.attribution import word_attributions
from kgrec.text.module import TextModule

TEXT = "A young wizard fights an evil empire, in space."


@pytest.fixture(scope="module")
def module() -> TextModule:
    return TextModule.load()


def vector(module: TextModule, text: str, *, query: bool = False) -> np.ndarray:
    found = module(module.tokenize([text], query=query), query=query)
    return np.asarray(found.detach().numpy()[0])


def test_words_and_base_add_up_to_the_product(module: TextModule) -> None:
    toward = vector(module, "space opera", query=True)
    found = word_attributions(module, TEXT, toward)
    assert [word for word, _ in found.words] == TEXT.split()
    assert found.score == pytest.approx(float(vector(module, TEXT) @ toward), abs=1e-5)
    blank = found.score - sum(value for _, value in found.words)
    assert found.base == pytest.approx(blank)
    # The base is the product of the blanked text: so the integral is complete.
    hidden = " ".join("[MASK]" for _ in module.spans(TEXT)[0][1:-1])
    assert found.base == pytest.approx(float(vector(module, hidden) @ toward), abs=0.01)


def test_the_word_that_the_query_asks_for_adds_most(module: TextModule) -> None:
    for query, expected in (("space", "space."), ("wizard magic", "wizard")):
        found = word_attributions(module, TEXT, vector(module, query, query=True))
        assert max(found.words, key=lambda pair: pair[1])[0] == expected


def test_pieces_of_a_word_count_for_the_word(module: TextModule) -> None:
    text = "unbelievableness tarantulas"
    assert len(module.spans(text)[0]) > 4
    found = word_attributions(module, text, vector(module, "spiders", query=True))
    assert [word for word, _ in found.words] == text.split()
    assert found.words[1][1] > found.words[0][1]


def test_a_token_that_begins_with_a_space_is_that_of_the_word_after_it(
    module: TextModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    toward = vector(module, "space opera", query=True)
    expected = word_attributions(module, f" {TEXT}", toward)
    ids, spans = module.spans(f" {TEXT}")
    wide = [(max(0, start - 1), end) if end else (0, 0) for start, end in spans]
    monkeypatch.setattr(module, "spans", lambda *_, **__: (ids, wide))
    assert word_attributions(module, f" {TEXT}", toward) == expected


def test_spans_are_the_places_of_the_tokens(module: TextModule) -> None:
    ids, spans = module.spans(TEXT)
    np.testing.assert_array_equal(ids, module.tokenize([TEXT])[0])
    assert spans[0] == spans[-1] == (0, 0)
    assert TEXT[spans[2][0] : spans[2][1]] == "young"
    prompted = module.with_prompts(document="passage: ")
    ids, spans = prompted.spans(TEXT)
    np.testing.assert_array_equal(ids, prompted.tokenize([TEXT])[0])
    told = [TEXT[start:end] for start, end in spans if end]
    assert told[:3] == ["A", "young", "wizard"]


def test_what_does_not_fit_is_an_error(module: TextModule) -> None:
    with pytest.raises(DataError, match="0 words"):
        word_attributions(module, "  ", np.zeros(module.dim, dtype=np.float32))
    with pytest.raises(DataError, match="direction of"):
        word_attributions(module, TEXT, np.zeros(3, dtype=np.float32))
