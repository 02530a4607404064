"""A service over the small run, asked in this process."""

import pytest
from project import words_for_language_model

pytest.importorskip("fastapi", reason="the service needs the extra `serve`")

from fastapi.testclient import TestClient

from kgrec.serving.app import make_app
from kgrec.serving.loading import load_served
from kgrec.serving.service import Service
from kgrec.serving.settings import LimitConfig, ServeConfig


@pytest.fixture(scope="module")
def encoder_of_words():
    with words_for_language_model() as encoder:
        yield encoder


@pytest.fixture(scope="module")
def served(trained_run, encoder_of_words):
    """Return the loaded run. Change nothing of it."""
    return load_served(trained_run)


@pytest.fixture
def client_of(served):
    """Return a function that makes a client of a service with settings."""

    def make(**settings):
        limits = LimitConfig(**settings.pop("limits", {}))
        service = Service(served, ServeConfig(limits=limits, **settings))
        return TestClient(make_app(service), raise_server_exceptions=False)

    return make


@pytest.fixture(scope="module")
def client(served):
    """Return a client of a service that only reads."""
    return TestClient(make_app(Service(served)), raise_server_exceptions=False)
