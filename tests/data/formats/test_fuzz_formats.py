"""Damaged data sets: whatever a file holds, it is read or refused with a message of ours."""

import contextlib
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from published import kgat, kgcn, recbole

import kgrec
from kgrec.errors import KgrecError
from kgrec.kg.graph import KnowledgeGraph

TABLE = b"sku,title,brand,price\na,One,Acme,1.5\nb,Two,Acme,2\nc,Three,Cute,\n"
LINES = b'{"id": "a", "t": ["x", "y"], "n": 1}\n{"id": "b", "t": [], "n": null}\n'

ODD = [
    *(
        b"\t",
        b"\n",
        b" ",
        b"\x00",
        b"\xff",
        b'"',
        b",",
        b"::",
        b"\r",
        b"\xef\xbb\xbf",
        b"-1",
        b"{}",
    ),
    *(b"1e999", b"nan", b"99999999999999999999", b"\x1b[2J", b"[", b":", b"x" * 50),
    "\ud7ff\u2028é".encode(),
]
snippets = st.sampled_from(ODD)
damages = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 12), snippets | st.binary(max_size=4)), max_size=3
)


def damaged(content, damage, cut):
    for place, length, text in damage:
        at = int(place * len(content))
        content = content[:at] + text + content[at + length :]
    return content[: int(cut * len(content))]


FUZZ = 60
cuts = st.just(1.0) | st.floats(0, 1)
quick = settings(max_examples=FUZZ, suppress_health_check=list(HealthCheck), deadline=None)


@pytest.mark.parametrize("made", [recbole, kgat, kgcn], ids=lambda made: made.__name__)
def test_damaged_data_sets(made, tmp_path):
    made(tmp_path)
    whole = {path: path.read_bytes() for path in sorted(tmp_path.iterdir())}

    @quick
    @given(st.sampled_from(list(whole)), damages, cuts)
    def check(path, damage, cut):
        path.write_bytes(damaged(whole[path], damage, cut))
        with contextlib.suppress(KgrecError):
            assert len(kgrec.read_dataset(tmp_path, made.__name__).split.train)
        path.write_bytes(whole[path])

    check()


@pytest.mark.parametrize(("name", "content"), [("t.csv", TABLE), ("t.jsonl", LINES)])
def test_damaged_tables(name, content, tmp_path):
    @quick
    @given(damages, cuts)
    def check(damage, cut):
        (tmp_path / name).write_bytes(damaged(content, damage, cut))
        with contextlib.suppress(KgrecError):
            kg = KnowledgeGraph.from_table(tmp_path / name)
            shutil.rmtree(tmp_path / "saved", ignore_errors=True)
            kg.save(tmp_path / "saved")
            assert KnowledgeGraph.load(tmp_path / "saved").equals(kg)

    check()
