"""YAML, with messages that say what is wrong with it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import yaml

from kgrec.bounds import yaml_text
from kgrec.bounds.yaml_text import MAX_CHARS
from kgrec.errors import ConfigError, printable
from kgrec.files import nearest_file, read_plain, system_reason


def read_yaml(path: str | Path, what: str) -> Any:
    """Return what a YAML file holds.

    Args:
        path: The file.
        what: What it is, for error messages.

    Raises:
        ConfigError: It is missing, empty or not YAML.
    """
    path = Path(path)
    try:
        text = read_plain(path, 4 * MAX_CHARS).decode("utf-8")
    except FileNotFoundError as error:
        hint = nearest_file(path, "*.y*ml")
        raise ConfigError(f"The {what} {path} does not exist.{hint}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The {what} {path} cannot be read: {system_reason(error)}.") from error
    tree = parse_yaml(text, str(path))
    if tree is None:
        raise ConfigError(f"The {what} {path} is empty.")
    return tree


def parse_yaml(text: str, where: str) -> Any:
    """Return the value of a text in YAML.

    Raises:
        ConfigError: It is not YAML. The message begins with `where`.
    """
    try:
        return yaml_text.load(text)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        if type(error) is yaml.MarkedYAMLError or mark is None:  # in words of kgrec
            line = f", line {mark.line + 1}" if mark is not None else ""
            problem = printable(getattr(error, "problem", None) or "cannot be read")
            raise ConfigError(f"{where}{line} is not valid YAML: {problem}.") from error
        line = "".join(_BREAK.split(text)[mark.line : mark.line + 1]).strip()
        place = f"{where}, line {mark.line + 1}, column {mark.column + 1}"
        found = f": {printable(line, 80)!r}" if line else ""
        reason = _yaml_problem(error, line)
        raise ConfigError(f"{place} is not valid YAML{found}. {reason}") from error


_BREAK: Final = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")  # what ends a line in YAML
_YAML_PROBLEMS: Final = (
    (r"character '\\t'|'\\t' that cannot start", "Lines are indented with blanks, not tabs."),
    ("mapping values are not allowed|mapping value", "A value with a colon and a blank stands in "
     "quotes; or the line begins at the wrong column, or the line before lacks its colon."),
    ("could not find expected ':'", "Expected `key: value`; a colon and a blank follow each key."),
    ("expected ',' or ']'|found ']'|expected ',' or '}'|found '}'|flow", "A bracket is not closed, "
     "or a comma between entries is missing."),
    ("unexpected end of stream|found unexpected document separator", "A quote is not closed."),
    ("unknown escape|escape sequence", r"In double quotes, \ begins an escape: use single quotes."),
    ("undefined alias|unexpected ':'|expected alphabetic|cannot start any token|found '[*&!|>%@`]'",
     "A text that begins with one of * & ! | > % @ ` stands in quotes."),
    ("constructor for the tag", "Tags that begin with ! are not read: leave it out."),
    ("unhashable", "A key is a text or number, no list or mapping."),
    ("special characters", "It has a control character; write the file as UTF-8."),
    ("expected <block end>|did not find expected|expected the node", "Check the indentation: all "
     "keys of a section begin at the same column."),
)  # fmt: skip
"""What to do about what PyYAML says, by patterns of its words."""


def _yaml_problem(error: Any, line: str) -> str:
    said = " ".join(str(part) for part in (error.context, error.problem) if part)
    value = line.partition(": ")[2].strip() or line.removeprefix("- ")
    if value.startswith("!!"):
        return f"{printable(error.problem or 'The value is not of this type')}."
    if value[:1] in tuple("*&!%@`"):
        return f"A text that begins with {value[0]} stands in quotes: '{printable(value, 60)}'."
    for pattern, remedy in _YAML_PROBLEMS:
        if re.search(pattern, said):
            return remedy
    return "Put texts with special characters in quotes, and check the indentation."
