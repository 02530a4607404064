"""A PostgreSQL server of its own for tests, on a socket in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class NoServerError(Exception):
    """There is no PostgreSQL here, or it does not start."""


def _program(name: str) -> str:
    places = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    found = next((str(place / name) for place in places if (place / name).exists()), None)
    found = found or shutil.which(name)
    if found is None:
        raise NoServerError(f"{name} is not installed (apt-get install postgresql)")
    return found


@contextmanager
def postgres() -> Iterator[str]:
    """Yield the URL of a server that runs as long as the body.

    Raises:
        NoServerError: There is none here.
    """
    initdb, server, ready = map(_program, ("initdb", "postgres", "pg_isready"))
    as_user: dict[str, object] = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        try:
            user = pwd.getpwnam("postgres")
        except KeyError:
            raise NoServerError("there is no user postgres to run it as") from None
        as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    with tempfile.TemporaryDirectory(prefix="kgrec-pg-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        data, sockets = folder / "data", folder / "s"
        for part in (data, sockets):
            part.mkdir(mode=0o700)
            if as_user:
                os.chown(part, as_user["user"], as_user["group"])  # type: ignore[arg-type]
        made = subprocess.run(
            [initdb, "-D", data, "-U", "kgrec", "--auth=trust", "-E", "UTF8", "--no-sync"],
            capture_output=True, text=True, cwd="/", check=False, **as_user,
        )  # fmt: skip
        if made.returncode:
            raise NoServerError(f"initdb: {made.stderr[-300:]}")
        options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={sockets}"]
        running = subprocess.Popen(
            [server, "-D", str(data), *options], cwd="/", stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, **as_user,
        )  # fmt: skip
        try:
            end = time.monotonic() + 30
            while subprocess.run([ready, "-q", "-h", sockets], check=False).returncode:
                if running.poll() is not None or time.monotonic() > end:
                    raise NoServerError("postgres does not start")
                time.sleep(0.05)
            yield f"postgresql://kgrec@/postgres?host={sockets}"
        finally:
            running.terminate()
            running.wait()
