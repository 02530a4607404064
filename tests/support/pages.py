"""Follows a page of the manual as its reader would: writes its files, runs its code, in order.

A page is Markdown. Of its fenced blocks,

- a block after a paragraph that ends with a colon and names a file, such as "The graph,
  `books.ttl`:", is written to the first file that it names;
- `bash` blocks are run line by line, and `python` blocks together, in one namespace;
- a block after `<!-- output -->` is what the block before it prints; `…` stands for any text, and
  numbers may differ a little, as they do between processors;
- a block after `<!-- not run: REASON -->` is not run;
- `yaml` and other blocks are only shown.

`<!-- follows: PAGE -->` begins in the folder where another page has been followed, and
`<!-- with: NAME -->` with something prepared that the text only describes, see `PREPARED`.

    python tests/support/pages.py README.md docs/tutorials/own-data.md

writes what the blocks print now into the pages, where it differs.
"""

from __future__ import annotations

import io
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from unittest.mock import patch

import pandas as pd
import pyoxigraph
from published import recbole
from sparql_server import serve
from sparql_wikidata import put_in_place, wikidata

import kg_data

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"`([\w./-]+\.(?:ttl|csv|tsv|dat|ya?ml|nt|nq|jsonl?|py|txt|rq))`")
COMMENT = re.compile(r"<!-- ([\w ]+?)(?:: ((?:(?!-->).)*?))? -->\s*\Z", re.DOTALL)
NUMBER = re.compile(r"(?<!\w)-?\d+(?:\.\d+)?(?:e-?\d+)?(?!\w)")
CODE = ("bash", "python")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        language: The word after the fence.
        text: What it holds.
        line: The number of its first line in the page.
        file: The file that it is written to; empty: it is none.
        reason: Why it is not run; empty: it is.
        output: What it must print; None: anything.
        place: Where that stands in the page, as a slice.
    """

    language: str
    text: str
    line: int
    file: str = ""
    reason: str = ""
    output: str | None = None
    place: slice | None = None


@dataclass(frozen=True)
class Page:
    """A page as blocks to follow."""

    path: Path
    blocks: tuple[Block, ...]
    follows: str
    prepared: tuple[str, ...]

    @property
    def name(self) -> str:
        """The path from the root of the repository."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def runs(self) -> bool:
        """Whether there is something to run."""
        return any(block.language in CODE and not block.reason for block in self.blocks)


class PageError(AssertionError):
    """A block failed, or printed something else."""


def read_page(path: Path) -> Page:
    """Return the blocks of a page."""
    text = path.read_text(encoding="utf-8")
    blocks: list[Block] = []
    for found in FENCE.finditer(text):
        language, body = found[1], found[2]
        before = text[: found.start()]
        line = before.count("\n") + 2
        comment = COMMENT.search(before)
        word, reason = (comment[1], comment[2] or "") if comment else ("", "")
        if word == "output":
            last = blocks.pop()
            place = slice(found.start(2), found.end(2))
            blocks.append(
                Block(last.language, last.text, last.line, last.file, last.reason, body, place)
            )
            continue
        paragraph = COMMENT.sub("", before).rstrip().rpartition("\n\n")[2]
        file = FILE.search(paragraph) if paragraph.endswith(":") else None
        if file and language in CODE and not file[1].endswith(".py"):
            file = None
        blocks.append(
            Block(
                language, body, line, file[1] if file else "", reason if word == "not run" else ""
            )
        )
    follows = re.search(r"<!-- follows: (\S+) -->", text)
    prepared = re.findall(r"<!-- with: (\S+) -->", text)
    return Page(path, tuple(blocks), follows[1] if follows else "", tuple(prepared))


