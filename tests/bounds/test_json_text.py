"""JSON that is made to exhaust memory is refused before it is parsed."""

import json

import pytest

from kgrec.bounds.json_text import parse_json, read_json


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"[" * 300, "more than 256 levels"),
        (b'{"a":' * 300, "more than 256 levels"),
        (b"[" + b"{}," * 2_000_000 + b"{}]", "4,000,002 values in 6,000,004 bytes"),
        (b'["\xff"]', "utf-8"),
        (b"9" * 5_000, "digits"),
    ],
)
def test_what_asks_for_too_much_is_refused(text, problem):
    with pytest.raises(ValueError, match=problem):
        parse_json(text)


def test_what_is_meant_is_read(tmp_path):
    value = {"a[[[": ["{" * 1000, '\\"[', 1.5, None], "ü": [[[[]]]]}
    assert parse_json(json.dumps(value).encode()) == value
    path = tmp_path / "long.json"
    figures = {"ndcg": [0.123456789012345 + n for n in range(300_000)]}
    path.write_text(json.dumps(figures))
    assert read_json(path) == figures
    with pytest.raises(OSError, match="more than 1,000 bytes"):
        read_json(path, 1_000)
