"""Reading the JSON files of a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kgrec.bounds.json_text import read_json as bounded_json
from kgrec.errors import RunError, printable
from kgrec.files import system_reason

_MOST_JSON = 1 << 26  # bytes


def read_json(path: Path) -> Any:
    """Return the content of a JSON file of a run folder.

    Raises:
        RunError: It is missing or damaged.
    """
    try:
        return bounded_json(path, _MOST_JSON)
    except FileNotFoundError as error:
        raise RunError(f"The run folder lacks {printable(str(path))}.") from error
    except (OSError, ValueError) as error:
        where = printable(str(path))
        raise RunError(f"{where} is damaged: {system_reason(error)}.") from error
