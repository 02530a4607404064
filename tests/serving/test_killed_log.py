"""What a log has acknowledged is there after `kill -9`."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from kgrec.serving.log import open_log

WRITER = """
import sys
from kgrec.serving.log import Event, open_log
log = open_log(sys.argv[1])
number = int(sys.argv[2])
while True:
    log.append([Event("interaction", f"u{number}", f"i{number}", {"liked": True})] * 3)
    print(number, flush=True)
    number += 1
"""


@pytest.mark.skipif(os.name != "posix", reason="it needs SIGKILL")
def test_what_was_acknowledged_survives_kill_9(tmp_path):
    random.seed(0)
    path, start = str(tmp_path / "log"), 0
    for _ in range(6):
        acknowledged = tmp_path / "acknowledged"
        with acknowledged.open("wb") as out:
            writer = subprocess.Popen([sys.executable, "-c", WRITER, path, str(start)], stdout=out)
            while not acknowledged.stat().st_size:
                time.sleep(0.01)
            time.sleep(random.uniform(0, 0.1))
            writer.send_signal(signal.SIGKILL)
            writer.wait()
        last = int(acknowledged.read_text().split()[-1])
        users = [event.user for event in open_log(path).read(0)]
        assert {f"u{number}" for number in range(last + 1)} <= set(users)
        assert all(users.count(user) == 3 for user in set(users))  # all or none of a write
        start = int(users[-1][1:]) + 1
    assert start > 20