def follow(page: Page, write: bool = False) -> Path:
    """Follow a page in a folder of its own, and return that folder.

    Args:
        page: The page.
        write: Write what its blocks print into the page, instead of comparing it.

    Raises:
        PageError: A block fails or prints something else.
    """
    folder = Path(tempfile.mkdtemp(prefix="page-", dir=_scratch()))
    if page.follows:
        before = followed((page.path.parent / page.follows).resolve())
        shutil.copytree(before, folder, symlinks=True, dirs_exist_ok=True)
    else:
        (folder / "kg_data").symlink_to(ROOT / "kg_data")
    names: dict[str, object] = {"__name__": "page"}
    changes: list[tuple[slice, str]] = []
    with ExitStack() as stack:
        stack.enter_context(chdir(folder))
        stack.enter_context(patch.dict(os.environ, XDG_CACHE_HOME=str(_scratch() / "cache")))
        for name in page.prepared:
            stack.enter_context(PREPARED[name](folder))
        for block in page.blocks:
            if block.file:
                Path(block.file).parent.mkdir(parents=True, exist_ok=True)
                Path(block.file).write_text(block.text, encoding="utf-8")
            elif block.language in CODE and not block.reason:
                where = f"{page.name}, line {block.line}"
                said = _run_python(block, names, page) if block.language == "python" else ""
                if block.language == "bash":
                    said = "".join(run(line, where) for line in commands(block.text))
                if block.output is not None and not agree(block.output, said):
                    if not write or block.place is None:
                        raise PageError(f"{where} prints:\n{said}\nThe page says:\n{block.output}")
                    changes.append((block.place, said))
    if changes:
        text = page.path.read_text(encoding="utf-8")
        for place, said in reversed(changes):
            text = text[: place.start] + said.rstrip() + "\n" + text[place.stop :]
        page.path.write_text(text, encoding="utf-8")
    return folder


@cache
def followed(path: Path) -> Path:
    """Return the folder where a page has been followed. Change nothing in it."""
    return follow(read_page(path))


@cache
def _scratch() -> Path:
    return Path(tempfile.mkdtemp(prefix="kgrec-pages-"))


def forget() -> None:
    """Remove all folders."""
    shutil.rmtree(_scratch(), ignore_errors=True)
    _scratch.cache_clear()
    followed.cache_clear()


def _run_python(block: Block, names: dict[str, object], page: Page) -> str:
    said = io.StringIO()
    # The line numbers of a traceback are those of the page.
    code = compile("\n" * (block.line - 1) + block.text, str(page.path), "exec")
    with redirect_stdout(said):
        exec(code, names)
    return said.getvalue()


def commands(text: str) -> list[str]:
    """Return the lines of a block of commands, continued lines as one, without empty ones."""
    joined = re.sub(r"\\\n\s*", "", text)
    return [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]


def run(line: str, where: str = "", code: int = 0) -> str:
    """Run a command as a shell would, and return what it prints on stdout.

    Raises:
        PageError: It ends with another exit code than `code`.
    """
    plain, _, target = line.partition(" > ")
    words = shlex.split(plain, comments=True)
    if words[0] not in ("kgrec", "python") or re.search(r"[|;&$`<]", plain.replace("'", "")):
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", line], capture_output=True, text=True, env={**os.environ, "PATH": path}
        )
        found, said, complaint = done.returncode, done.stdout, done.stderr
    else:
        found, said, complaint = _run_here(words)
    if found != code:
        raise PageError(f"{where}: `{line}` ended with exit code {found}.\n{said}{complaint}")
    if target:
        Path(target.strip()).write_text(said, encoding="utf-8")
        return ""
    return said


def _run_here(words: list[str]) -> tuple[int, str, str]:
    """Run `kgrec` or a script in this process, where the libraries are loaded already."""
    from kgrec import cli

    said, complaint = io.StringIO(), io.StringIO()
    code: int | str | None = 0
    with (
        patch.object(sys, "argv", words if words[0] == "kgrec" else words[1:]),
        redirect_stdout(said),
        redirect_stderr(complaint),
    ):
        try:
            cli.main() if words[0] == "kgrec" else runpy.run_path(words[1], run_name="__main__")
        except SystemExit as ended:
            code = ended.code
    return (code if isinstance(code, int) else 0), said.getvalue(), complaint.getvalue()


