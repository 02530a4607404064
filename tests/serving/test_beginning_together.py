"""Workers that begin at the same moment, where nothing was made yet."""

import multiprocessing

from kgrec.errors import KgrecError
from kgrec.serving.log import open_log
from kgrec.serving.pseudonyms import read_key

TIMES = 30


def begin(folder, at_once, told):
    for number in range(TIMES):
        at_once.wait(30)
        try:
            open_log(str(folder / f"{number}.sqlite3")).close()
            told.put((number, read_key(folder / f"{number}.key").hex()))
        except KgrecError as error:
            told.put((number, f"failed: {error}"))


def test_they_have_one_log_and_one_key(tmp_path):
    ways = multiprocessing.get_context("spawn")
    at_once, told = ways.Barrier(3), ways.Queue()
    workers = [ways.Process(target=begin, args=(tmp_path, at_once, told)) for _ in range(3)]
    for worker in workers:
        worker.start()
    found = [told.get(timeout=60) for _ in range(3 * TIMES)]
    for worker in workers:
        worker.join(30)
    assert not [said for _, said in found if said.startswith("failed")]
    assert len(set(found)) == TIMES  # each worker has the same key
