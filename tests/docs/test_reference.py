"""The reference is made from the code: every setting, command and error is there and explained."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Literal

import pytest
import typer
from pydantic import Field

DOCS = Path(__file__).parents[2] / "docs"
sys.path.insert(0, str(DOCS))

from extensions import command_reference, error_reference, settings_reference  # noqa: E402
from extensions.generated import PARTS, filled  # noqa: E402
from extensions.settings_reference import Part, default_text, keys, type_text  # noqa: E402

import kgrec  # noqa: E402
import kgrec.testing  # noqa: E402
from kgrec.config import MODELS  # noqa: E402
from kgrec.datasets.own_files import FilesDataConfig  # noqa: E402
from kgrec.settings import Settings  # noqa: E402


class Inner(Settings):
    """A part."""

    name: Literal["inner"] = "inner"
    size: int = Field(default=3, ge=1, lt=8, description="How large; None: not at all.")


class Outer(Settings):
    """A whole.

    Attributes:
        share: A share, which is explained
            in two lines.
        inner: A part.
    """

    share: float | None = Field(default=None, gt=0, le=1)
    inner: Inner = Inner()
    words: tuple[str, ...] = Field(default=("a", "b"), min_length=1, description="Some words.")
    kind: Literal["x", "y"] = Field(description="A kind.")


class Silent(Settings):
    """Nobody says what its key means.

    Attributes:
        other: Something else.
    """

    depth: int = 1


def test_types_ranges_and_defaults_are_written_as_in_yaml():
    fields = Outer.model_fields
    assert type_text(fields["share"]) == "number, greater than 0 and at most 1, or null"
    assert type_text(fields["words"]) == "list of texts, at least 1"
    assert type_text(fields["kind"]) == "`x` or `y`"
    assert type_text(Inner.model_fields["size"]) == "whole number, at least 1 and less than 8"
    given = (None, True, 0.5, 1e-05, ("a", "b"), "it is", "", Inner(), {})
    assert [default_text(one) for one in given] == [
        "null", "true", "0.5", "1e-05", "[a, b]", "it is", "''", "inner", "{}",
    ]  # fmt: skip


def test_a_key_has_its_path_type_default_and_meaning():
    text = keys(Part(Outer, "top"))
    assert "```{confval} top.share\n:no-contents-entry:\n:type: number, greater than 0" in text
    assert "A share, which is explained in two lines.\n```" in text
    assert "```{confval} top.kind\n:no-contents-entry:\n:type: `x` or `y`\n\nA kind.\n```" in text
    text = keys(Part(Inner, "top.inner", "inner"))
    assert text.count("```{confval}") == 1  # not the name, which is in the heading
    assert "```{confval} top.inner.size (inner)" in text
    assert "How large; null: not at all." in text


def test_a_key_without_a_description_is_an_error():
    with pytest.raises(settings_reference.MissingMeaning, match=r"Silent\.depth has no descr"):
        keys(Part(Silent, ""))


def test_every_class_of_settings_of_the_package_is_in_the_reference():
    error_reference.error_classes()  # imports all modules
    waiting, found = list(Settings.__subclasses__()), set()
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.__module__.startswith("kgrec."):
            found.add(kind)
    shown = settings_reference.documented()
    parents = {base for kind in shown for base in kind.__mro__}
    missing = {kind.__qualname__ for kind in found - parents}
    assert not missing, "settings that no page of the reference shows"


def test_every_key_of_a_config_can_be_looked_up():
    text = settings_reference.config_reference()
    labels = re.findall(r"^```\{confval\} (.*)$", text, re.MULTILINE)
    assert len(labels) == len(set(labels)) > 200
    for key in ("data.positive", "text.model", "graph.max_hops", "model.training.learning_rate"):
        assert key in labels
    assert {"model.l2 (ease)", "model.training.loss.temperature (bsl)"} <= set(labels)
    assert set(MODELS) <= set(re.findall(r"`(\w+)`", text))
    assert {f"data.{name}" for name in FilesDataConfig.model_fields} - set(labels) == {
        "data.format"
    }


def test_every_command_and_option_is_there_and_explained():
    text = command_reference.command_reference()
    for name, command in command_reference.commands().items():
        assert f"\n## kgrec {name}\n" in f"\n{text}"
        for parameter in command.params:
            if parameter.name != "help" and parameter.param_type_name == "option":
                assert re.search(rf"^```{{option}} .*{parameter.opts[0]}", text, re.MULTILINE)
    assert "```{option} --picture PATH" in text
    assert "```{option} --json\n:no-contents-entry:\n\nPrint only JSON.\n```" in text
    assert "```{option} --meaning, --no-meaning" in text
    assert "Default: `item_id`." in text


def test_an_option_without_help_is_an_error():
    app = typer.Typer()

    @app.command()
    def silent(depth: Annotated[int, typer.Option()] = 1) -> None:
        """Do nothing."""

    command = typer.main.get_command(app)
    with pytest.raises(command_reference.MissingHelp, match="kgrec silent: depth has no help"):
        command_reference.command_text("silent", command)
    command.help = ""
    with pytest.raises(command_reference.MissingHelp, match="kgrec silent has no help"):
        command_reference.command_text("silent", command)


def test_every_error_is_there_with_its_meaning():
    text = error_reference.error_reference()
    names = {kind.__name__ for kind in error_reference.error_classes()}
    assert {"KgrecError", "KgrecWarning", "DataError", "RunError", "EndpointError"} <= names
    for kind in error_reference.error_classes():
        assert kind.__doc__, kind
        assert f"`{kind.__module__}.{kind.__qualname__}`\n: {kind.__doc__.splitlines()[0]}" in text


def test_pages_ask_for_all_parts_and_for_nothing_else():
    asked = {
        name
        for path in DOCS.rglob("*.md")
        for name in re.findall(r"<!-- generated: (\w+) -->", path.read_text(encoding="utf-8"))
    }
    assert asked == set(PARTS)
    with pytest.raises(KeyError, match="nothing"):
        filled("<!-- generated: nothing -->")


def test_the_python_interface_has_all_public_names_once():
    pages = (DOCS / "reference" / "api").glob("*.md")
    text = "\n".join(path.read_text(encoding="utf-8") for path in pages)
    listed = re.findall(r"^\.\. auto(?:class|function):: (\S+)$", text, re.MULTILINE)
    assert len(listed) == len(set(listed))
    public = {f"kgrec.{name}" for name in kgrec.__all__ if name != "__version__"}
    public |= {f"kgrec.testing.{name}" for name in kgrec.testing.__all__}
    assert public <= set(listed)
