"""An updated run: a new folder that works as any other, and the old one stays."""

import fcntl
import json
import os
import shutil

import numpy as np
import pytest
from project import EX, words_for_language_model

import kgrec
from kgrec.config import load_config
from kgrec.errors import DataError, RunError, UnknownIdError
from kgrec.runs.reading import load_run, read_summary
from kgrec.runs.serving import load_for_serving
from kgrec.runs.training import train_run
from kgrec.runs.updating import UpdateFiles, update_run

pytestmark = pytest.mark.usefixtures("word_encoder")

MODELS = {
    "link_prediction": ["model.training.max_epochs=4"],
    "kgat": ["model={name: kgat, training: {max_epochs: 2}}"],
    "kgin": ["model={name: kgin, training: {max_epochs: 1}}"],
    "rgcn": ["model.predictor.encoder={name: rgcn}", "model.training.max_epochs=2"],
    "bpr_mf": ["model={name: bpr_mf, training: {max_epochs: 2}}"],
    "cke": ["model={name: cke, training: {max_epochs: 2}}"],
    "attention": ["model.predictor.head={name: relation_attention}", "model.training.max_epochs=2"],
    "auto": ["model=auto"],
    "ease": ["model=ease"],
    "user_ease": ["model=user_ease"],
    "attribute_ease": ["model=attribute_ease"],
    "ensemble": ["model={name: ensemble, members: [ease, trending]}"],
}


