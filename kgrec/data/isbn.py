"""International Standard Book Numbers (ISO 2108): the same number in each way to write it."""

from __future__ import annotations

import re

_BODY = 9  # digits of group, registrant and publication together


def isbn_13(digits: str) -> str:
    """Return a number without hyphens as an ISBN-13, "" where its check digit is wrong.

    >>> isbn_13("0306406152"), isbn_13("9780306406157"), isbn_13("080442957x"), isbn_13("12")
    ('9780306406157', '9780306406157', '9780804429573', '')
    """
    digits = digits.upper()
    if re.fullmatch("[0-9]{9}[0-9X]", digits) and digits[-1] == _check_10(digits[:9]):
        return f"978{digits[:9]}{_check_13(f'978{digits[:9]}')}"
    if re.fullmatch("[0-9]{13}", digits) and digits[-1] == _check_13(digits[:12]):
        return digits
    return ""


def isbn_forms(text: str) -> list[str]:
    """Return every way to write an ISBN: with 10 or 13 digits, without and with hyphens.

    Where the hyphens belong depends on lists of publishers that change. Every place is tried:
    one is right, and the others are the number of no other book.

    Args:
        text: An ISBN. Any other text, or a wrong check digit, is returned as it is.

    >>> forms = isbn_forms("9780306406157")
    >>> forms[0], "978-0-306-40615-7" in forms, "0-306-40615-2" in forms, len(forms)
    ('9780306406157', True, True, 58)
    >>> isbn_forms("9780306406158")
    ['9780306406158']
    """
    digits = isbn_13(re.sub(r"^ISBN(-1[03])?:?|[\s-]", "", text.strip().upper()))
    prefix, body = digits[:3], digits[3:-1]
    if prefix not in ("978", "979"):
        return [text]
    numbers = [(prefix + "-", digits[-1])]
    if prefix == "978":  # books of 979 have no short number
        numbers.append(("", _check_10(body)))
    forms = []
    for start, check in numbers:
        forms.append(start.strip("-") + body + check)
        forms += [
            f"{start}{body[:i]}-{body[i:j]}-{body[j:]}-{check}"
            for i in range(1, _BODY - 1)
            for j in range(i + 1, _BODY)
        ]
    return forms


def _check_13(digits: str) -> str:
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return str(-total % 10)


def _check_10(digits: str) -> str:
    check = -sum(int(digit) * (10 - place) for place, digit in enumerate(digits)) % 11
    return "X" if check == 10 else str(check)
