"""ISBNs in each way to write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgrec.data.isbn import isbn_13, isbn_forms


@given(st.integers(0, 10**9 - 1), st.sampled_from(["978", "979", ""]))
def test_isbn_forms_are_all_of_the_same_book(number, prefix):
    body = f"{number:09}"
    if prefix:
        total = sum(int(d) * (1, 3)[i % 2] for i, d in enumerate(prefix + body))
        isbn = prefix + body + str((10 - total % 10) % 10)
    else:
        rest = sum((i + 1) * int(d) for i, d in enumerate(body)) % 11
        isbn = body + ("X" if rest == 10 else str(rest))
    forms = isbn_forms(isbn)
    assert isbn in forms
    assert len(set(forms)) == len(forms) == (29 if prefix == "979" else 58)
    bare = {form.replace("-", "") for form in forms}
    assert len(bare) == (1 if prefix == "979" else 2)
    assert {one[-10:-1] for one in bare} == {body}
    for form in forms:
        assert set(isbn_forms(form)) == set(forms)
        assert isbn_13(form.replace("-", "")) in bare


@pytest.mark.parametrize("text", ["", "x", "1234567890", "978-0-306-40615-8", "0306406152x"])
def test_what_is_no_isbn_stays_as_it_is(text):
    assert isbn_forms(text) == [text]
