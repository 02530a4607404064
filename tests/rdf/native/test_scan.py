"""The compiled loops: what they take apart by themselves, and how they number strings."""

import numpy as np
from odd_lines import VALID

from kgrec.rdf.native.scan import Scanner
from kgrec.rdf.native.term_table import Table, Text


def test_usual_lines_need_no_parser():
    text = Text(len(VALID))
    text.octets[: len(VALID)] = list(VALID)
    found = Scanner().scan(text, len(VALID))
    assert found.unsure.shape == (3, 0)
    assert (len(found.edges), len(found.values), found.num_lines) == (2, 3, 5)


def test_a_table_numbers_strings_in_the_order_in_which_they_come():
    words = [b"", b"a", b"ab", b"12345678", b"123456789", b"a", b"", b"\x00", b"ab\x00"]
    many = [b"%d" % (k % 3000) for k in range(10_000)]
    table = Table()
    expected = {}
    for strings in (words, many):
        text = Text(sum(map(len, strings)))
        joined = b"".join(strings)
        text.octets[: len(joined)] = list(joined)
        begins = np.cumsum([0, *map(len, strings)])
        numbers = table.add(text, begins)
        assert numbers.tolist() == [expected.setdefault(s, len(expected)) for s in strings]
    assert len(table) == len(expected)
