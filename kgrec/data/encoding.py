"""The encoding of a text file: given, by its byte order mark, or guessed where that is safe."""

from __future__ import annotations

import codecs
import re
from itertools import pairwise
from typing import Final

from kgrec.errors import DataError, printable, warn

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LIKELY: Final = (
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "gb18030", "shift_jis", "euc_kr", "big5",
)  # fmt: skip
_UTF8_PAIR: Final = re.compile(rb"[\xc3-\xf4][\x80-\xbf]+")
_WORD: Final = re.compile(r"[^\W\d_]+")
_SIGNS: Final = frozenset("€‚„…†‡‰‹‘’“”•–—˜™›\xa0¡¢£¤¥§¨©ª«¬\xad®¯°±²³´µ¶·¸¹º»¼½¾¿×÷")
_NO_LETTER: Final = re.compile("[^A-Za-zÀ-ÿŒœŠšŽžŸªºµ]")
_SAMPLE: Final = 1 << 20


def known_encoding(name: str) -> str:
    """Return the name of a text encoding of Python.

    Raises:
        ValueError: There is none of this name.
    """
    try:
        if codecs.lookup(name)._is_text_encoding:
            return name
    except (LookupError, ValueError):
        pass
    raise ValueError("expected an encoding, such as utf-8, latin-1, cp1252, utf-16 or gb18030")


def to_utf8(data: bytes, where: str, encoding: str | None = None) -> bytes:
    """Return the text of a file as UTF-8 without a byte order mark.

    UTF-8 is not checked here, unless `encoding` names it: who parses it does that, and then calls
    `not_utf8`.

    Args:
        data: The content of the file.
        where: The file, for messages.
        encoding: Its encoding; None: by its byte order mark, else UTF-8.

    Raises:
        DataError: The content is not in that encoding; the message names line, column and byte.
    """
    mark = next((name for begin, name in _MARKS if data.startswith(begin)), None)
    if encoding is None:
        encoding = mark or _utf16_without_mark(data, where)
    if encoding in (None, "utf-8-sig"):
        return data.removeprefix(codecs.BOM_UTF8)
    assert encoding is not None
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(_where_it_is_not(data, where, encoding, error)) from error
    return text.removeprefix("\ufeff").encode("utf-8", "surrogatepass")


def not_utf8(data: bytes, where: str) -> bytes:
    """Return content that is not UTF-8 as UTF-8, with a warning, if its encoding is certain enough.

    Latin-1 and cp1252 (the same with more characters) are, for words of mostly ASCII letters.

    Raises:
        DataError: It may be something else.
    """
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as found:
        error = found
    else:
        return data
    if not _surely_western(data):
        raise DataError(_where_it_is_not(data, where, "utf-8", error))
    line, column, byte = _place(data, error.start, "utf-8")
    text = data.decode("cp1252")
    warn(
        f"{where} is not UTF-8: line {line}, column {column} holds the byte {byte}, which is "
        f"{data[error.start : error.start + 1].decode('cp1252')!r} in cp1252 (Windows, a superset "
        f"of latin-1), so the file was read as cp1252: {_word_around(data, error, 'cp1252')!r}. "
        "Set `encoding` to be certain."
    )
    return text.encode("utf-8")


def _utf16_without_mark(data: bytes, where: str) -> str | None:
    head = data[:2000]
    if len(head) < 4 or b"\0" not in head:
        return None
    for name, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
        if zeros.count(0) > 0.7 * len(zeros):
            warn(f"{where} was read as {name}. Set `encoding` to be certain.")
            return name
    return None


def _surely_western(data: bytes) -> bool:
    """Return whether bytes that are not ASCII are accented letters within words of Latin script."""
    if _UTF8_PAIR.search(data):  # mixed with UTF-8
        return False
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        return False
    accented = plain = 0
    for word in _WORD.findall(_lines_that_are_not_ascii(text)):
        strange = sum(not char.isascii() for char in word)
        accented += strange
        plain += len(word) - strange if strange else 0
        # An upper case letter after a lower case one is a letter of another encoding.
        if strange and (
            _NO_LETTER.search(word)
            or any(a.islower() and not b.isascii() and b.isupper() for a, b in pairwise(word))
        ):
            return False
    signs = re.findall(r"(?<=[^\W\d_])[¡-¿×÷](?=[^\W\d_])", text)
    if any(sign not in "\xad·’»«" for sign in signs):
        return False
    return accented <= plain


def _lines_that_are_not_ascii(text: str) -> str:
    found, size = [], 0
    for line in text.splitlines():
        if not line.isascii():
            found.append(line)
            size += len(line)
            if size > _SAMPLE:
                break
    return "\n".join(found)


def _where_it_is_not(data: bytes, where: str, encoding: str, error: UnicodeDecodeError) -> str:
    line, column, byte = _place(data, error.start, encoding)
    readings: dict[str, str] = {}
    for name in ("utf-8", *_LIKELY):
        if name != encoding:
            word = _word_around(data, error, name)
            if word is not None and word not in readings.values():
                readings[name] = word
    message = (
        f"{where} is not in the encoding {encoding}: line {line}, column {column} holds the byte "
        f"{byte}."
    )
    if not readings:
        return message + " Set `encoding`, such as latin-1, or save the file as UTF-8."
    shown = ", ".join(f"{word!r} in {name}" for name, word in list(readings.items())[:5])
    return message + f" It is part of {shown}: set `encoding` to the right one of these."


def _place(data: bytes, start: int, encoding: str) -> tuple[int, int, str]:
    """Return line, column and byte of a place in the content."""
    before = data[:start]
    wide = encoding.startswith(("utf-16", "utf_16", "utf-32", "utf_32"))
    text = before.decode(encoding, "replace") if wide else before.decode("utf-8", "replace")
    byte = f"0x{data[start]:02X}" if start < len(data) else "that is missing at the end"
    return text.count("\n") + 1, len(text) - text.rfind("\n"), byte


def _word_around(data: bytes, error: UnicodeDecodeError, encoding: str) -> str | None:
    """Return the word that a byte is in, read in an encoding; None if that makes no word."""
    begin = error.start
    while begin > max(0, error.start - 24) and data[begin - 1] > 47 and data[begin - 1] != 59:
        begin -= 1
    end = error.start
    while end < min(len(data), error.start + 24) and data[end] > 47 and data[end] != 59:
        end += 1
    try:
        word = data[begin:end].decode(encoding)
    except UnicodeDecodeError:
        return None
    plausible = all(char.isalnum() or char.isascii() or char in _SIGNS for char in word)
    return printable(word, 40) if plausible and word else None
