"""Settings that allocate or loop have an upper bound, and its message says which."""

import importlib
import pkgutil

import pytest
from pydantic import TypeAdapter, ValidationError

import kgrec
from kgrec.config import make_config
from kgrec.errors import ConfigError
from kgrec.settings import Settings

_LISTS = {"num_neighbors", "k", "seeds"}  # their entries are checked where they are used


def all_settings():
    for module in pkgutil.walk_packages(kgrec.__path__, "kgrec."):
        if not module.name.endswith(("_worker", "ials")):  # ials needs an optional library
            importlib.import_module(module.name)
    found, waiting = [], [Settings]
    while waiting:
        waiting += (below := waiting.pop().__subclasses__())
        found += [one for one in below if one.__module__.startswith("kgrec.")]
    return sorted(set(found), key=lambda one: (one.__module__, one.__qualname__))


def test_every_whole_number_has_an_upper_bound():
    unbounded = [
        f"{kind.__name__}.{name}"
        for kind in all_settings()
        for name, field in kind.model_fields.items()
        if "int" in str(field.annotation).replace("Constraint", "")
        and name not in _LISTS
        and "Literal" not in str(field.annotation)
        and not any(hasattr(limit, "le") or hasattr(limit, "lt") for limit in field.metadata)
        and accepts(field.annotation, 10**15)
    ]
    assert unbounded == []


def accepts(annotation, value):
    try:
        return TypeAdapter(annotation).validate_python(value) == value
    except ValidationError:
        return False


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            {"predictor": {"encoder": {"num_layers": 10**8}}},
            r"encoder\.num_layers: expected .* at most 64",
        ),
        (
            {"predictor": {"dim": 1_000_000}},
            r"dim: expected a number of at most 8192, found 1000000",
        ),
        ({"training": {"max_epochs": 10**12}}, r"max_epochs: expected a number of at most 1000000"),
        ({"training": {"threads": 10**9}}, r"threads: expected a number of at most 4096"),
        ({"training": {"learning_rate": float("inf")}}, r"learning_rate: expected a finite number"),
        ({"name": "ials", "dim": 10**6}, r"model\.dim: expected a number of at most 8192"),
        ({"name": "x" * 5_000}, r"model\.name: there is no 'xxxx"),
    ],
)
def test_a_number_that_is_too_large_is_named_with_its_bound(model, message):
    with pytest.raises(ConfigError, match=message):
        make_config({"data": {"interactions": "r.csv"}, "model": model})


def test_no_setting_is_longer_than_a_path_can_be():
    with pytest.raises(
        ConfigError, match=r"interactions.path: expected a text of at most 4096 char"
    ):
        make_config({"data": {"interactions": "r" * 5_000}})


def test_a_name_that_is_too_long_for_the_system_is_a_message(kgrec, tmp_path):
    long = "r" * 1_000
    (tmp_path / "config.yaml").write_text(f"data: {{root: {tmp_path}, interactions: {long}.csv}}\n")
    for arguments in (["train", tmp_path / "config.yaml"], ["inspect", long], ["train", long]):
        code, _, err = kgrec(*arguments)
        assert code == 2, err
        assert err.startswith("kgrec: ")
        assert "File name too long" in err
