"""A run that is loaded for serving answers as the whole run does, and loads what it needs."""

import shutil

import numpy as np
import pytest

from kgrec.config import MODELS, load_config
from kgrec.errors import RunError
from kgrec.runs.reading import load_run
from kgrec.runs.serving import CLOSED_FORMS, FILE, load_for_serving, read_test
from kgrec.runs.training import train_run
from kgrec.training.checkpoint import load_arrays

SETTINGS = {
    "link_prediction": [],
    "translation": ["model.predictor.head={name: translation}"],
    "distmult": ["model.predictor.head={name: distmult}", "model.predictor.encoder={name: none}"],
    "nonlinear": ["model.predictor.encoder={name: rgcn}"],
    "kgin": ["model={name: kgin, training: {max_epochs: 1}}"],
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
def served(request, project, word_encoder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / "run"
    changes = SETTINGS[request.param]
    if not any(change.startswith("model=") for change in changes):
        changes = [*changes, "model.training.max_epochs=2"]
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
    assert light.explain("u00", "n0") == whole.explain("u00", "n0")
    assert light.history("u00") == whole.history("u00")
    assert light.snapshot.warnings == whole.snapshot.warnings


def test_vectors_of_histories_are_stored_where_they_are_sums(served, request):
    _, _, folder = served
    arrays, told = load_arrays(folder / FILE)
    name = request.node.callspec.params["served"]
    assert told["vectors"] == (
        name in ("link_prediction", "translation", "distmult", "nonlinear", "kgin")
    )
    if name in ("link_prediction", "translation", "distmult"):
        assert "history.items" in arrays
    if name == "nonlinear":
        assert "history.items" not in arrays


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
        name for name in MODELS if name != "ensemble" and "presets" not in MODELS[name].__module__
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
