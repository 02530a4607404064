"""The elements of pictures: fonts, wrapped texts, colours, files."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from kgrec.errors import ConfigError, first_few, printable, warn
from kgrec.files import replacing, writing
from kgrec.outputs.checks import check_files

# The palette of Okabe and Ito (2008), which colour-blind readers can tell apart.
ORANGE: Final = "#E69F00"
SKY: Final = "#56B4E9"
GREEN: Final = "#009E73"
YELLOW: Final = "#F0E442"
BLUE: Final = "#0072B2"
VERMILION: Final = "#D55E00"
PURPLE: Final = "#CC79A7"
GREY: Final = "#999999"

_FALLBACKS: Final = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Noto Sans JP",
    "Noto Sans SC",
    "Source Han Sans",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "IPAGothic",
    "Hiragino Sans",
    "Yu Gothic",
    "Microsoft YaHei",
    "Arial Unicode MS",
    "Noto Sans",
)
_MISSING: Final = "□"
_PLACEHOLDERS: Final = "Last Resort"  # matplotlib's font that has a sign for each script
_LACKING: Final = "kgrec_lacking"
"""Attribute of a figure: characters that no installed font has."""
_MOST_LINES: Final = 10_000
_DPI: Final = 150


@dataclass(frozen=True)
class Text:
    """A text ready to draw.

    Attributes:
        lines: Its lines.
        points: Font size.
        width: Width, inches.
        height: Height, inches.
        families: Fonts to draw with.
        lacking: Characters that no installed font has.
    """

    lines: tuple[str, ...]
    points: float
    width: float
    height: float
    families: tuple[str, ...] = ()
    lacking: frozenset[str] = frozenset()
    options: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height, inches."""
        return self.width, self.height


def text(
    content: str, points: float, *, columns: int = 22, max_lines: int = 3, fallback: str = ""
) -> Text:
    """Wrap and measure a text.

    Args:
        content: The text. Control characters are escaped; letters that no installed font has
            become empty squares.
        points: Font size.
        columns: Letters per line at most.
        max_lines: Lines at most; a longer text ends in an ellipsis.
        fallback: The text to draw if no font has most of the letters and digits of `content`.
    """
    shown = printable(content, 400)
    families, known = _fonts_for(shown)
    lacking = frozenset(char for char in shown if ord(char) not in known)
    letters = [char for char in shown if char.isalnum()]
    if fallback and 2 * sum(ord(char) in known for char in letters) < len(letters):
        shown = printable(fallback, 400)
    shown = "".join(char if ord(char) in known else _MISSING for char in shown)
    lines = textwrap.wrap(shown, columns, max_lines=max_lines, placeholder=" …") or [""]
    properties = _properties(families, points)
    width = max(_renderer().get_text_width_height_descent(line, properties, False)[0]
                for line in lines) / 72  # fmt: skip
    height = len(lines) * points * 1.25 / 72
    if lacking:
        if len(_lacking_of) >= _MOST_LINES:
            _lacking_of.clear()
        _lacking_of.update(dict.fromkeys(lines, lacking))
    return Text(tuple(lines), points, width, height, families, lacking)


def write(axes: Any, made: Text, x: float, y: float, **options: Any) -> Any:
    """Draw a text around (x, y), inches. It is drawn literally, not as mathematics or TeX."""
    families = made.families or fonts()[0]
    vars(axes.figure).setdefault(_LACKING, set()).update(made.lacking)
    options.setdefault("ha", "center")
    one_line = len(made.lines) == 1
    return axes.text(
        x,
        y - (0.36 * made.points / 72 if one_line else 0),
        "\n".join(made.lines),
        va="baseline" if one_line else "center",
        ma="center" if options["ha"] == "center" else "left",
        linespacing=1.15,
        parse_math=False,
        usetex=False,
        fontproperties=_properties(families, made.points),
        **options,
    )


def one_line(content: str, columns: int) -> str:
    """Return a text in one line, with control characters escaped and known letters only.

    Give the artist that draws it to `plain`, which sets its fonts and notes what no font has.
    """
    return text(content, 10, columns=columns, max_lines=1).lines[0]


_lacking_of: Final[dict[str, frozenset[str]]] = {}
"""Lines that `text` made, and the characters of theirs that no font has: the artists of
matplotlib hold a line only."""


def plain(*texts: Any) -> None:
    """Make matplotlib draw texts literally, not as mathematics, with fonts that have the letters.

    Args:
        texts: Artists in a figure.
    """
    for one in texts:
        one.set_parse_math(False)
        content = one.get_text()
        one.set_fontfamily(list(_fonts_for(content)[0]))
        for line in content.splitlines():
            vars(one.figure).setdefault(_LACKING, set()).update(_lacking_of.get(line, ()))