def trained(project, folder, changes):
    with words_for_language_model(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("kgrec.auto.auto.MIN_USERS", 5)
        train_run(load_config(project, changes), folder)
    return folder


@pytest.fixture(scope="module", params=MODELS, ids=str)
def run(request, project, tmp_path_factory):
    return trained(project, tmp_path_factory.mktemp("updated") / "run", MODELS[request.param])


@pytest.fixture(scope="module")
def ease(project, tmp_path_factory):
    return trained(project, tmp_path_factory.mktemp("ease") / "run", ["model=ease"])


def written(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def files(folder, **more):
    """A user and an item more; the item is a film about pirates, new in the graph."""
    made = {
        "interactions": written(
            folder,
            "new.csv",
            "user_id,item_id,rating,timestamp\na-new,i09,5,9000\na-new,i10,5,9001\n"
            "a-new,i11,4,9002\na-new,i12,2,9003\nu00,i09,5,9004\nu00,i09,5,9005\n",
        ),
        "items": written(
            folder,
            "new_items.csv",
            "item_id,title,tags,price,nothing\nfresh,The Black Galleon,pirates|all,4,\n",
        ),
        "triples": (
            written(
                folder,
                "new.ttl",
                f"@prefix ex: <{EX}> .\n@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .\n"
                'ex:galleon a ex:Film ; rdfs:label "The Black Galleon"@en ;\n'
                "  ex:director ex:director1 ; ex:theme ex:theme1 .\n",
            ),
        ),
        "links": written(folder, "new_links.csv", f"item_id,iri\nfresh,{EX}galleon\n"),
    }
    return UpdateFiles(**{**made, **more})


def ids(found):
    return [entry.item for entry in found]


def listed(rec, user, k=6):
    return [(entry.item, round(entry.score, 3)) for entry in rec.recommend(user, k)]


def test_a_new_folder_serves_the_new_and_the_old_one_stays(run, tmp_path):
    before = load_run(run)[0]
    old = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    drift = update_run(run, tmp_path / "run2", files(tmp_path))
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == old
    assert (drift.users_new, drift.users_changed, drift.items_new, drift.items_placed) == (
        1, 1, 1, 1)  # fmt: skip
    assert drift.interactions == 4  # a dislike and a repetition are none
    whole, light = load_run(tmp_path / "run2")[0], load_for_serving(tmp_path / "run2")
    known = before.snapshot
    for rec in (whole, light):
        assert rec.user_vocabulary.ids[: len(known.users)] == known.users.ids
        assert rec.item_vocabulary.ids == [*known.items.ids, "fresh"]
        assert set(rec.history("a-new")) == {"i09", "i10", "i11"}
        assert "i12" not in ids(rec.recommend("a-new", 8))  # disliked
        assert "fresh" in ids(rec.search("black galleon pirates", 3))
        assert "fresh" in ids(rec.recommend("a-new", len(rec.item_vocabulary)))
        assert rec.title("fresh") == "The Black Galleon"
        assert rec.explain("a-new", "fresh").paths
    for user in ("a-new", "u00", "u17"):
        assert ids(light.recommend(user, 6)) == ids(whole.recommend(user, 6))
    np.testing.assert_allclose(
        light.score(np.arange(len(known.users) + 1)),
        whole.score(np.arange(len(known.users) + 1)),
        rtol=2e-4,
        atol=2e-4,
    )


def test_what_was_saved_is_what_was_in_memory_and_is_updated_again(run, tmp_path):
    rec = load_run(run)[0]
    frame = kgrec.Interactions.read(
        written(tmp_path, "x.csv", "user_id,item_id,rating,timestamp\nzz,i01,5,7000\nzz,i02,5,1\n")
    )
    table = written(
        tmp_path, "y.csv", "item_id,title,tags,price,nothing\nAA,Corsair Island,pirates,3,z\n"
    )
    rec.update(
        interactions=frame,
        items=kgrec.AttributeTable.read(table, categories=["tags", "nothing"], numbers=["price"]),
        triples=[
            (EX + "aa", EX + "theme", EX + "theme1"),
            (EX + "aa", EX + "sequel", EX + "film9"),
        ],
        links=[("AA", EX + "aa")],
    )
    kgrec.save(rec, tmp_path / "saved")
    again = kgrec.load(tmp_path / "saved")
    users = np.arange(len(rec.user_vocabulary))
    assert again.user_vocabulary == rec.user_vocabulary
    assert again.item_vocabulary == rec.item_vocabulary
    np.testing.assert_allclose(again.score(users), rec.score(users), rtol=1e-4, atol=1e-5)
    drift = update_run(tmp_path / "saved", tmp_path / "third", files(tmp_path))
    assert (drift.updates, drift.users_new, drift.items_new) == (2, 2, 2)
    third = kgrec.load(tmp_path / "third")
    assert third.user_vocabulary.ids[: len(users)] == rec.user_vocabulary.ids
    assert ids(third.search("corsair island", 1)) == ["AA"]


def test_what_is_withdrawn_and_who_is_deleted_are_gone_everywhere(ease, tmp_path):
    gone = UpdateFiles(
        remove_items=written(tmp_path, "gone.txt", "i09\ni10\n"),
        remove_users=written(tmp_path, "left.txt", "u00\n"),
    )
    drift = update_run(ease, tmp_path / "run2", gone)
    assert (drift.items_withdrawn, drift.users_deleted) == (2, 1)
    for load in (kgrec.load, load_for_serving):
        rec = load(tmp_path / "run2")
        everything = len(rec.item_vocabulary) - 2
        with pytest.raises(UnknownIdError, match="u00"):
            rec.recommend("u00")
        for found in (
            rec.recommend("u17", everything),
            rec.similar_items("i11", everything),
            rec.search("pirates", everything),
        ):
            assert not {"i09", "i10"} & set(ids(found))
        everybody = rec.recommend_all(5).to_pandas()
        assert not {"i09", "i10"} & set(everybody["item_id"])
        assert len(set(everybody["user_id"])) == len(rec.user_vocabulary) - 1
        with pytest.raises(UnknownIdError, match="withdrawn"):
            rec.similar_items("i09")
        with pytest.raises(UnknownIdError, match="withdrawn"):
            rec.explain("u17", "i09")
        told = str(rec.explain("u17", "i11").paths)
        assert "Title 8" not in told
        assert "Title 9" not in told
    # The deleted user is in no file.
    for path in (tmp_path / "run2" / "data").rglob("*.parquet"):
        assert b"u00" not in path.read_bytes(), path
    # An item comes back.
    back = UpdateFiles(items=written(tmp_path, "back.csv", "item_id,title\ni09,Title 8\n"))
    update_run(tmp_path / "run2", tmp_path / "run3", back)
    rec = load_for_serving(tmp_path / "run3")
    assert "i09" in ids(rec.search("Title 8", len(rec.item_vocabulary) - 1))


def test_a_contradiction_and_unknown_ids_change_nothing(ease, tmp_path):
    for text, error, told in (
        ({"remove_items": "i09\n"}, DataError, "contradicts itself"),
        ({"remove_users": "u00\n"}, DataError, "contradicts itself"),
        ({"remove_items": "i77\n"}, UnknownIdError, "i77"),
        ({"remove_users": "nobody\n"}, UnknownIdError, "nobody"),
        ({"links": f"item_id,iri\nfresh,{EX}nowhere\n"}, DataError, "nowhere"),
        ({"interactions": "user_id,rating\nu00,5\n"}, DataError, "item_id"),
    ):
        more = {name: written(tmp_path, f"{name}.csv" if "," in content else name, content)
                for name, content in text.items()}  # fmt: skip
        with pytest.raises(error, match=told):
            update_run(ease, tmp_path / "run2", files(tmp_path, **more))
        assert not (tmp_path / "run2").exists()
    with pytest.raises(RunError, match="empty"):
        update_run(ease, tmp_path / "run2", UpdateFiles())


def test_interactions_with_a_withdrawn_item_are_refused_until_it_is_back(ease, tmp_path):
    gone = UpdateFiles(remove_items=written(tmp_path, "gone.txt", "i09\n"))
    update_run(ease, tmp_path / "run2", gone)
    with pytest.raises(DataError, match="i09"):
        update_run(tmp_path / "run2", tmp_path / "run3", files(tmp_path))
    more = "item_id,title\ni09,Title 8\n"
    more = files(tmp_path, items=written(tmp_path, "more.csv", more), links=None)
    assert update_run(tmp_path / "run2", tmp_path / "run3", more).items_withdrawn == 0


def test_two_updates_at_once_are_one_and_a_message(ease, tmp_path):
    held = os.open(ease, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    try:
        with pytest.raises(RunError, match="is being updated by another process"):
            update_run(ease, tmp_path / "run2", files(tmp_path))
        assert not (tmp_path / "run2").exists()
    finally:
        os.close(held)
    update_run(ease, tmp_path / "run2", files(tmp_path))


def test_a_run_in_the_way_stays_and_force_replaces_it(ease, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(ease, copy)
    before = (copy / "weights.safetensors").read_bytes()
    with pytest.raises(RunError, match="has a run already"):
        update_run(copy, copy, files(tmp_path))
    assert (copy / "weights.safetensors").read_bytes() == before
    update_run(copy, copy, files(tmp_path), force=True)  # in its place
    assert "a-new" in load_for_serving(copy).user_vocabulary


@pytest.mark.parametrize("name", ["updates.json", "data/absent.parquet"])
def test_a_damaged_file_is_refused(ease, tmp_path, name):
    gone = UpdateFiles(remove_items=written(tmp_path, "gone.txt", "i09\n"))
    update_run(ease, tmp_path / "run2", gone)
    path = tmp_path / "run2" / name
    path.write_bytes(path.read_bytes()[:-9] + b"\0damaged")
    for load in (load_run, load_for_serving):
        with pytest.raises(RunError, match=name.rpartition("/")[2]):
            load(tmp_path / "run2")


def test_inspect_says_what_came_and_why_a_training_is_due(ease, tmp_path, ok):
    told = ok("update", ease, "--interactions", files(tmp_path).interactions, "--out",
              tmp_path / "run2")  # fmt: skip
    assert "1 new, 1 changed" in told
    assert "No training is due" in ok("inspect", tmp_path / "run2")
    many = "user_id,item_id,rating,timestamp\n" + "".join(
        f"m{user},i{item:02},5,{user}\n" for user in range(40) for item in (1, 3, 4)
    )
    found = ok("update", tmp_path / "run2", "--interactions", written(tmp_path, "m.csv", many),
               "--out", tmp_path / "run3", "--json")  # fmt: skip
    told = json.loads(found)
    assert told["training_is_due"]
    assert told["updates"] == 2
    assert told["users_new"] == 41
    shown = ok("inspect", tmp_path / "run3")
    assert "A training is due" in shown
    assert "of the users came after training" in shown
    assert read_summary(tmp_path / "run3")["updates"]["users_new"] == 41


def test_a_warm_start_needs_fewer_epochs(project, tmp_path):
    def epochs(folder):
        return json.loads((folder / "metrics.json").read_text())["training"]["best_epoch"]

    changes = ["model.training.max_epochs=60", "model.training.eval_every=2",
               "model.training.patience=5", "model.training.learning_rate=0.005"]  # fmt: skip
    train_run(load_config(project, changes), tmp_path / "cold")
    train_run(load_config(project, changes), tmp_path / "warm", warm_start=tmp_path / "cold")
    assert epochs(tmp_path / "warm") < epochs(tmp_path / "cold")


def test_a_warm_start_without_weights_is_a_mistake(project, ease, tmp_path):
    config = load_config(project, ["model.training.max_epochs=2"])
    with pytest.raises(kgrec.errors.ConfigError, match="cannot begin with the weights"):
        train_run(config, tmp_path / "run", warm_start=ease)
    with pytest.raises(kgrec.errors.ConfigError, match="exclude each other"):
        train_run(config, tmp_path / "run", warm_start=ease, resume=True)