def agree(expected: str, found: str) -> bool:
    """Return whether an output is the expected one: `…` is any text, numbers may differ by 15 %.

    A training ends a little elsewhere on another processor.
    """
    parts = [re.escape(part) for part in expected.strip().split("…")]
    pattern = "(?:.|\n)*?".join(NUMBER.sub(r"(NUMBER)", _plain(part)) for part in parts)
    match = re.fullmatch(
        pattern.replace("(NUMBER)", f"({NUMBER.pattern})").replace(r"\ ", r"\s+"), found.strip()
    )
    if match is None:
        return False
    wanted = [float(number) for number in NUMBER.findall(expected)]
    given = [float(number) for number in match.groups()]
    return all(
        abs(one - other) <= 0.15 * abs(one) + 0.01 for one, other in zip(wanted, given, strict=True)
    )


def _plain(escaped: str) -> str:
    """Return an escaped text whose numbers are written as usual."""
    return re.sub(r"\\([-.])(?=\d)", r"\1", escaped)


@contextmanager
def _bookshop(folder: Path) -> Iterator[None]:
    """The files of the tutorial on own data."""
    for block in read_page(ROOT / "docs" / "tutorials" / "own-data.md").blocks:
        if block.file:
            (folder / block.file).write_text(block.text, encoding="utf-8")
    yield


@contextmanager
def _movielens(folder: Path) -> Iterator[None]:
    """`ratings.csv`, `movies.csv` as MovieLens has them, and a graph in Turtle: some films."""
    films = kg_data.path("films")
    items = pd.read_csv(films / "items.csv")
    ratings = pd.read_csv(films / "ratings.csv")
    liked = ratings[ratings["user_id"] == "u0016"]["item_id"]
    items = items[items["item_id"].isin({*liked, *items["item_id"][:60], "F0290"})]
    ratings = ratings[ratings["item_id"].isin(items["item_id"]) & (ratings["user_id"] < "u0200")]
    movies = {
        "movieId": items["item_id"].str[1:].astype(int),
        "title": items["title"] + " (" + items["year"].astype(str) + ")",
        "genres": items["shelf"].str.replace(" & ", "|"),
    }
    pd.DataFrame(movies).to_csv(folder / "movies.csv", index=False)
    log = {
        "userId": ratings["user_id"].str[1:].astype(int),
        "movieId": ratings["item_id"].str[1:].astype(int),
        "rating": ratings["rating"],
        "timestamp": ratings["timestamp"],
    }
    pd.DataFrame(log).to_csv(folder / "ratings.csv", index=False)
    links = pd.read_csv(films / "links.csv")
    entities = set(links[links["item_id"].isin(items["item_id"])]["iri"])
    triples = list(pyoxigraph.parse(path=films / "films.ttl"))
    near = entities | {one.object.value for one in triples if one.subject.value in entities}
    chosen = [one for one in triples if one.subject.value in near]
    pyoxigraph.serialize(chosen, str(folder / "films.ttl"), format=pyoxigraph.RdfFormat.TURTLE)
    yield


@contextmanager
def _recbole(folder: Path) -> Iterator[None]:
    """A small data set in the files of RecBole: the folder `ml-tiny`."""
    (folder / "ml-tiny").mkdir(exist_ok=True)
    recbole(folder / "ml-tiny")
    yield


@contextmanager
def _wikidata(folder: Path) -> Iterator[None]:
    """A table with IMDb ids as MovieLens has it, and a local endpoint in the place of Wikidata."""
    import pytest

    (folder / "movies.csv").write_text("movieId,imdbId\n6,0113277\n8228,0122690\n")
    with serve(wikidata()) as server, pytest.MonkeyPatch.context() as monkeypatch:
        put_in_place(monkeypatch, server.address)
        yield


PREPARED: dict[str, Callable[[Path], object]] = {
    "bookshop": _bookshop,
    "movielens": _movielens,
    "recbole": _recbole,
    "wikidata": _wikidata,
}
"""What a page may find prepared, by name."""


if __name__ == "__main__":
    for given in sys.argv[1:]:
        follow(read_page(Path(given).resolve()), write=True)
    forget()
