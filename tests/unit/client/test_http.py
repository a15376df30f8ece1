"""One call: what is sent, what comes of each answer, and how long it is tried."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import httpx
import pytest

from pipelines.client import Client, FreePacer
from pipelines.client.calls import Call
from pipelines.client.codes import A_FEW, RULES, UNKNOWN, rule_for
from pipelines.endpoints import ACTIONS
from pipelines.endpoints.shapes import LIMITS_PAGE, Action
from pipelines.errors import (
    ActionRefused,
    CredentialRefused,
    CustomerRefused,
    RequestFailed,
    RequestRefused,
    RequestUnanswered,
    SettingError,
    StorageFailed,
    Throttled,
    WriteRefused,
)
from tests.unit.client.standins import Service, refusal, reply
from tests.unit.matrix import check_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pipelines.client import Credential, Reply, Slot
    from tests.unit.client.standins import Timeline

DETAIL = ACTIONS["DescribeCustomerBillDetail"]
DETAIL_PARAMETERS = {"CustomerUin": 100000000001, "Month": "2026-10", "PageSize": 200, "Page": 1}
LISTING = ACTIONS["DescribeCustomerUin"]
LISTING_PARAMETERS = {"Page": 1, "PageSize": 100}

UNTIL_TIME_IS_UP = None

ERRORS = [
    # code, error, attempts (None: until total time is up)
    ("RequestLimitExceeded", Throttled, UNTIL_TIME_IS_UP),
    ("RequestLimitExceeded.UinLimitExceeded", Throttled, UNTIL_TIME_IS_UP),
    ("RequestLimitExceeded.GlobalRegionUinLimitExceeded", Throttled, UNTIL_TIME_IS_UP),
    ("RequestLimitExceeded.IPLimitExceeded", Throttled, UNTIL_TIME_IS_UP),
    ("OperationDenied.ServiceBusy", RequestUnanswered, UNTIL_TIME_IS_UP),
    ("InternalError", RequestUnanswered, UNTIL_TIME_IS_UP),
    ("InternalError.DbError", RequestUnanswered, UNTIL_TIME_IS_UP),
    ("ServiceUnavailable", RequestUnanswered, UNTIL_TIME_IS_UP),
    ("ResourceUnavailable", RequestUnanswered, UNTIL_TIME_IS_UP),
    ("FailedOperation", RequestUnanswered, 3),
    ("FailedOperation.SomethingNew", RequestUnanswered, 3),
    ("OperationDenied", RequestUnanswered, 3),
    ("SomethingNew", RequestUnanswered, 3),
    ("SomethingNew.Entirely", RequestUnanswered, 3),
    ("InternalErrors", RequestUnanswered, 3),
    ("FailedOperation.UinNotAgent", RequestRefused, 1),
    ("FailedOperation.UinInvalid", RequestRefused, 1),
    ("FailedOperation.InvalidSubAgentUin", RequestRefused, 1),
    ("AuthFailure", CredentialRefused, 1),
    ("AuthFailure.SecretIdNotFound", CredentialRefused, 1),
    ("AuthFailure.SignatureFailure", CredentialRefused, 1),
    ("AuthFailure.TokenFailure", CredentialRefused, 1),
    ("AuthFailure.UnauthorizedOperation", ActionRefused, 1),
    ("AuthFailure.SignatureExpire", CredentialRefused, 2),
    ("UnauthorizedOperation", ActionRefused, 1),
    ("UnauthorizedOperation.SomethingElse", ActionRefused, 1),
    ("UnauthorizedOperation.UinNoAuth", CustomerRefused, 1),
    ("UnauthorizedOperation.NotCustomerUin", CustomerRefused, 1),
    ("InvalidParameter", RequestRefused, 1),
    ("InvalidParameter.Page", RequestRefused, 1),
    ("InvalidParameterValue", RequestRefused, 1),
    ("InvalidParameterValue.InvalidMonth", RequestRefused, 1),
    ("InvalidParameterValue.UinList", RequestRefused, 1),
    ("InvalidParameterValue.InvalidDimension", RequestRefused, 1),
    ("InvalidParameterValue.InvalidUin", RequestRefused, 1),
    ("MissingParameter", RequestRefused, 1),
    ("UnknownParameter", RequestRefused, 1),
    ("InvalidAction", RequestRefused, 1),
    ("NoSuchVersion", RequestRefused, 1),
    ("ActionOffline", RequestRefused, 1),
    ("UnsupportedRegion", RequestRefused, 1),
    ("IpNotInWhitelist", RequestRefused, 1),
    ("IpInBlacklist", RequestRefused, 1),
    ("RequestSizeLimitExceeded", RequestRefused, 1),
    ("ResponseSizeLimitExceeded", RequestRefused, 1),
]

NO_ANSWERS = [
    # answer, code
    (httpx.Response(502, html="<html>Bad gateway</html>"), "HTTP.502"),
    (httpx.Response(302, headers={"Location": "https://elsewhere.example/"}), "HTTP.302"),
    (httpx.Response(200, html="<html>Sign in</html>"), "HTTP.NotJson"),
    (httpx.Response(200, content=b'{"Response":{"Total":1,"Requ'), "HTTP.NotJson"),
    (httpx.Response(200, json={"Total": 1}), "HTTP.NoResponse"),
    (httpx.Response(200, json={"Response": {"Total": 1}}), "HTTP.NoRequestId"),
    (httpx.ConnectError("All connection attempts failed"), "HTTP.NoConnection"),
    (httpx.ConnectTimeout("slow"), "HTTP.Timeout"),
    (httpx.ReadTimeout("slow"), "HTTP.Timeout"),
    (httpx.ReadError("reset"), "HTTP.BrokenOff"),
    (httpx.WriteError("reset"), "HTTP.BrokenOff"),
    (httpx.RemoteProtocolError("cut off"), "HTTP.BrokenOff"),
    (ConnectionResetError("reset"), "HTTP.BrokenOff"),
]


async def ask(client: Client, action: Action = DETAIL, parameters: dict[str, object] = DETAIL_PARAMETERS) -> Reply:
    """Make one call."""
    return await client.call(action, parameters)


def failure(timeline: Timeline, client: Client, action: Action = DETAIL, **parameters: object) -> RequestFailed:
    """Make a call that fails and return its error."""
    with pytest.raises(RequestFailed) as caught:
        timeline.run(ask(client, action, parameters or DETAIL_PARAMETERS))
    return caught.value


def test_a_reply_is_the_member_response_as_text(timeline: Timeline, service: Service, client: Client) -> None:
    """A call returns what is in `Response`, numbers as text, with its RequestId and the time in UTC."""
    service.answers = [reply(Total=3)]
    got = timeline.run(ask(client))
    assert got.response == {"Total": "3", "RequestId": "req-1"}
    assert got.request_id == "req-1"
    assert datetime.now(UTC) - got.received_at < timedelta(minutes=1)


def test_a_request_carries_action_version_language_and_signature(
    timeline: Timeline, service: Service, client: Client
) -> None:
    """One POST to `/`, its JSON body and the service's headers."""
    timeline.run(ask(client))
    (request,) = service.requests
    assert (request.method, str(request.url)) == ("POST", "https://intlpartnersmgt.intl.tencentcloudapi.com/")
    assert json.loads(request.content) == DETAIL_PARAMETERS
    expected = {
        "X-TC-Action": "DescribeCustomerBillDetail",
        "X-TC-Version": "2022-09-28",
        "X-TC-Language": "en-US",
        "X-TC-Token": "exampletokenexampletoken",
        "Content-Type": "application/json",
    }
    assert {name: request.headers[name] for name in expected} == expected
    assert request.headers["Authorization"].startswith("TC3-HMAC-SHA256 Credential=AKIDexampleidexampleid/")


