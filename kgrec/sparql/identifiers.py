"""The ways to write an identifier. A graph has one of them, and often not the reader's."""

from __future__ import annotations

import re
from typing import Final

_ISBN: Final = re.compile(r"[0-9]{9}[0-9X]|97[89][0-9]{10}")
_BODY: Final = 9  # digits of group, registrant and publication together


def isbn_forms(text: str) -> list[str]:
    """Return every way to write an ISBN: with 10 or 13 digits, without and with hyphens.

    Where the hyphens belong depends on lists of publishers that change; with every place tried,
    one is right, and none is the number of another book.

    Args:
        text: An ISBN. What is none, or has a wrong check digit, is returned as it is.

    >>> forms = isbn_forms("9780306406157")
    >>> forms[0], "978-0-306-40615-7" in forms, "0-306-40615-2" in forms, len(forms)
    ('9780306406157', True, True, 58)
    >>> isbn_forms("9780306406158")
    ['9780306406158']
    """
    digits = re.sub(r"^ISBN(-1[03])?:?|[\s-]", "", text.strip().upper())
    if not _ISBN.fullmatch(digits) or not _is_checked(digits):
        return [text]
    if len(digits) == 13:
        prefix, body = digits[:3], digits[3:12]
    else:
        prefix, body = "978", digits[:9]
    numbers = [(prefix + "-", body, _check_13(prefix + body))]
    if prefix == "978":  # books of 979 have no short number
        numbers.append(("", body, _check_10(body)))
    forms = []
    for start, middle, check in numbers:
        forms.append(start.strip("-") + middle + check)
        forms += [
            f"{start}{middle[:i]}-{middle[i:j]}-{middle[j:]}-{check}"
            for i in range(1, _BODY - 1)
            for j in range(i + 1, _BODY)
        ]
    return forms


def _is_checked(digits: str) -> bool:
    check = _check_13(digits[:12]) if len(digits) == 13 else _check_10(digits[:9])
    return digits[-1] == check


def _check_13(digits: str) -> str:
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return str(-total % 10)


def _check_10(digits: str) -> str:
    check = -sum(int(digit) * (10 - place) for place, digit in enumerate(digits)) % 11
    return "X" if check == 10 else str(check)
