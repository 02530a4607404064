"""Reading the JSON files of a run folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kgrec.errors import RunError, printable


def read_json(path: Path) -> Any:
    """Return the content of a JSON file of a run folder.

    Raises:
        RunError: It is missing or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunError(f"The run folder lacks {printable(str(path))}.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{printable(str(path))} is damaged: {printable(str(error))}") from error
