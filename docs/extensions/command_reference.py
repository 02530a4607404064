"""The reference of all commands, made from the functions that typer reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from typer.main import get_command

from kgrec import cli

VALUES = {str: "TEXT", list[str]: "TEXT", Path: "PATH", list[Path]: "PATH"}
VALUES |= dict.fromkeys((int, float, list[int], list[float]), "NUMBER")
"""How the value of an option is written, by its type."""


class MissingHelp(Exception):
    """A command or an option says nowhere what it does."""


def command_reference() -> str:
    """Return all commands, with arguments and options, as Markdown.

    Raises:
        MissingHelp: A command, argument or option has no help text.
    """
    return "\n".join(command_text(name, command) for name, command in commands().items())


def commands() -> dict[str, Any]:
    """Return the commands by name, in the order of `kgrec --help`."""
    found: dict[str, Any] = get_command(cli.app).commands  # type: ignore[attr-defined]
    return found


def command_text(name: str, command: Any) -> str:
    """Return what a command does, how it is called, and its parameters.

    Raises:
        MissingHelp: It or one of its parameters has no help text.
    """
    about = (command.help or "").strip()
    if not about:
        raise MissingHelp(f"kgrec {name} has no help text.")
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option"]
    usage = " ".join(["kgrec", name, *(["[OPTIONS]"] if options else []), *map(_usage, arguments)])
    lines = [f"## kgrec {name}", "", about, "", "```text", usage, "```", ""]
    lines += [f"```{{program}} kgrec {name}", "```", ""]
    for one in [*arguments, *options]:
        if one.name == "help" or getattr(one, "hidden", False):
            continue
        if not one.help:
            raise MissingHelp(f"kgrec {name}: {one.name} has no help text.")
        lines += [
            f"```{{option}} {_spelling(one)}",
            ":no-contents-entry:",
            "",
            one.help,
            *_default(one),
            "```",
            "",
        ]
    return "\n".join(lines)


def _usage(argument: Any) -> str:
    name = _word(argument) + ("..." if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def _word(argument: Any) -> str:
    return str(argument.metavar or argument.name).upper()


def _spelling(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return _word(parameter)
    names = [*parameter.opts, *parameter.secondary_opts]
    if parameter.is_flag:
        return ", ".join(names)
    value = parameter.metavar or VALUES[parameter.type_descriptor.annotation]
    return ", ".join(f"{name} {value}" for name in names)


def _default(parameter: Any) -> list[str]:
    words = []
    if parameter.required:
        words.append("Required.")
    if getattr(parameter, "multiple", False):
        words.append("May be given several times.")
    value = parameter.default
    plain = isinstance(value, bool) or value is None or callable(value) or value in ((), [])
    if not plain and not parameter.required and str(value) and "Sentinel" not in repr(value):
        words.append(f"Default: `{value}`.")
    return ["", " ".join(words)] if words else []
