"""What literals measure, by hand."""

import math

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgrec.kg.quantities import (
    BOOLEAN,
    DURATION,
    NUMBER,
    SECONDS_OF_MONTH,
    TIME,
    kind_of,
    quantities,
)
from kgrec.rdf.datatypes import ill_typed
from kgrec.rdf.namespaces import RDF, XSD


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (NUMBER, " +12 ", 12.0),
        (NUMBER, "-.5e1", -5.0),
        (NUMBER, "7.", 7.0),
        (NUMBER, "INF", None),
        (NUMBER, "NaN", None),
        (NUMBER, "1_000", None),
        (NUMBER, "1e999", None),
        (NUMBER, "9" * 101, None),
        (NUMBER, "9" * 500, None),
        (NUMBER, "٣", None),
        (NUMBER, "0x10", None),
        (NUMBER, "", None),
        (BOOLEAN, "true", 1.0),
        (BOOLEAN, "0", 0.0),
        (BOOLEAN, "TRUE", None),
        (TIME, "1995", 1995.5),
        (TIME, "-0044", -43.5),
        (TIME, "12000-01", 12000.0),
        (TIME, "1995-07-01", 1995.5),
        (TIME, "1995-07-01Z", 1995.5),
        (TIME, "1995-01-01T12:00:00", 1995 + 0.5 / 365),
        (TIME, "1995-01-02T06:00:00.0+01:00", 1995 + 1.25 / 365),
        (TIME, "1995-13-01", None),
        (TIME, "1995-01-32", None),
        (TIME, "1995-07-01x", None),
        (TIME, "95", None),
        (DURATION, "PT2H49M", 10140.0),
        (DURATION, "-P1DT1.5S", -86401.5),
        (DURATION, "P1Y", 365.2425 * 86400),
        (DURATION, "P1Y2M", 14 * SECONDS_OF_MONTH),
        (DURATION, "P", None),
        (DURATION, "P1DT", None),
        (DURATION, "PT1M1H", None),
        (DURATION, "170", None),
        ("http://dbpedia.org/datatype/euro", "1.5E6", 1.5e6),
        ("http://example.org/wkt", "POINT(1 2)", None),
    ],
)
def test_by_hand(kind, text, expected):
    (value,) = quantities([text], [kind])
    if expected is None:
        assert math.isnan(value)
    else:
        assert value == pytest.approx(expected, rel=1e-12)


def test_kinds():
    assert kind_of(XSD + "unsignedByte") == NUMBER
    assert kind_of(XSD + "dateTime") == TIME
    assert kind_of(XSD + "yearMonthDuration") == DURATION
    assert kind_of(XSD + "boolean") == BOOLEAN
    assert kind_of("http://dbpedia.org/datatype/euro") == "http://dbpedia.org/datatype/euro"
    for name in (XSD + "string", XSD + "anyURI", RDF + "langString", XSD + "time"):
        assert kind_of(name) is None


@given(
    st.integers(0, 99), st.integers(0, 99), st.integers(0, 9999), st.integers(0, 99),
    st.integers(0, 99), st.integers(0, 99),
)  # fmt: skip
def test_durations_add_up(years, months, days, hours, minutes, seconds):
    text = f"P{years}Y{months}M{days}DT{hours}H{minutes}M{seconds}S"
    total = (years * 12 + months) * SECONDS_OF_MONTH
    total += ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    assert quantities([text, "-" + text], [DURATION] * 2).tolist() == pytest.approx([total, -total])


@given(st.text(max_size=30), st.sampled_from([NUMBER, BOOLEAN, TIME, DURATION, "x:unit"]))
def test_any_text_is_a_finite_number_or_missing(text, kind):
    (value,) = quantities([text], [kind])
    assert math.isnan(value) or abs(value) <= 1e100


DURATIONS = {
    "P1Y": "ym", "P1Y2M": "ym", "-P14M": "ym", "P1D": "d", "PT1H": "d", "P1DT1H2M3.5S": "d",
    "PT0.5S": "d", "P1Y2M3DT4H5M6S": "", "P1YT1M": "", "P1M1D": "", "P": None, "PT": None,
    "P1DT": None, "1D": None, "P1S": None, "P2M1Y": None, "PT1M1H": None, "P-1D": None,
    "PT1.S": None, "+P1D": None,
}  # fmt: skip


@pytest.mark.parametrize("text", DURATIONS)
def test_which_durations_are_well_formed(text):
    """What may be written and what can be read agree, also for the two narrower datatypes."""
    kinds = DURATIONS[text]
    names = ["duration", "yearMonthDuration", "dayTimeDuration"]
    types = pa.array([XSD + name for name in names]).dictionary_encode()
    wrong = ill_typed(pa.array([text] * 3), types).tolist()
    allowed = {None: [], "": [0], "ym": [0, 1], "d": [0, 2]}[kinds]
    assert wrong == [place for place in range(3) if place not in allowed]
    (value,) = quantities([text], [DURATION])
    assert math.isnan(value) == (kinds is None)
