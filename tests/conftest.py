"""What holds for every test: no network, a cache of its own, and one thread.

Two workers share the cores of a small machine. With more than one thread each, the threads of one
wait in loops for cores that the other's loops keep busy, and small operations take a hundred
times as long.
"""

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

_CACHE = tempfile.mkdtemp(prefix="kgrec-tests-")
_USUAL = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
# The list of fonts takes seconds to make, and no test depends on it: it stays where it is.
os.environ.setdefault("MPLCONFIGDIR", str(_USUAL / "matplotlib"))
os.environ["XDG_CACHE_HOME"] = _CACHE
os.environ["HF_HUB_OFFLINE"] = "1"  # read when huggingface_hub is imported, so before the rest
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
# Ray reads these once in a process: tests see their own cluster, whatever this user has set up.
os.environ["RAY_AUTH_MODE"] = "disabled"
for _name in ("RAY_ADDRESS", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
    os.environ.pop(_name, None)

import pytest  # noqa: E402
import torch  # noqa: E402
from hypothesis import settings  # noqa: E402

# How long an example takes says how busy the machine is, and nothing of the code.
settings.register_profile("kgrec", deadline=None)
settings.load_profile("kgrec")


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    torch.set_num_threads(1)


def pytest_configure(config):
    """Forget compiled loops that are older than a module beside them.

    numba keeps them for each file, and does not see that a function of another file changed.
    """
    if hasattr(config, "workerinput"):
        return
    for kept in Path(__file__).parents[1].glob("kgrec/**/__pycache__/*.nb[ic]"):
        newest = max(file.stat().st_mtime for file in kept.parents[1].glob("*.py"))
        if kept.stat().st_mtime < newest:
            kept.unlink(missing_ok=True)


def pytest_sessionfinish(session):
    shutil.rmtree(_CACHE, ignore_errors=True)


@pytest.fixture
def word_encoder():
    """Make an encoder of words do the work of the language model, as long as the test runs."""
    from project import words_for_language_model

    with words_for_language_model() as encoder:
        yield encoder


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """Return the config of a small project on disk. Change nothing in it."""
    from project import write_project

    return write_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def trained_run(project, tmp_path_factory):
    """Return a run folder, trained on the small project; `run_folder` also replaces the encoder."""
    from project import words_for_language_model

    from kgrec.config import load_config
    from kgrec.runs.training import train_run

    folder = tmp_path_factory.mktemp("runs") / "run"
    with words_for_language_model():
        train_run(load_config(project), folder)
    return folder


@pytest.fixture
def run_folder(trained_run, word_encoder):
    """Return a run folder and keep the encoder that trained it. Change nothing in the folder."""
    return trained_run


@pytest.fixture
def kgrec(monkeypatch, capsys):
    """Run the command in this process; return its exit code, stdout and stderr."""

    from kgrec.cli import main

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["kgrec", *map(str, arguments)])
        with pytest.raises(SystemExit) as done:
            main()
        captured = capsys.readouterr()
        return done.value.code or 0, captured.out, captured.err

    return run


@pytest.fixture
def ok(kgrec):
    """Run the command, which must succeed; return its stdout."""

    def run(*arguments):
        code, out, err = kgrec(*arguments)
        assert code == 0, err
        return out

    return run


@pytest.fixture(params=["folder", "named pipe", "socket", "device"])
def odd_kind(request):
    """Return what is in the place of a file."""
    return request.param


@pytest.fixture
def put_odd(odd_kind):
    """Return a function that puts something in the place of a file."""
    import socket

    def put(path):
        path = Path(path)
        path.unlink(missing_ok=True)
        if odd_kind == "folder":
            path.mkdir()
        elif odd_kind == "named pipe":
            os.mkfifo(path)
        elif odd_kind == "device":
            path.symlink_to("/dev/zero")
        else:
            with socket.socket(socket.AF_UNIX) as listening, contextlib.chdir(path.parent):
                listening.bind(path.name)  # a socket's path may have 100 characters
        return path

    return put


@pytest.fixture(scope="session")
def ray_address():
    """Return the address of a real cluster with four cores: two for the tests' engine."""
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    from running_ray import running_cluster

    # A socket's path may have 100 characters: pytest's own folders have longer names.
    with (
        tempfile.TemporaryDirectory(prefix="ray", dir="/tmp") as folder,
        running_cluster(folder) as address,
    ):
        yield address


@pytest.fixture(scope="session")
def ray_started(ray_address):
    """Return an engine with workers that no test enters, as it would stop then; see `on_ray`."""
    from kgrec.engine import RayEngineConfig

    # Other work may have the cores: then workers start late.
    made = RayEngineConfig(address=ray_address, workers=2, patience=400).build()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def on_ray(ray_started):
    """Have the stages of the test done by the cluster."""
    from ray_work import Lent

    with Lent(ray_started) as lent:
        yield lent


@pytest.fixture
def on_failing_ray(ray_started, tmp_path):
    """Have the stages of the test done by a cluster of which a worker is killed at block 1."""
    from ray_work import Lent

    with Lent(ray_started, tmp_path / "killed") as lent:
        yield lent
        assert (tmp_path / "killed").exists(), "no worker was killed"
