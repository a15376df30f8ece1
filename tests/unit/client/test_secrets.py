"""No part of the credential shows: not in errors and what hangs on them, not in logs, not in repr."""

from __future__ import annotations

import logging
import pickle
import traceback
from typing import TYPE_CHECKING

import httpx
import pytest

from pipelines.endpoints import ACTIONS
from pipelines.errors import RequestFailed
from tests.unit.client.standins import Service, refusal, reply
from tests.unit.matrix import check_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipelines.client import Client
    from tests.unit.client.standins import Timeline

SECRETS = ("AKIDexampleidexampleid", "examplekeyexamplekey", "exampletokenexampletoken", "Signature=")
LISTING = ACTIONS["DescribeCustomerUin"]

FAILURES = [
    refusal("AuthFailure.SecretIdNotFound", "The SecretId AKIDexampleidexampleid is not found."),
    refusal("AuthFailure.TokenFailure", "The token exampletokenexampletoken is wrong."),
    refusal("InternalError", "examplekeyexamplekey"),
    httpx.Response(502, html="<html>AKIDexampleidexampleid</html>"),
    httpx.Response(200, content=b"{cut off exampletokenexampletoken"),
    httpx.ReadTimeout("slow"),
    httpx.ConnectError("refused"),
    httpx.LocalProtocolError("Illegal header value b'exampletokenexampletoken'"),
    httpx.RemoteProtocolError("exampletokenexampletoken"),
    httpx.DecodingError("exampletokenexampletoken"),
    ConnectionResetError("exampletokenexampletoken"),
]


def hanging_on(error: BaseException | None) -> list[BaseException]:
    """Return an error and all those that it was raised from or beside."""
    return [] if error is None else [error, *hanging_on(error.__cause__), *hanging_on(error.__context__)]


def test_no_failure_shows_a_secret(
    timeline: Timeline, connect: Callable[[Service], Client], caplog: pytest.LogCaptureFixture
) -> None:
    """Text, repr, traceback, pickle and log of a failing call hold no secret, even where the server echoes one."""
    caplog.set_level(logging.DEBUG)

    def check(answer: httpx.Response | Exception) -> None:
        service = Service(timeline)
        service.answers = [answer]
        client = connect(service)
        caplog.clear()
        with pytest.raises(RequestFailed) as caught:
            timeline.run(client.call(LISTING, {"Page": 1, "PageSize": 10}))
        chain = hanging_on(caught.value)
        assert not any(isinstance(error, httpx.HTTPError) for error in chain), "carries the request and its headers"
        shown = [
            *map(str, chain),
            *map(repr, chain),
            *(str(vars(error)) for error in chain),
            "".join(traceback.format_exception(caught.value)),
            repr(pickle.dumps(caught.value.args)),
            caplog.text,
            *(str(vars(record)) for record in caplog.records),
            repr(client),
            str(vars(client)),
        ]
        assert not [secret for secret in SECRETS for text in shown if secret in text]

    check_all(check, FAILURES)


def test_a_good_call_logs_no_secret(
    timeline: Timeline, service: Service, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """At the most talkative level a call that works logs nothing of the request's headers."""
    caplog.set_level(logging.DEBUG)
    service.answers = [reply(Total=1)]
    timeline.run(client.call(LISTING, {"Page": 1, "PageSize": 10}))
    assert not [secret for secret in SECRETS if secret in caplog.text]


def test_a_library_s_own_words_are_not_passed_on(timeline: Timeline, service: Service, client: Client) -> None:
    """An error that spells a header's value is told by its kind only, since not every header is one we know of."""
    service.answers = [httpx.LocalProtocolError("Illegal header value b'something'")]
    with pytest.raises(RequestFailed, match="LocalProtocolError") as caught:
        timeline.run(client.call(LISTING, {"Page": 1, "PageSize": 10}))
    assert "something" not in str(caught.value)


@pytest.mark.parametrize("name", ["httpx", "httpcore"])
def test_the_http_library_s_own_loggers_are_quiet(name: str) -> None:
    """The loggers that spell header lists say nothing below a warning, whatever the root logger's level."""
    assert logging.getLogger(name).getEffectiveLevel() >= logging.WARNING
    assert not logging.getLogger(f"{name}.http11").isEnabledFor(logging.INFO)
