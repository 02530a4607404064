"""Times: in any unit or form they are seconds since 1970, and what was understood is said."""

import warnings

import numpy as np
import pandas as pd
import pytest

from kgrec.data.interactions import Interactions
from kgrec.data.times import as_seconds
from kgrec.errors import ConfigError, DataError, KgrecWarning
from kgrec.models.trending import Trending, TrendingConfig
from kgrec.recommender import Recommender

DAYS = ["2015-01-01", "2020-01-31", "2019-06-15"]
SECONDS = [1420070400, 1580428800, 1560556800]


def read(values, **options):
    return as_seconds(pd.DataFrame({"t": values}), "t", "log.csv", **options).tolist()


@pytest.fixture
def _no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error", KgrecWarning)
        yield


@pytest.mark.usefixtures("_no_warning")
@pytest.mark.parametrize(
    "values",
    [DAYS, SECONDS, [str(number) for number in SECONDS], pd.to_datetime(DAYS),
     pd.to_datetime(DAYS).as_unit("s")],
)  # fmt: skip
def test_seconds_and_dates_are_read_in_silence(values):
    assert read(values) == SECONDS


@pytest.mark.usefixtures("_no_warning")
def test_small_numbers_that_only_order_are_read_in_silence():
    assert read([1, 2, 3]) == [1, 2, 3]
    assert read(["100", "0"]) == [100, 0]


@pytest.mark.parametrize("kind", [int, str, float])
@pytest.mark.parametrize(
    ("unit", "factor", "word"),
    [("ms", 10**3, "milliseconds"), ("us", 10**6, "microseconds"), ("ns", 10**9, "nanoseconds")],
)
def test_other_units_are_recognised_by_range(unit, factor, word, kind):
    numbers = [kind(second * factor) for second in SECONDS]
    with pytest.warns(KgrecWarning, match=rf"{word} since 1970.*read as 2020-01-31.*{unit}"):
        assert read(numbers) == SECONDS
    with warnings.catch_warnings():
        warnings.simplefilter("error", KgrecWarning)
        assert read(numbers, unit=unit) == SECONDS


@pytest.mark.parametrize(
    ("form", "pattern", "dates"),
    [
        ("YYYY", "%Y", ["2015-01-01", "2020-01-01", "2019-01-01"]),
        ("YYYYMM", "%Y%m", ["2015-01-01", "2020-01-01", "2019-06-01"]),
        ("YYYYMMDD", "%Y%m%d", DAYS),
        ("YYYYMMDDHHMMSS", "%Y%m%d%H%M%S", DAYS),
    ],
)
def test_dates_as_digits_are_recognised(form, pattern, dates):
    digits = pd.Series(pd.to_datetime(DAYS)).dt.strftime(pattern)
    expected = read(dates)
    for values in (digits, digits.astype("int64")):
        with pytest.warns(KgrecWarning, match=rf"does not hold seconds .*time_unit: {form};"):
            assert read(values) == expected
        with warnings.catch_warnings():
            warnings.simplefilter("error", KgrecWarning)
            assert read(values, unit=form) == expected


def test_eight_digits_that_are_no_dates_stay_seconds():
    assert read([20201301, 20200101]) == [20201301, 20200101]


def test_days_are_not_guessed_but_named():
    with pytest.warns(KgrecWarning, match=r"look like days, such as 18262.*time_unit: days"):
        assert read([18262, 18263]) == [18262, 18263]
    assert read([18262], unit="days") == [1577836800]


def test_several_units_in_one_column_are_refused():
    with pytest.raises(DataError, match=r"row 1 holds 1420070400, .*row 3 holds 1560556800000"):
        read([SECONDS[0], SECONDS[1], SECONDS[2] * 1000])
    with pytest.warns(KgrecWarning, match="milliseconds"):  # 0 stands for an unknown time
        assert read([0, SECONDS[1] * 1000]) == [0, SECONDS[1]]


@pytest.mark.parametrize("kind", [list, pd.Series])
def test_dates_of_no_log_are_clipped_and_counted(kind):
    values = kind(["2020-01-01", "0001-01-01T00:00:00", "9999-12-31", "2020-03-01T00:00:00.5"])
    with pytest.warns(KgrecWarning, match=r"2 of 4 times .* 0001-01-01 in data row 2.*2020-03-01"):
        assert read(values) == [1577836800, 1577836800, 1583020800, 1583020800]
    nanoseconds = ["2020-01-01T00:00:00.123456789", "0001-01-01", "9999-12-31"]
    with pytest.warns(KgrecWarning, match=r"2 of 3 times"):
        assert read(nanoseconds) == [1577836800] * 3
    with pytest.raises(DataError, match=r"all 2 are outside, such as 0001-01-01 in data row 1"):
        read(["0001-01-01", "9999-12-31"])


def test_bad_times():
    with pytest.raises(ConfigError, match=r"no time unit 'msec'"):
        read(SECONDS, unit="msec")
    with pytest.raises(DataError, match=r"dates of the form YYYYMMDD; data row 2 holds 20201301"):
        read([20200101, 20201301], unit="YYYYMMDD")
    with pytest.raises(DataError, match=r"ISO 8601 dates; data row 2 holds 'soon'"):
        read(["2020-01-01", "soon"])


def test_equal_times_are_said():
    rows = {"user_id": ["a", "b"], "item_id": ["x", "y"], "timestamp": ["2020-01-01"] * 2}
    with pytest.warns(KgrecWarning, match=r"all 2 rows have the same time, 2020-01-01"):
        Interactions.read(pd.DataFrame(rows))


@pytest.mark.filterwarnings("ignore::kgrec.errors.KgrecWarning")
@pytest.mark.parametrize("form", ["iso", "ms", "us", "YYYYMMDD", "YYYY"])
def test_trending_ranks_the_new_item_first_whatever_the_unit(form):
    rows = [(f"u{n}", "old", "2015-01-01") for n in range(6)]
    rows += [(f"u{n}", "new", "2020-01-01") for n in range(3)] + [("z", "mid", "2019-06-01")]
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    dates = pd.to_datetime(frame["timestamp"])
    if form in ("ms", "us"):
        frame["timestamp"] = dates.astype(f"datetime64[{form}]").astype(np.int64).astype(str)
    elif form != "iso":
        frame["timestamp"] = dates.dt.strftime({"YYYY": "%Y", "YYYYMMDD": "%Y%m%d"}[form])
    log = Interactions.read(frame)
    recommender = Recommender(model=Trending(TrendingConfig(half_life=30)), text=None).fit(log)
    assert [one.item for one in recommender.recommend("z", k=2)] == ["new", "old"]
