"""Write the README's results from the JSON files in experiments/results.

    python experiments/tables.py            # between the markers of README.md
    python experiments/tables.py --check    # exit code 1 where the README says something else

No figure of that section is typed by hand. A result that is not there yet is said to be so.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from bars import BARS
from model_tables import figure_links, model_sections, table

HERE = Path(__file__).parent
BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
Results = dict[str, Any]


def read_results(folder: Path = HERE / "results") -> Results:
    """Return the content of all result files, by name."""
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("*.json"))
    }


def section(results: Results, docs: Path = HERE.parent / "docs") -> str:
    """Return what stands between the markers."""
    parts = [
        "What was asked for, and what was measured:",
        table(
            ["what", "bar", "measured", "reached", "file"],
            [bar.row(results) for bar in BARS],
            "lrrll",
        ),
        *model_sections(results),
        *figure_links(docs),
        _settings(results),
    ]
    return "\n\n".join(part for part in parts if part)


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


def written(readme: str, content: str) -> str:
    """Return the README with `content` between its markers."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"README.md lacks the markers {BEGIN} and {END}.")
    return f"{before}{BEGIN}\n\n{content}\n\n{END}{after}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    parser.add_argument("--readme", type=Path, default=HERE.parent / "README.md")
    options = parser.parse_args()
    found = options.readme.read_text(encoding="utf-8")
    wanted = written(found, section(read_results()))
    if found == wanted:
        return 0
    if options.check:
        print(f"{options.readme} differs from the results: run experiments/tables.py.")
        return 1
    options.readme.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
