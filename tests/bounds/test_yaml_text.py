"""YAML that is made to exhaust memory or time is refused; other YAML is what it was."""

import pytest
import yaml

from kgrec.errors import ConfigError
from kgrec.settings import parse_yaml, read_yaml

LOLS = ", ".join(["*x{}"] * 10)


def nested(first, row):
    return first + "".join(row.format(i, LOLS.replace("{}", str(i - 1))) for i in range(1, 12))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (nested("x0: &x0 [lol]\n", "x{0}: &x{0} [{1}]\n"), "line 6.* more than 100,000 values"),
        (nested("x0: &x0 {{k: 1}}\n".replace("{{", "{").replace("}}", "}"),
                "x{0}: &x{0} {{{{<<: [{1}]}}}}\n".replace("{{{{", "{{").replace("}}}}", "}}")),
         "line 6.* more than 100,000 values"),
        ("a: &a [1, *a]", "'a' holds itself"),
        ("a: &a\n  <<: *a", "'a' holds itself"),
        ("[" * 30_000, "more than 256 levels"),
        ("- " * 300, "more than 256 levels"),
        ("? " * 300, "more than 256 levels"),
        ("[" + "a," * 100_001 + "]", "more than 100,000 values"),
        ("#" * (1 << 20) + "#", "more than 1,048,576 characters"),
        ("1" + ":1" * 200_000, "no value of the type int"),
        ("9" * 5_000, "no value of the type int"),
    ],
)  # fmt: skip
def test_what_asks_for_too_much_is_refused(text, problem):
    with pytest.raises(ConfigError, match=problem):
        parse_yaml(text, "here")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('!!int ""', "'' is no value of the type int"),
        ("!!int 0x", "'0x' is no value of the type int"),
        ("a:\n  b: !!int", "line 2 is not valid YAML: '' is no value of the type int"),
        ('!!float ""', "'' is no value of the type float"),
        ("!!bool x", "'x' is no value of the type bool"),
        ("!!timestamp x", "'x' is no value of the type timestamp"),
        ("2001-13-01", "'2001-13-01' is no value of the type timestamp"),
        ("!!timestamp 2001-01-01ormat: x", "is no value of the type timestamp"),
        ("!!binary é", "failed to convert"),
        ("!!python/object:os.system x", "could not determine a constructor"),
        ("? [1]\n: 2", "A key is a text or number"),
        ("\ud800", "no Unicode"),
        ("\0", "cannot be read"),
        ("a: *b", "A text that begins with .* stands in quotes"),
    ],
)
def test_a_value_that_is_not_of_its_type_is_an_error_with_its_line(text, problem):
    with pytest.raises(ConfigError, match=problem) as found:
        parse_yaml(text, "here")
    assert str(found.value).isprintable()


@pytest.mark.parametrize("text", ['a: "b\n', "a: 'b\r\r\u2028\n\n", "a: 'b", "a: [\x85"])
def test_an_error_at_the_end_of_the_text_is_a_message(text):
    with pytest.raises(ConfigError, match=r"here, line \d+, column \d+ is not valid YAML"):
        parse_yaml(text, "here")


def test_anchors_and_merges_that_are_meant_are_read():
    text = "base: &b {dim: 8, k: [1, 2]}\none: {<<: *b, dim: 16}\ntwo: [*b, *b]\n"
    assert parse_yaml(text, "here") == yaml.safe_load(text)
    many = "[" + ", ".join(f"http://example.org/{number}" for number in range(20_000)) + "]"
    assert parse_yaml(many, "here")[-1] == "http://example.org/19999"


def test_a_config_that_is_no_file(tmp_path, odd_kind, put_odd):
    path = put_odd(tmp_path / "config.yaml")
    with pytest.raises(ConfigError, match=rf"config\.yaml cannot be read: it is a {odd_kind}, not"):
        read_yaml(path, "config file")
