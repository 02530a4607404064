"""The small project with labels that would run as HTML if a page took them for it."""

from __future__ import annotations

from pathlib import Path

from project import write_project

MARK = "<img src=x onerror=window.owned=1>"
"""It is in each of the labels below."""
DIRECTOR = f"{MARK}<script>window.owned=1</script> of space"
TITLE = f"'-->]]></title></script>{MARK} Title"
JOB = f"{MARK} pilot"
THEME = f"javascript:{MARK} pirates"


def write_hostile_project(folder: Path) -> Path:
    """Write the project; return the path of its config."""
    config = write_project(folder)
    for name, before, after in (
        ("graph.ttl", "Director of space", DIRECTOR),
        ("graph.ttl", '"pirates"@en', f'"{THEME}"@en'),
        ("items.csv", ",Title 0,", f",{TITLE},"),
        ("users.csv", ",pilot", f",{JOB}"),
    ):
        path = folder / name
        text = path.read_text(encoding="utf-8")
        assert before in text
        path.write_text(text.replace(before, after), encoding="utf-8")
    return config
