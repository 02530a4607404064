"""Synonyms of WordNet's files: which words are taken, and what is said where they are not there."""

from pathlib import Path

import numpy as np
import pytest
from tiny_bert import write_tiny_bert

from kgrec.errors import ConfigError, RunError
from kgrec.text.model_files import find_model
from kgrec.text.tuning.augmenting import AugmentConfig, augmented_text
from kgrec.text.tuning.settings import TextTuning
from kgrec.text.tuning.synonyms import find_wordnet, read_synonyms
from kgrec.text.tuning.tower import Tower

LICENCE = "  1 This software and database is provided as is.\n"
FILES = {
    # Word, kind, meanings, pointers and their signs, meanings, seen, places.
    "index.noun": "film n 2 3 @ ~ + 2 7 00000100 00000200\nstart n 1 1 @ 1 2 00000300\n"
    "motion_picture n 1 1 @ 1 9 00000100\nunseen n 1 1 @ 1 0 00000100\n",
    "data.noun": "00000100 06 n 05 film 0 movie 0 motion_picture 0 Flick 1 movie 2 001 @ 00000300 n"
    " 0000 | a form of entertainment\n00000200 06 n 02 film 1 layer 0 000 | thin\n"
    "00000300 06 n 02 start 0 onset 0 000 | the beginning\n",
    "index.verb": "start v 1 0 1 5 00000100\nlonely v 1 0 1 3 00000200\n",
    "data.verb": "00000100 30 v 02 start 0 begin 0 000 01 + 02 00 | set in motion\n"
    "00000200 30 v 01 lonely 0 000 | nothing else\n",
    "index.adj": "ample a 1 0 1 1 00000100\n",
    "data.adj": "00000100 00 s 02 ample 0 galore(ip) 0 000 | in abundance\n",
    "index.adv": "",
    "data.adv": "",
}


@pytest.fixture
def wordnet(tmp_path):
    folder = tmp_path / "wordnet"
    folder.mkdir()
    for name, lines in FILES.items():
        (folder / name).write_text(LICENCE + lines, encoding="utf-8")
    return folder


def test_the_most_frequent_meaning_has_the_other_words(wordnet):
    assert read_synonyms(wordnet) == {
        "film": ("movie", "flick"),  # not the thin layer, no phrase, each word once
        "start": ("begin",),  # seen five times as a verb, and twice as a noun
        "ample": ("galore",),
    }


def test_words_of_sentences_change_and_titles_values_and_names_do_not():
    text = "A film. Genres: film, start. The start of a film by Film and film-makers."
    other = {"film": ["movie"], "start": ["begin"]}
    random = np.random.default_rng(0)
    found = augmented_text(text, AugmentConfig(synonyms=1.0), random, other)
    assert found == "A film. Genres: film, start. The begin of a movie by Film and film-makers."
    assert augmented_text(text, AugmentConfig(), random, other) == text


def test_the_share_is_that_of_the_setting():
    text = "Heat. " + "film " * 2000
    found = augmented_text(
        text, AugmentConfig(synonyms=0.3), np.random.default_rng(1), {"film": ["movie", "flick"]}
    ).split()
    assert found.count("film") == pytest.approx(1400, abs=80)
    assert found.count("movie") == pytest.approx(300, abs=60)


def test_the_folder_is_the_given_one_or_that_of_the_environment(wordnet, tmp_path):
    assert find_wordnet(str(wordnet), {}) == wordnet
    assert find_wordnet(None, {"WNSEARCHDIR": str(wordnet)}) == wordnet
    (tmp_path / "home").mkdir()
    wordnet.rename(tmp_path / "home" / "dict")
    assert find_wordnet(None, {"WNHOME": str(tmp_path / "home")}) == tmp_path / "home" / "dict"
    with pytest.raises(ConfigError, match=r"nowhere.*set `wordnet` to their folder"):
        find_wordnet(str(tmp_path / "nowhere"), {"WNSEARCHDIR": str(wordnet)})


@pytest.mark.parametrize(
    ("name", "line", "number"),
    [
        ("index.noun", "film n 2\n", 2),
        ("index.adv", "well r one 0 1 1 x\n", 2),
        ("data.noun", "00000100 06 n zz film 0\n", 2),
        ("data.verb", "00000100 30 v 09 start 0\n", 2),
    ],
)
def test_a_damaged_line_is_named(wordnet, name, line, number):
    (wordnet / name).write_text(LICENCE + line, encoding="utf-8")
    with pytest.raises(RunError, match=rf"{name}, line {number}"):
        read_synonyms(wordnet)


def test_a_missing_file_is_named(wordnet):
    (wordnet / "data.adj").unlink()
    with pytest.raises(RunError, match=r"data\.adj"):
        read_synonyms(wordnet)


def test_training_says_at_once_that_there_is_no_wordnet(tmp_path):
    files = find_model(write_tiny_bert(tmp_path / "model"))
    augment = AugmentConfig(synonyms=0.1, wordnet=str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match="WordNet"):
        Tower(files, TextTuning(augment=augment), tmp_path)


@pytest.mark.skipif(
    not Path("/usr/share/wordnet/index.noun").is_file(), reason="WordNet is not installed"
)
def test_the_files_of_wordnet_are_read():
    found = read_synonyms(find_wordnet(None, {}))
    assert "movie" in found["film"]
    assert len(found) > 9000
    assert all(word not in others for word, others in found.items())
