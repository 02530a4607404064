"""Write docs/results.md, and the README's results, from the JSON files in experiments/results.

    python experiments/tables.py            # docs/results.md, and between the README's markers
    python experiments/tables.py --check    # exit code 1 where they say something else

No figure of them is typed by hand. A result that is not there yet is said to be so.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from bars import BARS
from marks import between_marks
from model_tables import figure_links, model_sections, table
from summary import beside_others, summary

HERE = Path(__file__).parent
Results = dict[str, Any]
PROTOCOL = """\
Protocol: positives are ratings of at least 4 (all rows for Last.FM). For each user, all items of
the split are ranked, except those that the user has in training or validation. Means are over the
users with at least one test item. The epoch and all settings were chosen on the validation part
only.

`make bench` measures everything again; `make peers` installs RecBole, for the figures that compare
with it. `make bench` needs data that is not part of the repository: MovieLens-100K with the DBpedia
graph of its films, and HetRec 2011 Last.FM with a Freebase graph, in `../shared/data` or in the
folder `data.root`."""


def read_results(folder: Path = HERE / "results") -> Results:
    """Return the content of all result files, by name."""
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("*.json"))
    }


def section(results: Results) -> str:
    """Return what stands between the README's markers."""
    parts = [
        *summary(results),
        "The protocol, all tables and pictures, what was tried for each missed figure, and the "
        "machines: [docs/results.md](docs/results.md).",
    ]
    return "\n\n".join(parts)


def page(results: Results, docs: Path = HERE.parent / "docs") -> str:
    """Return docs/results.md."""
    rows, notes = _with_notes([bar.row(results) for bar in BARS])
    parts = [
        "# Results",
        "`experiments/tables.py` writes this page from the files in `experiments/results/`, which "
        "have versions, machine and date.",
        PROTOCOL,
        *beside_others(results),
        "## Targets and measured figures",
        table(["what", "bar", "measured", "reached", "file"], rows, "lrrll"),
        *(["\n".join(notes)] if notes else []),
        "## Models",
        *model_sections(results),
        "## Figures",
        *figure_links(docs),
        "## Machines",
        _settings(results),
    ]
    # Links are written as the README needs them, from the folder above.
    moved = "\n\n".join(part for part in parts if part).replace(
        "](experiments/", "](../experiments/"
    )
    return moved.replace("](docs/", "](") + "\n"


def _with_notes(rows: list[list[str]]) -> tuple[list[list[str]], list[str]]:
    """Return the rows with numbers in place of what was tried, and these as a list, each once."""
    told: dict[str, int] = {}
    made = []
    for row in rows:
        verdict, colon, words = row[3].partition(": ")
        if colon:
            number = told.setdefault(words, len(told) + 1)
            verdict = f"{verdict} ({number})"
        made.append([*row[:3], verdict, row[4]])
    return made, [f"{number}. {words}" for words, number in told.items()]


def _settings(results: Results) -> str:
    """Return where and when the figures were measured, each machine once."""
    lines: dict[str, list[str]] = {}
    for name, result in results.items():
        where = _where(result)
        if where:
            lines.setdefault(where, []).append(name)
    if not lines:
        return ""
    entries = [f"- {where}: {', '.join(names)}" for where, names in lines.items()]
    return "\n".join(["Measured on:", "", *entries])


def _where(result: Any) -> str:
    about = result.get("about", result)
    machine, versions = about.get("machine", {}), about.get("versions", {})
    cores = machine.get("cores", machine.get("cpus"))
    processor = machine.get("processor", machine.get("platform"))
    if processor and cores:
        processor = f"{cores} x {processor}"
    python = about.get("python", machine.get("python"))
    torch = versions.get("torch")
    parts = [
        processor,
        f"Python {python}" if python else None,
        f"PyTorch {torch}" if torch else None,
        about["date"][:10] if "date" in about else None,
    ]
    return ", ".join(part for part in parts if part)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    parser.add_argument("--readme", type=Path, default=HERE.parent / "README.md")
    parser.add_argument("--page", type=Path, default=HERE.parent / "docs" / "results.md")
    options = parser.parse_args()
    results = read_results()
    found = options.readme.read_text(encoding="utf-8")
    wanted = {
        options.readme: between_marks(found, "results", section(results)),
        options.page: page(results),
    }
    stale = [
        path
        for path, content in wanted.items()
        if not path.exists() or path.read_text(encoding="utf-8") != content
    ]
    for path in stale:
        if options.check:
            print(f"{path} differs from the results: run experiments/tables.py.")
        else:
            path.write_text(wanted[path], encoding="utf-8")
    return int(bool(stale) and options.check)


if __name__ == "__main__":
    sys.exit(main())
