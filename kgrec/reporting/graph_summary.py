"""The output of `kgrec inspect`: a graph in sentences and tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kgrec.errors import printable
from kgrec.kg.profile.connectivity import ItemStatistics
from kgrec.kg.profile.relation_statistics import PropertyStatistics
from kgrec.kg.profile.statistics import GraphStatistics
from kgrec.rdf.namespaces import PREFIXES
from kgrec.reporting.console import counted, make_console, make_table, safe

_ROWS: Final = 25
"""Largest number of rows on a terminal; the rest is counted. Elsewhere all are printed."""
_IRI_WIDTH: Final = 42
_LANGUAGES: Final = 4


def show_statistics(statistics: GraphStatistics, console: Console | None = None) -> None:
    """Print the content of a knowledge graph.

    All text from the graph is escaped for rich and for the terminal.
    """
    console = console or make_console()
    _show_size(statistics, console)
    _show_relations(statistics, console)
    _show_properties(statistics, console)
    _show_types(statistics, console)
    _show_items(statistics, console)
    _heading(console, "A sample")
    for subject, relation, object in statistics.sample:
        _say(console, f"  {safe(subject)} — {safe(relation)} — {safe(object)}")
    _show_problems(statistics, console)


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(Text(text, style="bold"))


def _say(console: Console, text: str) -> None:
    """Print a line of markup; if the output is not a terminal, the line is not broken."""
    console.print(text, soft_wrap=not console.is_terminal)


def _show_size(found: GraphStatistics, console: Console) -> None:
    for path, count in found.files.items():
        _say(console, f"{safe(path)}: {counted(count, 'statement')}")
    for remark in found.reading:
        _say(console, safe(remark, 1000))
    blank = f" ({found.blank_nodes:,} of them blank nodes)" if found.blank_nodes else ""
    _say(
        console,
        f"{found.entities:,} entities{blank}, {found.triples:,} triples between them with "
        f"{counted(len(found.relations), 'relation')}, {found.literals:,} literals with "
        f"{counted(len(found.properties), 'property', 'properties')}.",
    )
    sizes = ", ".join(f"{size:,}" for size in found.component_sizes[1:4])
    if found.graphs is not None:
        shown = [f"{name or 'the default graph'} {n:,}" for name, n in found.graphs.items()]
        more = ", …" if len(shown) > _LANGUAGES else ""
        _say(
            console,
            f"{counted(len(shown), 'graph')}: {safe(', '.join(shown[:_LANGUAGES]), 1000)}{more}.",
        )
    if found.components == 1:
        _say(console, "All entities are connected: there is one component.")
    else:
        more = ", …" if found.components > 4 else ""
        _say(
            console,
            f"{found.components:,} components: the largest holds {found.largest_component:,} "
            f"entities ({_share(found.largest_component / found.entities)}), the next "
            f"{sizes}{more}.",
        )
    degree = found.degree
    _say(
        console,
        f"Triples per entity: median {degree['0.5']:,.0f}, 90th percentile {degree['0.9']:,.0f}, "
        f"maximum {degree['1']:,.0f}.",
    )


def _show_relations(found: GraphStatistics, console: Console) -> None:
    if not found.relations:
        return
    _heading(console, "Relations between entities")
    _say(
        console,
        f"Out: objects per subject; in: subjects per object. {_shares(found)}.",
    )
    names = ["triples", "subjects", "share", "mean out", "max out"]
    names += ["objects", "mean in", "max in"] + (["items"] if found.items else [])
    table = _table(console, "relation", names, ["IRI", "example"])
    for r in found.relations[: _limit(console)]:
        cells = [f"{r.triples:,}", f"{r.subjects:,}", _share(r.share), f"{r.mean_out:,.1f}"]
        cells += [f"{r.max_out:,}", f"{r.objects:,}", f"{r.mean_in:,.1f}", f"{r.max_in:,}"]
        cells += [_share(r.item_share)] if r.item_share is not None else []
        _row(table, console, r.label, cells, r.iri, " → ".join(r.example))
    _print(console, table, len(found.relations), "relations")


def _show_properties(found: GraphStatistics, console: Console) -> None:
    if not found.properties:
        return
    _heading(console, "Literal properties")
    tagged = sum(found.languages.values())
    languages = f"; languages: {_mix(found.languages, found.literals)}" if tagged else ""
    _say(console, f"{_shares(found)}{safe(languages)}.")
    names = ["values", "subjects", "share", "max"] + (["items"] if found.items else [])
    table = _table(
        console, "property", names, ["smallest … median … largest", "datatypes", "languages", "IRI"]
    )
    for p in found.properties[: _limit(console)]:
        cells = [f"{p.literals:,}", f"{p.subjects:,}", _share(p.share), f"{p.max_values:,}"]
        cells += [_share(p.item_share)] if p.item_share is not None else []
        datatypes = {iri.rpartition("#")[2] or iri: count for iri, count in p.datatypes.items()}
        texts = [_range(p), _mix(datatypes, p.literals), _mix(p.languages, p.literals)]
        table.add_row(safe(p.label), *cells, *map(safe, texts), safe(_cut(p.iri, console)))
    _print(console, table, len(found.properties), "properties")


def _show_types(found: GraphStatistics, console: Console) -> None:
    headings = (
        ("type", "entities", f"Types: {_share(found.typed / found.entities)} of the entities "
         "have one", found.types),
        ("hub", "degree", "Entities with the most triples", found.hubs),
    )  # fmt: skip
    for name, measure, heading, rows in headings:
        if not rows:
            continue
        _heading(console, heading)
        table = _table(console, name, [measure], ["IRI"])
        for label, iri, count in rows[: _limit(console)]:
            _row(table, console, label, [f"{count:,}"], iri)
        _print(console, table, len(rows), f"{name}s")


def _show_items(found: GraphStatistics, console: Console) -> None:
    _heading(console, "How items are connected")
    if found.items is None:
        _say(console, "Not examined: --links or --items says which entities are items.")
        return
    for line in item_sentences(found.items):
        _say(console, line)


def item_sentences(items: ItemStatistics) -> list[str]:
    """Return sentences about how well a graph covers and connects the items of a catalogue."""
    low, median, high = items.triples
    near = [f"{counted(hops, 'hop')} {_share(part)}" for hops, part in items.within.items()]
    said = [
        f"{items.linked:,} of {items.num_items:,} items ({_share(items.linked / items.num_items)}) "
        f"are linked, to {counted(items.entities, 'entity', 'entities')}.",
        f"Without types, they have {low:,} to {high:,} triples, {median:,.0f} at the median.",
        f"Share with another item within {', '.join(near)} (2 hops: a common neighbor).",
    ]
    if items.unreachable:
        said.append(
            f"From {items.unreachable:,} ({_share(items.unreachable / items.entities)}) no path "
            "leads to another item: the graph does not relate them to others."
        )
    if items.components > 1:
        said.append(
            f"They lie in {items.components:,} components; the largest holds "
            f"{items.largest_component:,} of them "
            f"({_share(items.largest_component / items.entities)})."
        )
    return said


def _show_problems(found: GraphStatistics, console: Console) -> None:
    if not found.problems:
        _heading(console, "Nothing looks suspicious")
        return
    _heading(console, "Worth a look")
    for problem in found.problems:
        _say(console, f"  [bold]{problem.count:,}[/bold]  {safe(problem.text)}")
        if problem.examples:
            shown = ", ".join(printable(text, 120) for text in problem.examples[:3])
            more = ", …" if problem.count > 3 else ""
            _say(console, f"      [dim]{safe(shown, 1000)}{more}[/dim]")
        _say(console, f"      {safe(problem.advice)}")


def _table(console: Console, name: str, numbers: Sequence[str], texts: Sequence[str]) -> Table:
    table = make_table(console)
    table.add_column(name, min_width=8)
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in texts:
        table.add_column(heading, overflow="fold")
    return table


def _row(
    table: Table, console: Console, label: str, cells: Iterable[str], iri: str, *texts: str
) -> None:
    table.add_row(safe(label), *cells, safe(_cut(iri, console)), *map(safe, texts))


def _print(console: Console, table: Table, number: int, name: str) -> None:
    console.print(table)
    if number > _limit(console):
        _say(console, f"and {number - _limit(console):,} more {name}; --json lists all.")


def _limit(console: Console) -> int:
    return _ROWS if console.is_terminal else 1 << 30


def _cut(iri: str, console: Console) -> str:
    """Return the end of an IRI if space is short: it tells more than the beginning."""
    shown = printable(iri)
    if console.is_terminal:
        for prefix, namespace in PREFIXES.items():
            if shown.startswith(namespace):
                shown = f"{prefix}:{shown[len(namespace) :]}"
    if not console.is_terminal or len(shown) <= _IRI_WIDTH:
        return shown
    return "…" + shown[1 - _IRI_WIDTH :]


def _range(p: PropertyStatistics) -> str:
    """Return the range of a property's values: smallest, median and largest."""
    found = []
    if p.numbers is not None:
        found.append(" … ".join(f"{number:.6g}" for number in p.numbers))
    if p.dates is not None:
        found.append(" … ".join(p.dates))
    if p.lengths is not None:
        low, median, high = p.lengths
        found.append(f"{low:,} … {median:,.0f} … {high:,} letters")
    return "; ".join(found)


def _mix(counts: dict[str, int], total: int) -> str:
    """Return the most frequent values with their shares; a single value has no share."""
    if len(counts) == 1 and sum(counts.values()) == total:
        return next(iter(counts))
    shown = [f"{name} {_share(count / total)}" for name, count in list(counts.items())[:_LANGUAGES]]
    more = len(counts) - _LANGUAGES
    return ", ".join(shown) + (f", {more} more" if more > 0 else "")


def _share(share: float) -> str:
    """Return a share in percent; it is never rounded to 0 % or 100 %."""
    if 0 < share < 0.001:
        return "<0.1%"
    if 0.999 < share < 1:
        return ">99.9%"
    return f"{share:.1%}" if share not in (0, 1) else f"{share:.0%}"


def _shares(found: GraphStatistics) -> str:
    """Return the meaning of the columns of shares."""
    items = "; items: how many of the linked items" if found.items else ""
    return f"Share: how many of all subjects have it{items}"