def test_each_attempt_is_signed_afresh(
    timeline: Timeline, service: Service, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A retry carries the time at which it is sent, and a signature of that time."""
    now = iter([1700000000.0, 1700000009.0])
    client._http.auth._clock = lambda: next(now)  # type: ignore[union-attr]
    service.answers = [refusal("InternalError"), reply()]
    timeline.run(ask(client))
    assert [request.headers["X-TC-Timestamp"] for request in service.requests] == ["1700000000", "1700000009"]
    assert len({request.headers["Authorization"] for request in service.requests}) == 2
    assert len({request.content for request in service.requests}) == 1


def test_each_code_becomes_its_error(timeline: Timeline, service: Service, client: Client) -> None:
    """Each code is tried as often as its rule says and ends in its class, with code, RequestId, action and customer."""

    def check(code: str, error: type[RequestFailed], attempts: int | None) -> None:
        service.answers = [refusal(code)]
        service.requests.clear()
        failed = failure(timeline, client)
        assert type(failed) is error
        assert (failed.code, failed.request_id) == (code, "req-2")
        assert (failed.action, failed.customer_uin) == ("DescribeCustomerBillDetail", "100000000001")
        tried = len(service.requests)
        assert tried > 10 if attempts is UNTIL_TIME_IS_UP else tried == attempts

    check_all(check, ERRORS)


def test_every_rule_of_the_table_is_tested() -> None:
    """No code stands in the table without a line in this test, the transport's own prefix apart."""
    assert RULES.keys() - {code for code, _, _ in ERRORS} == {"HTTP"}


def test_a_code_is_matched_by_whole_words() -> None:
    """The longest prefix of whole words wins; a longer word is another code."""
    assert rule_for("AuthFailure.SignatureExpire.More") is RULES["AuthFailure.SignatureExpire"]
    assert rule_for("AuthFailure.Signature") is RULES["AuthFailure"]
    assert rule_for("AuthFailures") is UNKNOWN
    assert rule_for("") is UNKNOWN


@pytest.mark.parametrize("code", ["UnauthorizedOperation.UinNoAuth", "UnauthorizedOperation.NotCustomerUin"])
def test_a_refusal_that_names_no_customer_is_of_the_request(
    timeline: Timeline, service: Service, client: Client, code: str
) -> None:
    """The codes about a customer, answered to a request without one, are about the role."""
    service.answers = [refusal(code)]
    failed = failure(timeline, client, LISTING, **LISTING_PARAMETERS)
    assert type(failed) is ActionRefused
    assert failed.customer_uin is None
    assert "BILL_ETL_ROLE" in str(failed)


def test_what_is_no_answer_of_the_api_passes(timeline: Timeline, connect: Callable[[Service], Client]) -> None:
    """Gateway pages, cut-off bodies, resets and timeouts are tried again; lasting ones end in RequestUnanswered."""

    def check(answer: httpx.Response | Exception, code: str) -> None:
        service = Service(timeline)
        client = connect(service)
        service.answers = [answer, reply(Total=1)]
        assert timeline.run(ask(client)).response["Total"] == "1"
        assert len(service.requests) == 2
        service.answers = [answer]
        failed = failure(timeline, client)
        assert type(failed) is RequestUnanswered
        assert (failed.code, failed.request_id) == (code, None)
        assert len(service.requests) > 12

    check_all(check, NO_ANSWERS)


def test_a_redirect_is_not_followed(timeline: Timeline, service: Service, client: Client) -> None:
    """A signed request goes to the endpoint and nowhere else."""
    service.answers = [httpx.Response(302, headers={"Location": "https://elsewhere.example/"})]
    failure(timeline, client)
    assert {request.url.host for request in service.requests} == {"intlpartnersmgt.intl.tencentcloudapi.com"}


def test_a_silent_endpoint_is_given_up_after_the_request_timeout(
    timeline: Timeline, service: Service, client: Client
) -> None:
    """A request that is never answered costs its timeout, in all its parts together, and is tried again."""
    service.takes = 1e6
    failed = failure(timeline, client)
    assert failed.code == "HTTP.Timeout"
    assert 4 <= len(service.requests) <= 6  # 60 s each, in 300 s


@pytest.mark.parametrize("takes", [0.0, 0.2, 45.0])
def test_total_time_is_kept(timeline: Timeline, service: Service, client: Client, takes: float) -> None:
    """A call that goes on failing ends within its total time, and does use most of it."""
    service.answers, service.takes = [refusal("InternalError")], takes
    began = timeline.now()
    failure(timeline, client)
    assert 240 < timeline.now() - began <= 300


def test_the_wait_between_attempts_grows(timeline: Timeline, service: Service, client: Client) -> None:
    """Attempts come ever further apart, up to 20 s."""
    sent: list[float] = []
    inner = service.__call__

    async def noting(request: httpx.Request) -> httpx.Response:
        sent.append(timeline.now())
        return await inner(request)

    client._http._transport = httpx.MockTransport(noting)
    service.answers = [refusal("ServiceUnavailable")]
    failure(timeline, client)
    gaps = [later - earlier for earlier, later in pairwise(sent)]
    assert 0.5 <= gaps[0] <= 1.5
    assert gaps[4] >= 8
    assert max(gaps) <= 20


class SlowPacer(FreePacer):
    """Makes every request wait for its slot, and counts penalties."""

    def __init__(self, wait: float) -> None:
        self.wait = wait
        self.penalties: list[str] = []

    @asynccontextmanager
    async def slot(self, action: Action) -> AsyncIterator[Slot]:
        """Give a slot after the wait."""
        await asyncio.sleep(self.wait)
        async with super().slot(action) as slot:
            yield slot

    def penalise(self, action: Action) -> None:
        """Note the action."""
        self.penalties.append(action.name)


def test_waiting_for_a_slot_is_not_counted_as_trying(timeline: Timeline, service: Service, client: Client) -> None:
    """A call that had to queue for longer than the total time is still tried again."""
    client._pacer = SlowPacer(1000.0)
    service.answers = [refusal("InternalError"), refusal("InternalError"), reply()]
    assert timeline.run(ask(client)).request_id == "req-1"


def test_an_endpoint_that_is_down_is_not_tried_for_ever_by_each_call(
    timeline: Timeline, service: Service, client: Client
) -> None:
    """Once nothing was answered for the total time, further calls fail at their first attempt; an answer mends that."""
    service.answers = [httpx.ConnectError("down")]

    async def several() -> tuple[int, int]:
        with pytest.raises(RequestUnanswered):
            await client.call(DETAIL, DETAIL_PARAMETERS)
        await asyncio.sleep(30)
        before = len(service.requests)
        with pytest.raises(RequestUnanswered):
            await client.call(DETAIL, DETAIL_PARAMETERS)
        when_down = len(service.requests) - before
        service.answers = [reply()]
        await client.call(DETAIL, DETAIL_PARAMETERS)
        service.answers = [httpx.ConnectError("down again")]
        before = len(service.requests)
        with pytest.raises(RequestUnanswered):
            await client.call(DETAIL, DETAIL_PARAMETERS)
        return when_down, len(service.requests) - before

    when_down, after_recovery = timeline.run(several())
    assert when_down == 1
    assert after_recovery > 10


def test_throttling_slows_the_pacer_each_time(timeline: Timeline, service: Service, client: Client) -> None:
    """Every throttling answer is told to the pacer and counted; other failures are not."""
    client._pacer = pacer = SlowPacer(0.0)
    service.answers = [
        refusal("RequestLimitExceeded"),
        refusal("RequestLimitExceeded.UinLimitExceeded"),
        refusal("InternalError"),
        reply(),
    ]
    timeline.run(ask(client))
    assert pacer.penalties == ["DescribeCustomerBillDetail"] * 2
    stats = client.request_stats["DescribeCustomerBillDetail"]
    assert (stats.requests, stats.throttled, stats.retried) == (4, 2, 3)
    assert stats.first_sent == 1000.0
    assert stats.last_sent is not None
    assert stats.last_sent > 1000.0


def test_tallies_are_by_action(timeline: Timeline, client: Client) -> None:
    """Each action's requests are counted apart, and only those that were sent."""

    async def both() -> None:
        await client.call(DETAIL, DETAIL_PARAMETERS)
        await client.call(LISTING, LISTING_PARAMETERS)
        await client.call(LISTING, LISTING_PARAMETERS)

    timeline.run(both())
    assert {name: stats.requests for name, stats in client.request_stats.items()} == {
        "DescribeCustomerBillDetail": 1,
        "DescribeCustomerUin": 2,
    }


def test_a_refused_connection_is_not_a_request(timeline: Timeline, service: Service, client: Client) -> None:
    """What never left is not counted as sent."""
    service.answers = [httpx.ConnectError("refused")]
    failure(timeline, client)
    assert client.request_stats["DescribeCustomerBillDetail"].requests == 0


def test_a_few_tries_are_counted_by_code(timeline: Timeline, service: Service, client: Client) -> None:
    """Passing trouble before an ambiguous code does not use up the ambiguous code's few tries."""
    service.answers = [refusal("InternalError")] * 5 + [refusal("FailedOperation")] * (A_FEW - 1) + [reply()]
    timeline.run(ask(client))
    assert len(service.requests) == 5 + A_FEW


def test_an_action_that_writes_is_never_asked(timeline: Timeline, service: Service, client: Client) -> None:
    """All nine writing actions are refused before anything is built, also under a forged entry that says it reads."""
    writing = [action for action in ACTIONS.values() if action.writes]
    assert len(writing) == 9

    def check(action: Action) -> None:
        forged = Action(action.name, action.category, 1, LIMITS_PAGE, action.roles, action.parameters, writes=False)
        for asked in (action, forged):
            assert type(failure(timeline, client, asked, SubAgentUin=1)) is WriteRefused

    check_all(check, writing)
    assert not service.requests
    assert not client.request_stats


def test_a_request_that_cannot_be_right_is_not_sent(timeline: Timeline, service: Service, client: Client) -> None:
    """Unknown and missing parameters and unknown actions are refused with what is wrong, and nothing is sent."""

    def check(action: Action, parameters: dict[str, object], code: str, *names: str) -> None:
        with pytest.raises(RequestRefused) as caught:
            timeline.run(ask(client, action, parameters))
        assert caught.value.code == code
        assert not [name for name in names if name not in str(caught.value)]

    cases = [
        (DETAIL, {**DETAIL_PARAMETERS, "Months": "2026-10"}, "UnknownParameter", "Months"),
        (DETAIL, {"CustomerUin": 1, "Month": "2026-10"}, "MissingParameter", "Page, PageSize"),
        (Action("DescribeEverything", "bill", 1, LIMITS_PAGE, ()), {}, "InvalidAction", "DescribeEverything"),
    ]
    check_all(check, cases)
    assert not service.requests


@pytest.mark.parametrize(("off", "side"), [(601, "ahead"), (-3600, "behind")])
def test_a_wrong_clock_is_told_in_seconds(
    timeline: Timeline, service: Service, client: Client, off: int, side: str
) -> None:
    """SignatureExpire says by how many seconds this machine's clock differs from the server's Date, and which way."""
    date = format_datetime(datetime.now(UTC) - timedelta(seconds=off), usegmt=True)
    service.answers = [refusal("AuthFailure.SignatureExpire", date=date)]
    text = str(failure(timeline, client))
    told = re.search(rf"\b(\d+) s {side}\b", text)
    assert told, text
    assert abs(int(told[1]) - abs(off)) <= 2
    assert rule_for("AuthFailure.SignatureExpire").advice in text


def test_a_wrong_clock_without_a_server_date(timeline: Timeline, service: Service, client: Client) -> None:
    """Without the server's Date, or with one that cannot be read, no difference is told."""
    for date in (None, "yesterday"):
        service.answers = [refusal("AuthFailure.SignatureExpire", date=date)]
        text = str(failure(timeline, client))
        assert not re.search(r"\b\d+ s\b", text)
        assert rule_for("AuthFailure.SignatureExpire").advice in text


def test_a_message_says_what_where_and_what_to_do(timeline: Timeline, service: Service, client: Client) -> None:
    """A failure's text names action, account, customer, month, code, RequestId and what to do."""
    code = "UnauthorizedOperation.NotCustomerUin"
    service.answers = [refusal(code, "The uin is not a customer.")]
    text = str(failure(timeline, client))
    facts = ("DescribeCustomerBillDetail", "'acme'", "customer 100000000001", "month 2026-10", "req-2")
    told = (*facts, code, "The uin is not a customer", rule_for(code).advice)
    assert [fact for fact in told if fact not in text] == []
    assert "attempts" not in text


def test_a_message_says_how_often_it_was_tried(timeline: Timeline, service: Service, client: Client) -> None:
    """A failure's text counts the attempts, if there were several."""
    service.answers = [refusal("FailedOperation")]
    assert "3 attempts" in str(failure(timeline, client))


def test_the_month_of_a_summary_is_named_too(timeline: Timeline, service: Service, client: Client) -> None:
    """BillMonth is a month as well."""
    service.answers = [refusal("InvalidParameterValue.InvalidMonth")]
    failed = failure(timeline, client, ACTIONS["DescribeBillSummaryByProduct"], CustomerUin=7, BillMonth="2020-01")
    assert "customer 7" in str(failed)
    assert "month 2020-01" in str(failed)


def test_a_retry_is_one_log_line(
    timeline: Timeline,
    service: Service,
    client: Client,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Each retry is logged once, with action, customer, code, RequestId and attempt, and nothing is printed."""
    service.answers = [refusal("InternalError"), httpx.ReadError("reset"), reply()]
    with caplog.at_level(logging.INFO):
        timeline.run(ask(client))
    facts = [
        ("DescribeCustomerBillDetail", "customer 100000000001", "InternalError", "RequestId req-2", "attempt 1"),
        ("DescribeCustomerBillDetail", "customer 100000000001", "HTTP.BrokenOff", "RequestId None", "attempt 2"),
    ]
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == len(facts)
    for line, told in zip(lines, facts, strict=True):
        assert [fact for fact in told if fact not in line] == []
    assert capfd.readouterr() == ("", "")


def test_an_endpoint_that_must_not_be_asked_is_refused(credential: Credential) -> None:
    """Only https, and http to this machine, without path, query or user; the message names the setting."""

    def check(endpoint: str) -> None:
        with pytest.raises(SettingError, match="BILL_ETL_ENDPOINT") as caught:
            Client(account="acme", endpoint=endpoint, credential=credential, pacer=FreePacer())
        assert "secretword" not in str(caught.value)

    endpoints = [
        "http://intlpartnersmgt.intl.tencentcloudapi.com",
        "http://192.168.0.1:8080",
        "http://localhost.example.com",
        "ftp://127.0.0.1",
        "https://",
        "https://host/path",
        "https://host?x=1",
        "https://user:secretword@host",
        "intlpartnersmgt.intl.tencentcloudapi.com",
        "",
    ]
    check_all(check, endpoints)


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1", "http://localhost:1/", "http://[::1]:1"])
def test_this_machine_is_asked_without_a_proxy(
    endpoint: str, credential: Credential, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain http to this machine is allowed, and a proxy from the environment is not used for it."""
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    client = Client(account="sandbox", endpoint=endpoint, credential=credential, pacer=FreePacer())
    assert client._http._transport_for_url(httpx.URL(endpoint)) is client._http._transport


def test_a_pacer_that_cannot_write_fails_the_call(timeline: Timeline, service: Service, client: Client) -> None:
    """A disk error of the pacing state is not taken for the network's and not tried again."""

    class Full(FreePacer):
        @asynccontextmanager
        async def slot(self, action: Action) -> AsyncIterator[Slot]:
            raise StorageFailed("The disk is full.")
            yield

    client._pacer = Full()
    with pytest.raises(StorageFailed):
        timeline.run(ask(client))
    assert not service.requests


def test_a_call_names_what_it_is_about() -> None:
    """Lists of customers and days are named as customers and months are."""

    def check(action: str, parameters: dict[str, object], *facts: str) -> None:
        text = str(Call(ACTIONS[action], parameters, "acme", 0.0))
        assert [fact for fact in (action, "'acme'", *facts) if fact not in text] == []
        assert ("other" in text) == ("2 others" in facts)

    cases = [
        ("QueryCreditByUinList", {"UinList": [7, 8, 9]}, "customer 7", "2 others"),
        ("QueryVoucherListByUin", {"ClientUins": [7]}, "customer 7"),
        ("DescribeCustomerBillDetailByDay", {"CustomerUin": 7, "Date": "2026-10-03"}, "customer 7", "day 2026-10-03"),
    ]
    check_all(check, cases)
