"""A run that is loaded for serving answers as the whole run does, and loads what it needs."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from project import words_for_language_model

from kgrec.config import MODELS, load_config
from kgrec.errors import RunError
from kgrec.models.base import ModelConfig
from kgrec.models.stored_vectors import StoredVectors
from kgrec.outputs.tensors import load_arrays
from kgrec.runs.reading import load_run
from kgrec.runs.serving import CLOSED_FORMS, FILE, load_for_serving, read_test
from kgrec.runs.training import train_run
from kgrec.text.cache import EmbeddingCache

pytestmark = pytest.mark.usefixtures("word_encoder")

SETTINGS = {
    "link_prediction": [],
    "translation": ["model.predictor.head={name: translation}"],
    "distmult": ["model.predictor.head={name: distmult}", "model.predictor.encoder={name: none}"],
    "nonlinear": ["model.predictor.encoder={name: rgcn}"],
    "kgin": ["model={name: kgin, training: {max_epochs: 1}}"],
    "auto": ["model=auto"],
    "ease": ["model=ease"],
    "content_ease": ["model=content_ease"],
    "user_ease": ["model=user_ease"],
    "item_knn": ["model=item_knn"],
    "trending": ["model=trending"],
    "most_popular": ["model=most_popular"],
    "ensemble": ["model={name: ensemble, members: [ease, trending]}"],
    "mixed": ["model={name: ensemble, members: [ease, {name: bpr_mf, training: {max_epochs: 1}}]}"],
}


@pytest.fixture(scope="module", params=SETTINGS, ids=str)
def served(request, project, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / "run"
    changes = SETTINGS[request.param]
    if not any(change.startswith("model=") for change in changes):
        changes = [*changes, "model.training.max_epochs=2"]
    with words_for_language_model(), pytest.MonkeyPatch.context() as patch:
        # Few validation users choose, and no model that was tried is left out.
        patch.setattr("kgrec.auto.auto.MIN_USERS", 5)
        patch.setattr("kgrec.auto.stacking.WORTH", -10.0)
        train_run(load_config(project, changes), folder)
        return load_for_serving(folder), load_run(folder)[0], folder


def same(left, right):
    assert [entry.item for entry in left] == [entry.item for entry in right]
    assert [entry.title for entry in left] == [entry.title for entry in right]
    np.testing.assert_allclose(
        [entry.score for entry in left], [entry.score for entry in right], rtol=2e-5, atol=2e-5
    )


def test_every_answer_is_that_of_the_whole_run(served):
    light, whole, _ = served
    for user in ("u00", "u15", "u29"):
        same(light.recommend(user), whole.recommend(user))
        same(
            light.recommend(user, filter="'space' in tags"),
            whole.recommend(user, filter="'space' in tags"),
        )
    for liked in (["i01"], ["i09", "i10", "i12"], ["n0"]):
        same(light.recommend(liked=liked), whole.recommend(liked=liked))
    same(light.recommend("u00", liked=["i10"]), whole.recommend("u00", liked=["i10"]))
    for item in ("i01", "n2"):
        same(light.similar_items(item), whole.similar_items(item))
    same(light.search("space pirates"), whole.search("space pirates"))
    frames = [one.recommend_all(4).to_pandas() for one in (light, whole)]
    assert frames[0]["item_id"].equals(frames[1]["item_id"])
    assert light.history("u00") == whole.history("u00")
    assert light.snapshot.warnings == whole.snapshot.warnings


def alike(left, right):
    assert (left.user, left.item, left.sentence) == (right.user, right.item, right.sentence)
    for one, other in zip(left.paths, right.paths, strict=True):
        # Stored vectors give the whole run's scores within the rounding of float32.
        rounded = {"score": 0.0, "share": 0.0, "through": 0.0}
        assert replace(one, **rounded) == replace(other, **rounded)
        assert one.score == pytest.approx(other.score, rel=1e-4)
        assert one.share == pytest.approx(other.share, abs=1e-5)
        assert one.through == pytest.approx(other.through, abs=1e-5)


def test_every_reason_is_that_of_the_whole_run(served):
    light, whole, _ = served
    reasons = set()
    for item in whole.item_vocabulary.ids:
        for user in ("u00", "u15", "u29"):
            found = light.explain(user, item)
            alike(found, whole.explain(user, item))
            reasons |= {path.kind for path in found.paths}
        alike(light.explain(None, item, liked=["i01"]), whole.explain(None, item, liked=["i01"]))
    assert "shared" in reasons


def test_vectors_of_histories_are_stored_where_they_are_sums(served, request):
    _, _, folder = served
    name = request.node.callspec.params["served"]
    stored = (folder / FILE).exists()
    learnt = ("link_prediction", "translation", "distmult", "nonlinear", "kgin", "auto")
    assert stored == (name in learnt)
    arrays = load_arrays(folder / FILE)[0] if stored else {}
    if name in ("link_prediction", "translation", "distmult"):
        assert "history.items" in arrays
    if name == "nonlinear":
        assert "history.items" not in arrays


def test_a_link_predictor_among_the_members_is_not_loaded(served, request):
    """Neither it nor the class of its settings, which loads PyTorch."""
    light, whole, _ = served
    if request.node.callspec.params["served"] == "auto":
        (stored,) = [one for one in light.model.members if isinstance(one, StoredVectors)]
        assert type(stored.config) is ModelConfig
        assert stored.config in light.model._chosen
        assert [one.name for one in light.model.members] == [
            one.name for one in whole.model.members
        ]


def test_the_test_part(served):
    light, _, folder = served
    test = load_run(folder)[2].test
    vocabularies = light.user_vocabulary, light.item_vocabulary
    found = read_test(folder, *vocabularies)
    pairs = set(zip(test.users.take(test.user), test.items.take(test.item), strict=True))
    assert pairs == set(
        zip(vocabularies[0].take(found.user), vocabularies[1].take(found.item), strict=True)
    )
    of_one = read_test(folder, *vocabularies, "u15")
    assert len(of_one) == len([pair for pair in pairs if pair[0] == "u15"])


def test_an_update_starts_from_the_whole_run(run_folder):
    light = load_for_serving(run_folder)
    light.update(items=["quite-new"])
    assert "quite-new" in light.item_vocabulary
    assert len(light.recommend("u00", 3)) == 3


def test_all_models_without_pytorch_are_listed():
    closed = {
        name
        for name in MODELS
        if name not in ("ensemble", "auto") and "presets" not in MODELS[name].__module__
    }
    closed = {name for name in closed if not MODELS[name].__module__.startswith("kgrec.training")}
    assert set(CLOSED_FORMS) == closed
    for name, (module, kind) in CLOSED_FORMS.items():
        assert (MODELS[name].__module__, MODELS[name].__name__) == (module, kind)


def test_a_run_without_the_file_is_loaded_as_a_whole_and_a_damaged_one_is_refused(
    run_folder, tmp_path
):
    copy = tmp_path / "run"
    shutil.copytree(run_folder, copy)
    path = copy / FILE
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(RunError):
        load_for_serving(copy)


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def flip(path):
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(content[:half] + bytes([content[half] ^ 16]) + content[half + 1 :])


def test_a_file_is_checked_when_it_is_read(run_folder, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(run_folder, copy)
    asked = {
        "data/interactions.parquet": lambda light: light.snapshot.interactions,
        "data/links.parquet": lambda light: light.recommend("u00", filter="by == 'x'"),
        "data/relations.parquet": lambda light: light.explain("u00", "n0"),
        "data/graph/triples.arrow": lambda light: light.explain("u00", "n0"),
        "data/item_table_others.parquet": lambda light: light.recommend("u00", filter="id == 'x'"),
        "features.safetensors": lambda light: light.search("space"),
        "words.safetensors": lambda light: light.search("space"),
        "data/words.parquet": lambda light: light.search("space"),
    }
    expected = load_for_serving(copy).recommend("u00", 3)
    for name, ask in asked.items():
        content = (copy / name).read_bytes()
        flip(copy / name)
        light = load_for_serving(copy)
        assert light.recommend("u00", 3) == expected
        with pytest.raises(RunError, match=rf"{name.rpartition('/')[2]}\b.* damaged"):
            ask(light)
        (copy / name).write_bytes(content)
    for name in ("data/histories.parquet", "data/names.parquet", FILE):
        content = (copy / name).read_bytes()
        flip(copy / name)
        with pytest.raises(RunError, match=rf"{name.rpartition('/')[2]} is damaged"):
            load_for_serving(copy)
        (copy / name).write_bytes(content)


def test_a_run_that_took_the_place_of_the_loaded_one_is_refused(project, word_encoder, tmp_path):
    folder = tmp_path / "run"
    changes = ["model.training.max_epochs=1"]
    train_run(load_config(project, changes), folder)
    loaded = [load_for_serving(folder) for _ in range(3)]
    train_run(load_config(project, [*changes, "graph.min_degree=5"]), folder, force=True)
    with pytest.raises(RunError, match=r"features\.safetensors is damaged, or was changed"):
        loaded[0].search("space")
    with pytest.raises(RunError, match="holds another run than the one that was loaded"):
        loaded[1].snapshot.update()
    with pytest.raises(RunError, match="is damaged, or was changed"):
        loaded[2].explain("u00", "n0")


def test_the_first_search_makes_vectors_that_the_next_one_finds(
    project, word_encoder, tmp_path, monkeypatch
):
    folder = tmp_path / "run"
    train_run(load_config(project, ["model=ease"]), folder)
    before = contents(folder)
    expected = load_run(folder)[0].search("space pirates")
    first = load_for_serving(folder)
    first.cache = EmbeddingCache(tmp_path / "cache")
    same(first.search("space pirates"), expected)
    monkeypatch.setattr("kgrec.runs.serving.load_run", lambda *a, **k: pytest.fail("loaded"))
    word_encoder.calls.clear()
    second = load_for_serving(folder)
    second.cache = EmbeddingCache(tmp_path / "cache")
    same(second.search("space pirates"), expected)
    assert word_encoder.calls == [["space pirates"]]
    assert contents(folder) == before
