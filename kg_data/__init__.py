"""The data sets that come with kgrec: films with simulated ratings, and a four-product shop."""

from pathlib import Path

NAMES = ("films", "shop")


def path(name: str) -> Path:
    """Return the folder of a data set.

    Args:
        name: `films` or `shop`.

    Raises:
        ValueError: If there is no such data set; the message names the known ones.
    """
    if name not in NAMES:
        raise ValueError(f"no data set {name!r}; known data sets: {', '.join(NAMES)}")
    return Path(__file__).resolve().parent / name
