"""Regular expressions of the package mean the same to every version of Python it runs on."""

import importlib
import pkgutil
import re

import pytest

import kgrec


def possessive_groups(pattern):
    """Give the repeats such as (?:ab)*+ in the tree of a pattern; [ab]*+ is none of them."""
    if not isinstance(pattern, re._parser.SubPattern):
        for part in pattern if isinstance(pattern, (list, tuple)) else ():
            yield from possessive_groups(part)
        return
    for name, argument in pattern:
        if str(name) == "POSSESSIVE_REPEAT" and not re._compiler._simple(argument[2]):
            yield pattern
        yield from possessive_groups(argument)


@pytest.mark.parametrize(
    ("pattern", "count"),
    [(r"[ab]*+a++", 0), (r"x(?>(?:ab)*)", 0), (r"x|(?:ab)*+", 1), (r"(?:(?:ab|c)++d)*+", 2)],
)
def test_possessive_groups_are_found(pattern, count):
    assert len(list(possessive_groups(re._parser.parse(pattern)))) == count


def test_no_group_is_repeated_possessively():
    # Python before 3.11.5 matches these wrongly: https://github.com/python/cpython/issues/106052
    found, seen = [], 0
    for module in pkgutil.walk_packages(kgrec.__path__, "kgrec."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, re.Pattern):
                seen += 1
                flags = value.flags & (re.DOTALL | re.VERBOSE | re.IGNORECASE | re.MULTILINE)
                tree = re._parser.parse(value.pattern, flags)
                found += [f"{module.name}.{name}" for _ in possessive_groups(tree)]
    assert seen > 30
    assert found == []
