"""A SPARQL server that holds films."""

import pytest
from sparql_films import films
from sparql_server import serve


@pytest.fixture
def server():
    with serve(films()) as running:
        yield running


@pytest.fixture
def quick(server):
    """Settings that wait for nothing."""
    return {"rate": 1000.0, "backoff": 0.01, "timeout": 5.0}
