"""Measures the structure of the code: circles, the largest folder, loose files, lines.

    python experiments/structure.py

Imports for type checking count. Writes experiments/results/structure.json.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grimp
import networkx

from kgrec.files import write_json
from kgrec.runs.about import about

HERE = Path(__file__).parent
PACKAGE = HERE.parent / "kgrec"


def circles(package: str = "kgrec") -> list[list[str]]:
    """Return the groups of modules that import each other, straight or by way of others."""
    graph = grimp.build_graph(package, cache_dir=None)
    imports = networkx.DiGraph(
        (module, imported)
        for module in graph.modules
        for imported in graph.find_modules_directly_imported_by(module)
    )
    found = networkx.strongly_connected_components(imports)
    return sorted(sorted(group) for group in found if len(group) > 1)


def lines(folder: Path) -> int:
    """Return the lines of all Python files in and below a folder."""
    paths = [folder] if folder.is_file() else folder.rglob("*.py")
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)


def measured() -> dict[str, Any]:
    """Return the figures."""
    total = lines(PACKAGE)
    folders = {
        path.name: lines(path)
        for path in sorted(PACKAGE.iterdir())
        if path.is_dir() and any(path.rglob("*.py"))
    }
    largest = max(folders, key=folders.__getitem__)
    return {
        "circles": circles(),
        "lines": total,
        "lines_by_folder": folders,
        "largest_folder": largest,
        "share_of_largest_folder": round(folders[largest] / total, 3),
        "loose_files": sorted(path.name for path in PACKAGE.glob("*.py")),
    }


if __name__ == "__main__":
    found = measured()
    write_json(HERE / "results" / "structure.json", found | about(0))
    print(
        f"{len(found['circles'])} circles; {found['lines']:,} lines; largest folder "
        f"{found['largest_folder']} ({100 * found['share_of_largest_folder']:.0f} %); "
        f"{len(found['loose_files'])} loose files."
    )
