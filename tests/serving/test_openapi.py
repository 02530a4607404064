"""The service does what its OpenAPI page says, for requests that schemathesis makes up."""

import time

import httpx
import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `serve`")
pytest.importorskip("schemathesis", reason="it makes up the requests")

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from project import words_for_language_model
from running_service import running
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import SchemathesisConfig

from kgrec.serving.app import make_app
from kgrec.serving.keys import Keys, add_key
from kgrec.serving.loading import load_served
from kgrec.serving.log import open_log
from kgrec.serving.pseudonyms import Pseudonyms
from kgrec.serving.service import Service
from kgrec.serving.settings import LimitConfig, ServeConfig


@pytest.fixture(scope="module")
def described(trained_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("openapi")
    key = add_key(folder / "keys.json", "all", "admin")
    # What no schema can say, such as a filter that means nothing, is answered with 422.
    fine = ["2xx", "401", "403", "404", "409", "422", "429"]
    config = SchemathesisConfig.from_dict(
        {
            "checks": {
                "positive_data_acceptance": {"expected-statuses": fine},
                "negative_data_rejection": {"expected-statuses": ["4xx", "5xx"]},
            }
        }
    )
    with words_for_language_model():
        service = Service(
            load_served(trained_run),
            ServeConfig(limits=LimitConfig(batch=20)),
            log=open_log(str(folder / "log")),
            pseudonyms=Pseudonyms(b"k" * 32),
            keys=Keys(folder / "keys.json"),
        )
        with running(make_app(service)) as url:
            assert service.updater.ready.wait(200)
            _wait_until_ready(url)
            api = schemathesis.openapi.from_url(f"{url}/openapi.json", config=config)
            yield api, {"Authorization": f"Bearer {key}"}


def _wait_until_ready(url):
    """Wait until what updates need is loaded, too: before, /readyz answers with 503."""
    until = time.monotonic() + 200
    while httpx.get(f"{url}/readyz").status_code != 200:
        assert time.monotonic() < until
        time.sleep(0.1)


def _is_sent_in_part(case, url):
    """Return whether a part of a query that is to be wrong is not in the URL, as an empty list.

    Then the request may be as it should be.
    """
    sent = httpx.URL(url).params
    wrong = case.meta.generation.mode is GenerationMode.NEGATIVE
    return wrong and any(name not in sent for name in case.query or {})


def test_answers_are_as_described(described):
    """All checks of schemathesis, for valid and invalid requests to every route."""
    load_all_checks()
    api, headers = described
    failed = []
    for found in api.get_all_operations():
        operation = found.ok()
        for mode in GenerationMode:

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(
                max_examples=15,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            def check(case):
                answer = case.call(headers=headers)
                if answer.text == "Invalid HTTP request received.":
                    return  # a URL of megabytes does not get as far as the service
                if _is_sent_in_part(case, answer.request.url):
                    return
                case.validate_response(answer, headers=headers)

            try:
                check()
            except Unsatisfiable:
                continue  # nothing of this route can be wrong
            except BaseException as error:  # noqa: BLE001  # told together, below
                failed.append(f"{operation.label} ({mode.value}): {error}")
    assert not failed, "\n\n".join(failed)


def test_all_checks_are_used():
    load_all_checks()
    assert len(CHECKS.get_all()) >= 8


def test_every_route_is_described_with_its_errors(client):
    page = client.get("/openapi.json").json()
    assert page["info"]["title"] == "kgrec"
    count = 0
    for path, methods in page["paths"].items():
        for told in methods.values():
            count += 1
            assert told["summary"], path
            assert told["operationId"]
            if path.startswith("/v1/"):
                assert {"401", "422", "429"} <= set(told["responses"]), path
                content = told["responses"]["422"]["content"]
                assert list(content) == ["application/problem+json"], path
    assert count >= 25