def figure(width: float, height: float) -> tuple[Any, Any]:
    """Return a figure and its axes, whose units are inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(made)
    axes = made.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(0, height)
    axes.axis("off")
    return made, axes


def save(made: Any, path: str | os.PathLike[str], *, dpi: int = _DPI) -> Path:
    """Write a figure to a .png or .svg file, with `dpi` pixels an inch, and return its path.

    Raises:
        ConfigError: The file has another ending.
        RunError: The file cannot be written.
    """
    target = Path(path)
    _check_format(target)
    _warn_of_squares(made)
    kind = target.suffix[1:].lower()
    with writing(target), replacing(target) as file:
        made.savefig(file, format=kind, dpi=dpi, facecolor="white", **_metadata(kind))
    return target


def svg(made: Any) -> bytes:
    """Return a figure as an SVG file."""
    _warn_of_squares(made)
    file = BytesIO()
    made.savefig(file, format="svg", facecolor="white", **_metadata("svg"))
    return file.getvalue()


def _metadata(kind: str) -> dict[str, Any]:
    return {"metadata": {"Date": None}} if kind == "svg" else {}


def _warn_of_squares(made: Any) -> None:
    if lacking := sorted(vars(made).get(_LACKING, ())):
        warn(
            f"No installed font has {len(lacking)} of the characters in the picture "
            f"({first_few(lacking, 8)}): they are drawn as {_MISSING}. Install a font of this "
            "script, such as Noto Sans (for Chinese, Japanese and Korean: Noto Sans CJK), and "
            "draw it again."
        )


def check_pictures(
    paths: Iterable[Path | None], inputs: Iterable[Path | None], *, force: bool
) -> None:
    """Check, before the work, that pictures can be written; see `outputs.checks.check_files`.

    Raises:
        ConfigError: A file has another ending than .png and .svg.
        RunError: A file is there already, or cannot be written.
    """
    given = [path for path in paths if path is not None]
    for path in given:
        _check_format(path)
    check_files(given, inputs, force=force)


def _check_format(path: Path) -> None:
    if path.suffix.lower() not in (".png", ".svg"):
        raise ConfigError(
            f"A picture is written to a .png or .svg file, found {printable(path.name)!r}."
        )


def tinted(colour: str, share: float) -> tuple[float, float, float]:
    """Return a colour mixed with white, with a share of `share`.

    >>> tinted("#000000", 0.25)
    (0.75, 0.75, 0.75)
    """
    red, green, blue = (1 - share + share * part for part in _parts(colour))
    return red, green, blue


def shaded(colour: str, share: float) -> tuple[float, float, float]:
    """Return a colour mixed with black, with a share of `share`."""
    red, green, blue = (share * part for part in _parts(colour))
    return red, green, blue


def _parts(colour: str) -> list[float]:
    return [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]


@lru_cache(maxsize=1)
def fonts() -> tuple[tuple[str, ...], frozenset[int]]:
    """Return the font families to draw with, and the code points that they have."""
    from matplotlib import font_manager

    installed = {entry.name for entry in font_manager.fontManager.ttflist}
    families = ("DejaVu Sans", *(name for name in _FALLBACKS if name in installed))
    known: set[int] = set()
    for family in families:
        path = font_manager.findfont(font_manager.FontProperties(family=[family]))
        known.update(font_manager.get_font(path).get_charmap())
    return families, frozenset(known)


def _fonts_for(shown: str) -> tuple[tuple[str, ...], frozenset[int]]:
    """Return `fonts()` with further installed fonts for characters that those lack."""
    families, known = fonts()
    for char in sorted({char for char in shown if ord(char) not in known}):
        family, more = _font_with(ord(char))
        if family and family not in families:
            families, known = (*families, family), known | more
    return families, known


@lru_cache(maxsize=4096)
def _font_with(code: int) -> tuple[str, frozenset[int]]:
    """Return an installed font that has a character, "" for none, and all that it has."""
    return next(((name, has) for name, has in _other_fonts() if code in has), ("", frozenset()))


@lru_cache(maxsize=1)
def _other_fonts() -> tuple[tuple[str, frozenset[int]], ...]:
    """Return the code points of all installed fonts that are not in `fonts()`, by name."""
    from matplotlib import font_manager

    found: dict[str, frozenset[int]] = {}
    for entry in sorted(font_manager.fontManager.ttflist, key=lambda entry: entry.fname):
        if entry.name.startswith(_PLACEHOLDERS):
            continue
        if entry.name not in fonts()[0] and entry.name not in found:
            try:
                found[entry.name] = frozenset(font_manager.get_font(entry.fname).get_charmap())
            except (OSError, RuntimeError):  # a font that cannot be read
                continue
    return tuple(found.items())


def _properties(families: Sequence[str], points: float) -> Any:
    from matplotlib.font_manager import FontProperties

    return FontProperties(family=list(families), size=points)


@lru_cache(maxsize=1)
def _renderer() -> Any:
    from matplotlib.backends.backend_agg import RendererAgg

    return RendererAgg(8, 8, 72)
