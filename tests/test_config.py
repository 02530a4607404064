"""The config: YAML in, YAML out, and what a wrong key or value gets."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kgrec.config import Config, dump_config, load_config, make_config
from kgrec.errors import ConfigError, KgrecWarning
from kgrec.models.encoders.kgin import KGINConfig
from kgrec.training.moved_keys import MOVED

MINIMAL = {"data": {"interactions": "ratings.csv"}}
EXPERIMENTS = sorted((Path(__file__).parents[1] / "experiments").glob("*.yaml"))


def written(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_and_round_trip():
    config = make_config(MINIMAL)
    assert config.model.name == "auto"
    text = dump_config(config)
    assert make_config(yaml.safe_load(text)) == config
    tree = yaml.safe_load(text)
    assert tree.keys() == Config.model_fields.keys()
    tree = yaml.safe_load(dump_config(make_config({**MINIMAL, "model": "link_prediction"})))
    assert tree["model"]["training"]["loss"]["name"] == "softmax"  # defaults are written out


@pytest.mark.parametrize(
    ("section", "name"),
    [
        ({}, "auto"),
        ({"effort": "quick"}, "auto"),
        ({"seed": 3, "refit": True}, "auto"),
        ({"training": {}}, "link_prediction"),
        ({"predictor": {}, "training": {}}, "link_prediction"),
    ],
)
def test_a_section_without_a_name_is_told_by_its_keys(section, name):
    assert make_config({**MINIMAL, "model": section}).model.name == name


@pytest.mark.parametrize(
    "name",
    ["most_popular", "item_knn", "slim", "ease", "attribute_ease", "user_ease", "content_ease",
     "trending", "low_rank"],
)  # fmt: skip
def test_every_model_round_trips(name):
    config = make_config({**MINIMAL, "model": {"name": name}, "text": None, "seed": 4})
    assert config.model.name == name
    assert make_config(yaml.safe_load(dump_config(config))) == config
    assert config.seeded_model() == config.model


def test_the_seed_of_the_run_reaches_ials():
    config = make_config({**MINIMAL, "model": {"name": "ials", "seed": 2}, "seed": 4})
    assert make_config(yaml.safe_load(dump_config(config))) == config
    assert config.seeded_model().seed == 6
    members = [{"name": "ials", "seed": 1}, {"name": "ease"}]
    config = make_config({**MINIMAL, "model": {"name": "ensemble", "members": members}, "seed": 4})
    assert config.seeded_model().members[0].seed == 5


def test_an_ensemble_round_trips_and_its_members_keep_their_seeds_apart():
    members = [{"name": "ease", "l2": 7.0}, {"name": "lightgcn"}, {"name": "link_prediction"}]
    members[2]["training"] = {"seed": 2}
    tree = {**MINIMAL, "seed": 5, "model": {"name": "ensemble", "members": members}}
    config = make_config(tree)
    assert make_config(yaml.safe_load(dump_config(config))) == config
    ease, first, second = config.seeded_model().members
    assert ease.l2 == 7.0
    assert (first.training.seed, second.training.seed) == (5, 7)
    assert first.training.loss.name == "bpr"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([], "members"),
        ([{"name": "eese"}], "ease"),
        ([{"name": "ensemble", "members": [{"name": "ease"}]}], "name: there is no 'ensemble'"),
        ([{"name": "most_popular"}, {"name": "ease", "l22": 3}], "l2"),
        ([{"name": "ease", "l2": -1}], r"model\.members\.0\.l2"),
    ],
)
def test_what_is_wrong_with_a_member_is_said(members, message):
    with pytest.raises(ConfigError, match=message):
        make_config({**MINIMAL, "model": {"name": "ensemble", "members": members}})


def test_weights_of_positives_belong_to_the_full_softmax():
    training = {"loss": {"name": "bpr", "rating_power": 1.0}}
    with pytest.raises(ConfigError, match="rating_power"):
        make_config({**MINIMAL, "model": {"training": training}})


def test_the_seed_of_a_run_reaches_the_training():
    model = {"name": "link_prediction"}
    assert make_config({**MINIMAL, "seed": 7, "model": model}).seeded_model().training.seed == 7
    assert make_config({**MINIMAL, "seed": 7}).seeded_model().seed == 7


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_the_experiments_are_valid(path):
    config = load_config(path, ["seed=3"])
    assert config.seed == 3


def test_there_are_experiments():
    assert {"movielens_dbpedia", "lastfm"} <= {path.stem for path in EXPERIMENTS}


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"dat": {}}, "unknown key 'dat'. Did you mean 'data'?"),
        ({"data": {"interaction": "x"}}, "'data.interaction'. Did you mean 'interactions'?"),
        ({"model": {"training": {"learing_rate": 1}}}, "Did you mean 'learning_rate'?"),
        ({"model": {"predictor": {"fusoin": "add"}}}, "Did you mean 'fusion'?"),
        (
            {"model": {"predictor": {"encoder": {"name": "kgat", "droput": 0}}}},
            "unknown key 'model.predictor.encoder.droput'",
        ),
        (
            {"model": {"predictor": {"encoder": "lightgnc"}}},
            "model.predictor.encoder.name: there is no 'lightgnc'. Did you mean 'lightgcn'?",
        ),
        (
            {"model": {"training": {"contrast": {"name": "layer", "layr": 1}}}},
            "unknown key 'model.training.contrast.layr'",
        ),
        ({"model": {"name": "ease", "l3": 1}}, "'model.l3'"),
        ({"model": {"name": "eas"}}, "model.name: there is no 'eas'. Did you mean 'ease'?"),
        ({"graph": {"min_degre": 1}}, "Did you mean 'min_degree'?"),
        ({"data": {"items": {"pth": "x", "path": "y"}}}, "Did you mean 'path'?"),
        ({"text": {"langages": ["en"]}}, "Did you mean 'languages'?"),
    ],
)
def test_a_misspelt_key_gets_the_nearest(tree, message):
    with pytest.raises(ConfigError) as caught:
        make_config({**MINIMAL, **tree})
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"data": {"split": "randm"}}, "data.split"),
        ({"data": {"valid": 1.5}}, "data.valid"),
        ({"model": {"training": {"loss": {"temperature": 0}}}}, "model.training.loss.temperature"),
        ({"model": {"training": {"max_epochs": "many"}}}, "found 'many'"),
        ({"model": {"predictor": {"dim": 0}}}, "dim"),
        ({"model": {"predictor": {"encoder": {"num_layers": -1}}}}, "encoder.num_layers: "),
        ({"model": {"name": "ease", "l2": -1}}, "l2"),
        ({"model": 3}, "model"),
        ({"model": "eese"}, "Did you mean 'ease'?"),
        ({"seed": "x"}, "seed"),
        ({"data": None}, "data"),
        ({"data": {"items": {"title": "t"}}}, "'data.items.path' is missing"),
    ],
)
def test_a_wrong_value_is_named(tree, message):
    with pytest.raises(ConfigError) as caught:
        make_config({**MINIMAL, **tree}, "my.yaml")
    assert message in str(caught.value)
    assert str(caught.value).startswith("my.yaml: ")


def test_the_key_data_is_needed():
    with pytest.raises(ConfigError, match="the key 'data' is missing"):
        make_config({"seed": 1})


OLD = [
    ({"model": {"dim": 8}}, "the section model is called predictor now"),
    ({"model": {"num_layers": 3}}, "write predictor.encoder: {name: lightgcn, num_layers: 2}"),
    (
        {"predictor": {"noise": 0.1}},
        "predictor.noise moved: write predictor.encoder: {name: xsimgcl",
    ),
    ({"training": {"temperature": 0.2}}, "write training.loss: {name: softmax, temperature: 0.25}"),
    ({"training": {"contrast": {"kind": "apart"}}}, "write training.contrast: {name: layer}"),
]


@pytest.mark.parametrize(("section", "message"), OLD)
@pytest.mark.parametrize("name", ["link_prediction", "kgat"])
def test_a_key_of_an_older_version_is_told_its_new_place(section, message, name):
    with pytest.raises(ConfigError) as caught:
        make_config({**MINIMAL, "model": {"name": name, **section}}, "my.yaml")
    assert str(caught.value).startswith("my.yaml: model: ")
    assert message in str(caught.value)


def test_what_stands_in_the_new_place_is_valid():
    for place in MOVED.values():
        path, _, settings = place.partition(": ")
        for key in reversed(path.split(".")):
            settings = f"{{{key}: {settings}}}"
        tree = {**MINIMAL, "model": yaml.safe_load(settings)}
        assert make_config(tree).model.name == "link_prediction"


def test_a_name_alone_is_a_part_with_its_defaults():
    parts = {"encoder": "kgin", "head": "dot"}
    training = {"loss": "bsl", "negatives": "popularity", "contrast": "apart"}
    model = make_config({**MINIMAL, "model": {"predictor": parts, "training": training}}).model
    assert model.predictor.encoder == KGINConfig()
    assert model.training.loss.temperature == 0.25
    assert model.training.negatives.power == 0.75


def test_overrides(tmp_path):
    path = written(tmp_path, "data: {interactions: a.csv, graph: [a.ttl, b.ttl]}\ntext:\n")
    config = load_config(
        path,
        ["data.split=temporal", "model.training.max_epochs=7", "text.model=some/model",
         "graph.drop_relations=[a, b]", "data.rating=null", "model.name=link_prediction"],
    )  # fmt: skip
    assert config.data.split == "temporal"
    assert config.model.training.max_epochs == 7
    assert config.text.model == "some/model"
    assert config.graph.drop_relations == ("a", "b")
    assert config.data.rating is None
    assert config.data.graph == ("a.ttl", "b.ttl")
    assert load_config(path).text is None
    assert load_config(path, ["model.name=ease", "model.l2=3"]).model.l2 == 3


MODEL_WITH_L2 = "data: {interactions: a.csv}\nmodel: {name: ease, l2: 7, dropout: 0.2}\n"


@pytest.mark.parametrize("override", ["model=kgat", "model.name=kgat"])
def test_another_model_replaces_the_whole_section(tmp_path, override):
    """It has no `l2`; what no longer applies is told in a line."""
    path = written(tmp_path, MODEL_WITH_L2)
    more = ["model.training.max_epochs=3", "model.training.loss.name=cross_entropy"]
    for order in ([override, *more], [*more, override]):
        with pytest.warns(KgrecWarning) as told:
            model = load_config(path, order).model
        assert [str(one.message) for one in told] == [
            f"{override} replaces what {path} has there: model.l2, model.dropout no longer apply."
        ]
        # What is not given is the published setting, also in a section with another name.
        assert model == make_config(
            {**MINIMAL, "model": {"name": "kgat", "training": {"max_epochs": 3,
                                                               "loss": "cross_entropy"}}}
        ).model  # fmt: skip
    with pytest.warns(KgrecWarning):  # a setting that both have is not kept
        assert load_config(path, ["model=attribute_ease"]).model.l2 != 7


def test_a_part_of_a_published_model_is_replaced_by_another_one(tmp_path, recwarn):
    text = "data: {interactions: a.csv}\nmodel: {name: kgcn, training: {loss: {%s: 3}}}\n"
    path = written(tmp_path, text % "negatives_per_positive")
    name = load_config(path).model.training.loss.name
    assert load_config(path, [f"model.training.loss.name={name}"]) == load_config(path)
    assert not recwarn.list  # the name is the one that the published model has
    with pytest.warns(
        KgrecWarning, match=r"model\.training\.loss\.negatives_per_positive no longer"
    ):
        loss = load_config(path, ["model.training.loss.name=softmax"]).model.training.loss
    assert loss.name == "softmax"
    with pytest.warns(KgrecWarning, match=r"model\.training no longer applies"):
        assert load_config(path, ["model.l2=3", "model={name: ease}"]).model.l2 == 3


def test_the_format_of_the_data_replaces_its_section(tmp_path):
    path = written(tmp_path, "data: {interactions: a.csv, iri: x}\nmodel: ease\n")
    with pytest.warns(KgrecWarning, match=r"data\.interactions, data\.iri no longer"):
        config = load_config(path, ["data.folder=ml", "data.format=kgat", "model.l2=3"])
    assert (config.data.format, config.data.folder, config.model.l2) == ("kgat", "ml", 3)


def test_a_member_of_an_ensemble_is_changed_by_its_place(tmp_path):
    path = written(tmp_path, "data: {}\nmodel: {name: ensemble, members: [ease, {name: slim}]}\n")
    config = load_config(path, ["model.members.0.l2=3", "model.members.1.l1=0.5"])
    assert [config.model.members[0].l2, config.model.members[1].l1] == [3, 0.5]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.split", "expected key=value"),
        ("=3", "expected key=value"),
        ("data.splt=random", "Did you mean 'split'?"),
        ("data.interactions.path=3", "is a value, not a section"),
        ("seed=[1", "the value of seed"),
        ("seed=1.5", "seed"),
    ],
)
def test_a_wrong_override(tmp_path, override, message):
    with pytest.raises(ConfigError) as caught:
        load_config(written(tmp_path, "data: {interactions: a.csv}\n"), [override])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data: {a: [1\nb: 2\n", "config.yaml, line"),
        ("- 1\n- 2\n", "must hold the key `data:`"),
        ("", "config.yaml is empty"),
        ("data: !!python/object/apply:os.system ['true']\n", "is not valid YAML"),
        ("[" * 5000, "is not valid YAML"),
        ("seed: 2001-99-99\n", "is not valid YAML"),
        ("1: 2\ndata: {}\n", "1"),
    ],
)
def test_a_file_that_is_no_config(tmp_path, text, message):
    with pytest.raises(ConfigError) as caught:
        load_config(written(tmp_path, text))
    assert message in str(caught.value)


def test_a_missing_file_gets_the_nearest(tmp_path):
    written(tmp_path, "data: {}\n")
    with pytest.raises(ConfigError, match=r"Did you mean 'config\.yaml'"):
        load_config(tmp_path / "confg.yaml")
    with pytest.raises(ConfigError, match="does not exist"):
        load_config(tmp_path / "no" / "config.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"data: \xff\xfe\n")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "latin.yaml")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "data", "model", "path", "x", "l2", "training", "split"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from([*Config.model_fields, "other"]), values, max_size=4))
def test_whatever_a_file_holds_it_is_a_config_or_an_error_of_ours(tree):
    message = None
    try:
        made = make_config(tree)
    except ConfigError as error:
        message = str(error)
    assert message or make_config(yaml.safe_load(dump_config(made))) == made


def test_a_config_survives_being_written_with_all_defaults():
    recbole = {"data": {"format": "recbole", "folder": "lastfm"}, "text": None}
    mapping = {
        "id": "sku",
        "relations": ["brand"],
        "literals": {"price": {"datatype": "xsd:double"}},
    }
    tables = ["a.csv", {"path": "b.csv", "items": True, "mapping": mapping}]
    for tree in (recbole, {"data": {"interactions": "log.csv"}}, {"data": {"tables": tables}}):
        config = make_config(tree)
        assert make_config(yaml.safe_load(dump_config(config))) == config


def test_keys_that_would_have_no_effect_are_errors():
    recbole = {"format": "recbole", "folder": "lastfm"}
    for key, value in (("links", "l.csv"), ("ratings", "r.txt"), ("tables", ["t.csv"])):
        with pytest.raises(ConfigError, match=f"key 'data.{key}' where format is 'recbole'"):
            make_config({"data": {**recbole, key: value}})
    both = {"positive": "x > 1", "split": "temporal"}
    with pytest.raises(ConfigError) as caught:
        make_config({"data": {"format": "kgat", "folder": "x", **both}})
    for key in both:
        assert f"nknown key 'data.{key}' where format is 'kgat'" in str(caught.value)
    with pytest.raises(ConfigError, match="data: `recbole` is called `folder`"):
        make_config({"data": {"format": "recbole", "recbole": "lastfm"}})
    with pytest.raises(ConfigError, match=r"key 'data\.folder' where format is 'files'"):
        make_config({"data": {"folder": "ml-100k"}})
    with pytest.raises(ConfigError, match=r"data\.format: there is no 'recbol'. Did you mean"):
        make_config({"data": {**recbole, "format": "recbol"}})
    two = [{"path": "a.csv", "items": True}, {"path": "b.csv", "items": True}]
    with pytest.raises(ConfigError, match="more than one of the tables"):
        make_config({"data": {"tables": two}})
    with pytest.raises(ConfigError, match="links are given without a graph"):
        make_config({"data": {"interactions": "log.csv", "links": "links.csv"}})
    with pytest.raises(ConfigError, match=r"set `seed`, not `model.training.seed`"):
        make_config({"data": {}, "model": {"training": {"seed": 3}}})


def test_one_device_is_that_of_all_link_predictors():
    members = [{"name": "ease"}, {"name": "lightgcn"}, {"name": "link_prediction"}]
    tree = {**MINIMAL, "device": "auto", "model": {"name": "ensemble", "members": members}}
    made = make_config(tree).seeded_model()
    assert [one.training.device for one in made.members[1:]] == ["auto", "auto"]
    assert make_config({**tree, "model": "kgat"}).seeded_model().training.device == "auto"
    assert make_config({**tree, "model": "ease"}).seeded_model().name == "ease"
    own = {"name": "link_prediction", "training": {"device": "cuda"}}
    assert make_config({**MINIMAL, "model": own}).seeded_model().training.device == "cuda"
    changed = make_config({**MINIMAL, "model": own, "device": "cpu"})
    assert changed.seeded_model().training.device == "cpu"


def test_a_device_that_is_not_there_is_named(project, tmp_path, word_encoder):
    from kgrec.config import load_config
    from kgrec.runs.training import train_run

    with pytest.raises(ConfigError, match="device: 'cuda:99' cannot be used"):
        train_run(load_config(project, ["device=cuda:99"]), tmp_path / "run")
