"""The compiled loops: what they take apart by themselves, and how they number strings."""

import itertools

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


def scanned(scanner, octets):
    text = Text(len(octets))
    text.octets[: len(octets)] = list(octets)
    return scanner.scan(text, len(octets))


def test_terms_of_any_length_are_hashed_as_the_table_hashes_them():
    """Hashing while the end is looked for, and hashing a string whose length is known."""
    names = [f"a:{'xyz'[k % 3] * k}" for k in range(70)]
    labels = [f"_:b{'y' * k}" for k in range(20)]
    lines = [f"<{name}> <{name}p> <{name}> .\n" for name in names]
    lines += [f'{label} <a:> "v"@en-{label[3:5]:a<2} .\n' for label in labels]
    scanner = Scanner()
    found = scanned(scanner, "".join(lines).encode())
    assert (len(found.edges), len(found.values), found.unsure.shape[1]) == (70, 20, 0)
    table = scanner.table
    count = len(table)
    begins = table.offsets[: count + 1].copy()
    strings = Text(int(begins[-1]))
    strings.octets[: begins[-1]] = table.arena.octets[: begins[-1]]
    assert count == 2 * 70 + 20 + 3  # terms, blank nodes, and @en-aa, @en-ya, @en-yy
    assert table.add(strings, begins).tolist() == list(range(count))


def test_a_scanner_grows_with_its_lines_and_strings():
    """More lines, strings and lines for the parser than there is room for at first."""
    parts = [
        f"<a:s{k % 4000}> <a:p> <a:o{k}> .\n# {k}\n\noops {k}\n" + f'<a:s> <a:p> "{k}" .\n'
        for k in range(5000)
    ]
    scanner = Scanner()
    for _ in range(2):
        found = scanned(scanner, "".join(parts).encode())
        assert found.num_lines == 25_000
        numbers = [5 * k + j for k in range(5000) for j in (1, 3)]
        assert found.unsure[2].tolist() == numbers
        text = "".join(parts)
        for begin, end, line in found.unsure.T[::1000].tolist():
            k = line // 5
            assert text[begin:end] == (f"# {k}" if line % 5 == 1 else f"oops {k}")
        assert bytes(found.text).decode() == "".join(map(str, range(5000)))
        assert found.lengths.tolist() == [len(str(k)) for k in range(5000)]
        table = scanner.table
        begins = table.offsets[: len(table) + 1].tolist()
        octets = bytes(table.arena.octets[: begins[-1]]).decode()
        strings = [octets[a:b] for a, b in itertools.pairwise(begins)]
        subjects, predicates, objects = ([strings[n] for n in row] for row in found.edges.terms)
        assert subjects == [f"a:s{k % 4000}" for k in range(5000)]
        assert predicates == ["a:p"] * 5000
        assert objects == [f"a:o{k}" for k in range(5000)]
        assert [strings[n] for n in found.values.terms[0]] == ["a:s"] * 5000


def test_a_subject_is_taken_over_only_where_it_is_the_same():
    """The subject of the line before is compared first; a blank node is no IRI of its letters."""
    lines = [
        b"_:x <a:p> <a:o> .", b"<_:x <a:p> <a:o> .", b"<_:x > <a:p> <a:o> .", b"_:x <a:p> <a:o> .",
        b"<a:s> <a:p> <a:o> .", b"<a:s> <a:p> <a:o> .", b"<a:s <a:p> <a:o> .",
        b"<a:s2> <a:p> <a:o> .", b"<a:s> <a:p> oops .", b"<a:s> <a:p> <a:o> .",
        b"<a:%> <a:p> <a:o> .", b"<a:%> <a:p> <a:o> .", b"<a:> <a:p> <a:o> .",
        b"  <a:> <a:p> <a:> .",
    ]  # fmt: skip
    scanner = Scanner()
    found = scanned(scanner, b"\n".join(lines) + b"\n")
    assert found.unsure[2].tolist() == [1, 2, 6, 8, 10, 11]
    table = scanner.table
    begins = table.offsets[: len(table) + 1].tolist()
    strings = [bytes(table.arena.octets[a:b]) for a, b in itertools.pairwise(begins)]
    assert [strings[n] for n in found.edges.terms[0]] == [
        b"_:x", b"_:x", b"a:s", b"a:s", b"a:s2", b"a:s", b"a:", b"a:",
    ]  # fmt: skip
    again = scanned(scanner, b"<a:s> <a:p> <a:o> .\n")  # nothing is left of the piece before
    assert again.edges.terms[:, 0].tolist() == found.edges.terms[:, 2].tolist()


def test_columns_that_say_nothing_are_left_out():
    scanner = Scanner(quads=True)
    found = scanned(scanner, b"<a:a> <a:p> <a:b> .\n<a:a> <a:p> '' .\n".replace(b"''", b'""'))
    for part in (found.edges, found.values):
        assert (part.graph, part.line) == (None, None)
    found = scanned(scanner, b"# none\n<a:a> <a:p> <a:b> <a:g> .\n<a:a> <a:p> <a:b> .\n")
    assert (found.edges.graph >= 0).tolist() == [True, False]
    assert found.edges.line is None
    found = scanned(scanner, b"# none\n<a:a> <a:p> _:x .\n")
    assert found.edges.graph is None
    assert found.edges.line.tolist() == [1]
    for column in (found.edges.terms, found.edges.line, found.lengths):
        assert column.dtype == np.int32


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
