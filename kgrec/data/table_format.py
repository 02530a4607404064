"""Settings of how a text file of a table is read: encoding, separator, quotes, bad rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict, cast

from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from kgrec.bounds.archives import MAX_BYTES, MAX_RATIO
from kgrec.data.encoding import known_encoding
from kgrec.settings import Settings, make_settings

_NAMES = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}


def _separator(text: str) -> str:
    text = _NAMES.get(text, text)
    if not text or len(text) > 16 or set(text) & set("\r\n\0"):
        raise ValueError("expected one or a few characters, such as ';' or '::'")
    return text


def _one_or_none(text: str) -> str:
    if len(text) > 1 or text in ("\r", "\n", "\0") or not text.isascii():
        raise ValueError("expected one character, or '' for none")
    return text


class TextFormat(Settings):
    """How a text file with one record per line is read."""

    encoding: Annotated[str, AfterValidator(known_encoding)] | None = Field(
        default=None,
        description="Encoding of the text, such as utf-8, latin-1, cp1252 or utf-16; None: UTF-8, "
        "or by the byte order mark. What is not UTF-8 is read as cp1252 if that is safe.",
    )
    on_error: Literal["raise", "skip"] = Field(
        default="raise",
        description="skip: leave out rows that cannot be read, and count them.",
    )
    rejects: Path | None = Field(
        default=None,
        description="File for the rows that were left out, as JSON Lines with file, line, reason "
        "and text.",
    )


class TableFormat(TextFormat):
    """How a table is read from a text file. What is None follows from the file.

    What is guessed is said in a warning, which names the setting that makes it certain.
    """

    separator: Annotated[str, AfterValidator(_separator)] | None = Field(
        default=None,
        description="What is between two columns, such as ';', '|' or '::', or the word tab; "
        "None: ',' or, by the ending or the first lines, another one.",
    )
    decimal: Literal[".", ","] | None = Field(
        default=None,
        description="The decimal mark of numbers; None: by the numbers of a column, '.' where "
        "they do not say it.",
    )
    quote: Annotated[str, AfterValidator(_one_or_none)] | None = Field(
        default=None,
        description="The character around values that hold a separator; '': none, a quotation "
        "mark is an ordinary character; None: '\"'.",
    )
    escape: Annotated[str, AfterValidator(_one_or_none)] = Field(
        default="",
        description="The character before a quotation mark that belongs to the value, such as a "
        "backslash; '': such a mark is doubled.",
    )
    skip_lines: int | None = Field(
        default=None,
        ge=0,
        le=2**31 - 1,
        description="Lines above the header; None: comments with # or %.",
    )
    max_bytes: int = Field(
        default=MAX_BYTES, gt=0, le=1 << 62, description="Largest size in bytes, decompressed."
    )
    max_ratio: int = Field(
        default=MAX_RATIO,
        gt=0,
        le=1_000_000_000,
        description="Largest ratio of decompressed to compressed size, for tables of more than "
        "64 MiB. Real tables stay below 50.",
    )


class NamedFormat(TableFormat):
    """How a table is read from a text file, which may have no header."""

    columns: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        description="Names of the columns of a file without a header; None: its first line.",
    )

    @model_serializer(mode="wrap")
    def _without_defaults(self, plain: SerializerFunctionWrapHandler) -> Any:
        defaults = {name: field.default for name, field in NamedFormat.model_fields.items()}
        tree = {
            name: value
            for name, value in plain(self).items()
            if name not in defaults or value != defaults[name]
        }
        return tree["path"] if set(tree) == {"path"} else tree

    def within(self, common: TextFormat, root: Path, name: str) -> NamedFormat:
        """Return this format, with what it does not say from a format for several tables.

        Args:
            common: The format for several tables. Its file of rejected rows is that of the
                interactions; the other tables have one with their name before the ending.
            root: Folder that the files of rejected rows are relative to.
            name: The table.
        """
        rejects = self.rejects
        if rejects is None and common.rejects is not None:
            rejects = common.rejects
            if name not in ("interactions", "train"):
                rejects = rejects.with_stem(f"{rejects.stem}.{name}")
        shared = TableFormat.model_fields.keys() & type(common).model_fields.keys()
        tree = {one: getattr(common, one) for one in shared}
        for one, field in NamedFormat.model_fields.items():
            if getattr(self, one) != field.default:
                tree[one] = getattr(self, one)
        return NamedFormat(**tree | {"rejects": None if rejects is None else root / rejects})


class TableFile(NamedFormat):
    """A file of a table, and how it is read. A path alone has the defaults."""

    path: str = Field(
        description="CSV, TSV, Parquet, JSON or JSON Lines file, relative to data.root."
    )

    @model_validator(mode="before")
    @classmethod
    def _path_alone(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value


class FormatSettings(TypedDict, total=False):
    """The fields of `NamedFormat` as keyword arguments."""

    encoding: str | None
    separator: str | None
    decimal: Literal[".", ","] | None
    quote: str | None
    escape: str
    skip_lines: int | None
    on_error: Literal["raise", "skip"]
    rejects: str | Path | None
    columns: tuple[str, ...] | list[str] | None
    max_bytes: int
    max_ratio: int


def as_settings(format: NamedFormat) -> FormatSettings:
    """Return a format as the keyword arguments that describe it."""
    names = NamedFormat.model_fields
    return cast(FormatSettings, {name: getattr(format, name) for name in names})


def make_format(settings: FormatSettings) -> NamedFormat:
    """Return the format that keyword arguments describe.

    Raises:
        ConfigError: A setting is unknown or has a wrong value.
    """
    return make_settings(NamedFormat, dict(settings), "Reading a table", arguments=True)
