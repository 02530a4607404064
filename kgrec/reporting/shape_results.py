"""The output of `kgrec inspect --shapes`: the shapes that a graph does not conform to."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from kgrec.errors import printable
from kgrec.kg.profile.shapes import ShapeResult, ShapesReport
from kgrec.reporting.console import counted, make_console, safe


def show_shapes(report: ShapesReport, console: Console | None = None) -> None:
    """Print the results of a validation by constraint; all text from data is escaped."""
    console = console or make_console()
    soft = not console.is_terminal
    about = (
        f"{counted(report.shapes, 'shape')} with a target, "
        f"{counted(report.focus_nodes, 'node')} in all"
    )
    console.print()
    if report.conforms:
        console.print(Text(f"The graph conforms to the shapes ({about})", style="bold"))
    else:
        count = sum(result.count for result in report.results)
        console.print(
            Text(
                f"The graph does not conform to the shapes: {counted(count, 'result')}",
                style="bold",
            )
        )
        console.print(f"{about}.", soft_wrap=soft)
    if not report.focus_nodes:
        console.print("Nothing was checked: no node of the graph is a target of the shapes.")
    for result in report.results:
        for line in _lines(result):
            console.print(line, soft_wrap=soft)
    if report.imports:
        shown = ", ".join(printable(iri) for iri in report.imports[:3])
        more = ", …" if len(report.imports) > 3 else ""
        console.print(f"Imports that were not followed: {safe(shown, 1000)}{more}", soft_wrap=soft)


def _lines(result: ShapeResult) -> list[str]:
    place = f"{safe(result.path)}: " if result.path else ""
    lines = [
        f"  [bold]{result.count:,}[/bold]  {safe(result.severity)}: {place}"
        f"{safe(result.constraint)} ({safe(result.shape)})"
    ]
    if result.message:
        lines.append(f"      {safe(result.message, 400)}")
    for name, texts in (("nodes", result.nodes), ("values", result.values)):
        if texts:
            shown = ", ".join(printable(text, 120) for text in texts[:3])
            more = ", …" if len(texts) > 3 or result.count > len(texts) > 2 else ""
            lines.append(f"      [dim]{name}: {safe(shown, 1000)}{more}[/dim]")
    return lines
