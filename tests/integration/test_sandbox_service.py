"""The sandbox as a service: envelope, clocks, limits by arrival, faults, statistics, restatements, other processes."""

from __future__ import annotations

import hashlib
import hmac
import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pipelines.endpoints import ACTIONS
from pipelines.endpoints.shapes import Role
from pipelines.errors import SettingError
from pipelines.sandbox import Fault, Faults, PagingQuirk, Principal, Sandbox, World

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = Principal("AKIDreseller", "key", Role.RESELLER)
WORLD = World(customers=4, lines=900, largest=600)
NOW = datetime(2026, 11, 20, 12)  # noqa: DTZ001 - the sandbox takes it as UTC+8
MONTH = "2026-10"
FIRST, SECOND, *_ = WORLD.customer_uins
DETAIL = "DescribeCustomerBillDetail"


@contextmanager
def running(faults: Faults = Faults(), **settings: Any) -> Iterator[Sandbox]:  # noqa: B008 - a frozen value
    """Run a sandbox, without limits unless the test sets them."""
    with Sandbox([KEY], WORLD, faults, **{"now": NOW, "limits": False, **settings}) as sandbox:
        yield sandbox


def post(
    url: str, action: str, parameters: Any, *, at: float | None = None, key: Principal = KEY, **headers: str
) -> httpx.Response:
    """Sign and send one request. Written out here, so that neither the client nor the sandbox judges itself."""
    body = json.dumps(parameters).encode()
    timestamp = str(int(time.time() if at is None else at))
    scope = f"{datetime.fromtimestamp(int(timestamp), UTC):%Y-%m-%d}/intlpartnersmgt/tc3_request"
    signed = f"content-type:application/json\nhost:{url.removeprefix('http://')}\nx-tc-action:{action.lower()}\n"
    names = "content-type;host;x-tc-action"
    canonical = f"POST\n/\n\n{signed}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    secret = b"TC3key"
    for part in scope.split("/"):
        secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
    text = f"TC3-HMAC-SHA256\n{timestamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
    credential = f"Credential={key.secret_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    sent = {
        "Content-Type": "application/json",
        "X-TC-Action": action,
        "X-TC-Version": "2022-09-28",
        "X-TC-Timestamp": timestamp,
        "Authorization": f"TC3-HMAC-SHA256 {credential}",
        **headers,
    }
    with httpx.Client(verify=False, timeout=10) as http:  # plain HTTP: no time is spent on certificates
        return http.post(url, content=body, headers=sent)


def ask(sandbox: Sandbox, action: str, **parameters: Any) -> dict[str, Any]:
    """Return what stands in a reply's envelope."""
    reply = post(sandbox.url, action, parameters)
    assert reply.status_code == 200
    response: dict[str, Any] = reply.json()["Response"]
    return response


def page(sandbox: Sandbox, number: int = 1, customer_uin: str = FIRST, size: int = 200) -> dict[str, Any]:
    """Ask for one page of a customer's detail."""
    return ask(sandbox, DETAIL, CustomerUin=int(customer_uin), Month=MONTH, Page=number, PageSize=size)


def ids(reply: dict[str, Any]) -> list[str]:
    """Return the Ids of a page."""
    return [row["Id"] for row in reply["DetailSet"]]


def summary(sandbox: Sandbox, customer_uin: str = FIRST, month: str = MONTH) -> float:
    """Ask for a customer's summary."""
    total: float = ask(sandbox, "DescribeCustomerBillSummary", CustomerUin=int(customer_uin), Month=month)["TotalCost"]
    return total


def code(response: dict[str, Any]) -> str:
    """Return the code of a refusal, '' for an answer."""
    return str(response.get("Error", {}).get("Code", ""))


def test_answers_come_in_the_real_envelope() -> None:
    """HTTP 200, a Date, JSON, members in the catalogue's order, and a RequestId that is new each time."""
    with running() as sandbox:
        replies = [post(sandbox.url, "DescribeCustomerUin", {"Page": 1, "PageSize": 2}) for _ in range(2)]
    for reply in replies:
        assert reply.headers["content-type"] == "application/json"
        assert "date" in reply.headers
        assert list(reply.json()["Response"]) == ["Data", "Total", "RequestId"]
    assert len({reply.json()["Response"]["RequestId"] for reply in replies}) == 2


def test_refusals_come_in_the_real_envelope() -> None:
    """A refusal is HTTP 200 with Error and RequestId, a signature's too."""
    with running() as sandbox:
        unsigned = httpx.post(sandbox.url, json={})
        unknown = post(sandbox.url, "DescribeEverything", {})
        version = post(sandbox.url, "DescribeCustomerUin", {}, **{"X-TC-Version": "2018-07-09"})
        method = httpx.get(sandbox.url)
        elsewhere = httpx.post(f"{sandbox.url}/v2", json={})
    assert [reply.status_code for reply in (unsigned, unknown, version, method)] == [200] * 4
    assert [code(reply.json()["Response"]) for reply in (unsigned, unknown, version, method)] == [
        "AuthFailure.InvalidAuthorization",
        "InvalidAction",
        "NoSuchVersion",
        "UnsupportedProtocol",
    ]
    assert list(unsigned.json()["Response"]) == ["Error", "RequestId"]
    assert "date" in unsigned.headers
    assert elsewhere.status_code == 404


def test_signatures_are_checked_against_the_real_clock() -> None:
    """Ten minutes off is SignatureExpire, whatever the billing clock says."""
    with running() as sandbox:
        for drift in (-600, 600):
            reply = post(sandbox.url, "DescribeCustomerUin", {"Page": 1, "PageSize": 1}, at=time.time() + drift)
            assert code(reply.json()["Response"]) == "AuthFailure.SignatureExpire"


def test_the_billing_clock_decides_what_is_a_month() -> None:
    """The running month can be asked and grows as the clock is set; the one after it cannot be asked."""
    with running(now=datetime(2026, 11, 2)) as sandbox:  # noqa: DTZ001 - UTC+8
        early = summary(sandbox, month="2026-11")
        sandbox.now = datetime(2026, 11, 30, 23)  # noqa: DTZ001 - UTC+8
        late = summary(sandbox, month="2026-11")
        ahead = ask(sandbox, "DescribeBillSummaryByRegion", CustomerUin=int(FIRST), BillMonth="2026-12")
        sandbox.now = datetime(2026, 11, 30, 16, tzinfo=UTC)  # December has begun in UTC+8
        begun = ask(sandbox, "DescribeBillSummaryByRegion", CustomerUin=int(FIRST), BillMonth="2026-12")
    assert early < late
    assert code(ahead) == "InvalidParameterValue.InvalidMonth"
    assert "SummaryOverview" in begun


def test_limits_hold_by_arrival() -> None:
    """Of many requests in a burst no second lets more than the limit pass, and each second lets some."""
    with running(limits=True) as sandbox:
        outcomes = [code(page(sandbox, size=1)) for _ in range(60)]
        counts = sandbox.statistics()[DETAIL]
        passed = [int(asked.at) for asked in sandbox.requests() if asked.outcome == "ok"]
    assert set(outcomes) == {"", "RequestLimitExceeded"}
    assert max(passed.count(second) for second in passed) == 5
    assert counts["throttled"] == outcomes.count("RequestLimitExceeded")
    assert counts["requests"] == counts["ok"] + counts["throttled"] == 60
    assert counts["peak_per_second"] > 5


def test_refusing_faults_hit_what_they_are_meant_for() -> None:
    """A fault for one customer's second page, once, refuses that request only."""
    once = Fault(actions=(DETAIL,), customers=(FIRST,), pages=(2,), times=1)
    for fault, expected in (
        ("throttling", "RequestLimitExceeded"),
        ("internal_error", "InternalError"),
        ("service_busy", "OperationDenied.ServiceBusy"),
    ):
        with running(Faults(**{fault: once})) as sandbox:
            asked = [(1, FIRST), (2, SECOND), (2, FIRST), (2, FIRST)]
            assert [code(page(sandbox, number, uin)) for number, uin in asked] == ["", "", expected, ""]
            assert sandbox.statistics()[DETAIL]["faults"] == {fault: 1}


def test_faults_hit_any_action() -> None:
    """Loud faults that name no actions hit the next request, whatever it asks; then it is answered."""
    known = {"Page": 1, "PageSize": 10, "ClientUin": int(FIRST)}
    outcomes = {"throttling": "RequestLimitExceeded", "internal_error": "InternalError", "truncated": "truncated"}
    for action in ("QueryVoucherPool", "DescribeCustomerUin", "QueryCreditAllocationHistory"):
        asked = {parameter.name: known[parameter.name] for parameter in ACTIONS[action].parameters}
        with running(Faults(**dict.fromkeys(outcomes, Fault(times=1)), bad_gateway=Fault(times=1))) as sandbox:
            replies = [post(sandbox.url, action, asked) for _ in range(5)]
            assert [asked.outcome for asked in sandbox.requests()] == ["bad_gateway", *outcomes.values(), "ok"]
            assert sandbox.statistics()[action]["faults"] == dict.fromkeys(("bad_gateway", *outcomes), 1)
        assert [reply.status_code for reply in replies] == [502, 200, 200, 200, 200]


def test_a_fault_can_be_for_the_customer_of_any_action() -> None:
    """A customer is known by CustomerUin and by ClientUin."""
    with running(Faults(internal_error=Fault(customers=(SECOND,)))) as sandbox:
        asked = [("QueryAccountVerificationStatus", uin) for uin in (FIRST, SECOND)]
        assert [code(ask(sandbox, action, ClientUin=int(uin))) for action, uin in asked] == ["", "InternalError"]
        assert sandbox.requests()[1].customer_uin == SECOND


def test_any_list_can_move_and_withhold() -> None:
    """Quiet faults that name an action with pages act on it: rows are missing, or skipped on the next page."""
    action = "QueryCustomersCredit"

    def uins(sandbox: Sandbox, page: int, size: int = 2) -> list[int]:
        return [row["ClientUin"] for row in ask(sandbox, action, Page=page, PageSize=size)["Data"]]

    once = Fault(actions=(action,), times=1)
    with running() as sandbox:
        still = uins(sandbox, 1, 4)
    with running(Faults(moving=once)) as sandbox:
        assert uins(sandbox, 1) + uins(sandbox, 2) == [*still[:2], still[3], still[0]]
    with running(Faults(withheld_pages=once)) as sandbox:
        assert (uins(sandbox, 1, 4), uins(sandbox, 1, 4)) == ([*still[:2], still[3]], still)


def test_a_row_can_arrive_in_a_bill_that_its_customer_asks() -> None:
    """A line that arrives while the customer pages its own bill is in the partner's view of it too, and in its days."""
    own = Principal("AKIDowner", "key", Role.CUSTOMER)
    arriving = Fault(actions=("DescribeBillDetail",), times=1)
    with Sandbox([KEY, own], WORLD, Faults(arriving=arriving), now=NOW, limits=False) as sandbox:
        asked = {"Month": MONTH, "Page": 1, "PageSize": 1}
        before = summary(sandbox)
        first, second = (
            post(sandbox.url, "DescribeBillDetail", asked, key=own).json()["Response"]["DetailSet"] for _ in range(2)
        )
        assert first[0]["Id"] != second[0]["Id"]
        assert page(sandbox)["Total"] == 601
        arrived = Decimal(second[0]["TotalCost"])
        assert Decimal(str(summary(sandbox))) - Decimal(str(before)) == arrived


def test_refused_roles_are_counted() -> None:
    """The statistics tell, for each action, who was throttled, refused for its role, or asked to write."""
    with running(Faults(throttling=Fault(times=2, actions=("QueryVoucherPool",)))) as sandbox:
        for _ in range(3):
            ask(sandbox, "QueryVoucherPool")
        ask(sandbox, "QueryCustomerBillingQuota")
        ask(sandbox, "ForceQN", ClientUin=int(FIRST), Type=0)
        counts = sandbox.statistics()
    assert (counts["QueryVoucherPool"]["throttled"], counts["QueryVoucherPool"]["ok"]) == (2, 1)
    assert counts["QueryCustomerBillingQuota"]["codes"] == {"UnauthorizedOperation.UinNoAuth": 1}
    assert counts["QueryCustomerBillingQuota"]["refused"] == 1
    assert (counts["ForceQN"]["writes"], counts["ForceQN"]["ok"]) == (1, 0)


def test_undocumented_paging_can_be_odd() -> None:
    """The world's paging is what requests meet: a first page 0, and larger pages cut in silence or refused."""
    odd = replace(WORLD, paging=PagingQuirk(first=0, largest=3, capped=True))
    with running() as sandbox:
        sandbox.world = odd
        first, second = (ask(sandbox, "DescribeCustomerUin", Page=page, PageSize=100)["Data"] for page in (0, 1))
        sandbox.world = replace(WORLD, paging=PagingQuirk(largest=3))
        refused = ask(sandbox, "DescribeCustomerUin", Page=1, PageSize=100)
    assert [row["CustomerUin"] for row in (*first, *second)] == list(WORLD.customer_uins)
    assert len(first) == 3
    assert code(refused) == "InvalidParameter.Page"


def test_a_connection_can_break() -> None:
    """A reset breaks the connection before anything is answered; the next request is answered."""
    with running(Faults(reset=Fault(times=1))) as sandbox:
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            page(sandbox)
        assert code(page(sandbox)) == ""
        assert sandbox.statistics()[DETAIL]["broken"] == 1


def test_a_gateway_can_answer_html() -> None:
    """A bad gateway is HTTP 502 with a page of HTML."""
    with running(Faults(bad_gateway=Fault(times=1))) as sandbox:
        reply = post(sandbox.url, "DescribeCustomerUin", {"Page": 1, "PageSize": 1})
    assert reply.status_code == 502
    assert reply.headers["content-type"].startswith("text/html")
    assert reply.text.startswith("<html>")
    assert "date" in reply.headers


def test_an_answer_can_be_cut() -> None:
    """A truncated answer is HTTP 200 with half of its JSON."""
    with running(Faults(truncated=Fault(times=1))) as sandbox:
        reply = post(sandbox.url, "DescribeCustomerUin", {"Page": 1, "PageSize": 4})
    assert reply.status_code == 200
    assert reply.text.startswith('{"Response": ')
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        reply.json()


def test_an_answer_can_be_slow() -> None:
    """A slow answer is right, and takes the time that was set."""
    with running(Faults(slow=Fault(times=1), slow_seconds=0.3)) as sandbox:
        began = time.monotonic()
        assert len(ids(page(sandbox))) == 200
        assert time.monotonic() - began >= 0.3


def test_a_page_can_withhold_rows() -> None:
    """A withheld page lacks rows while its Total stays; asked again it is whole."""
    with running(Faults(withheld_pages=Fault(pages=(2,), times=1))) as sandbox:
        pages = [page(sandbox, number) for number in (1, 2, 2)]
    assert [len(ids(one)) for one in pages] == [200, 185, 200]
    assert {one["Total"] for one in pages} == {600}
    assert set(ids(pages[1])) < set(ids(pages[2]))


def test_a_row_can_arrive_between_pages() -> None:
    """After the page a row is new at the top: Total rises, the next page repeats a row, the summary counts it."""
    with running(Faults(arriving=Fault(pages=(1,), times=1))) as sandbox:
        before = summary(sandbox)
        first, second, again = page(sandbox, 1), page(sandbox, 2), page(sandbox, 1)
        after = summary(sandbox)
        by_product = ask(sandbox, "DescribeBillSummaryByProduct", CustomerUin=int(FIRST), BillMonth=MONTH)
    assert (first["Total"], second["Total"], again["Total"]) == (600, 601, 601)
    assert ids(second)[0] == ids(first)[-1]
    assert ids(again)[1:] == ids(first)[:-1]
    arrived = Decimal(again["DetailSet"][0]["TotalCost"])
    assert Decimal(str(after)) - Decimal(str(before)) == arrived
    assert sum(Decimal(row["TotalCost"]) for row in by_product["SummaryOverview"]) == Decimal(str(after))


def test_a_listing_can_move() -> None:
    """After the page the top row goes to the end: Total stays and the next page skips a row."""
    with running() as sandbox:
        still = [*ids(page(sandbox, 1)), *ids(page(sandbox, 2))]
    with running(Faults(moving=Fault(pages=(1,), times=1))) as sandbox:
        first, second = page(sandbox, 1), page(sandbox, 2)
    assert first["Total"] == second["Total"] == 600
    assert ids(first) == still[:200]
    assert ids(second)[:199] == still[201:]


def test_a_customer_can_be_unbound_or_unlisted() -> None:
    """An unbound customer is listed and refused; an unlisted one is not listed and answers."""
    with running(Faults(unbound=(FIRST,), unlisted=(SECOND,))) as sandbox:
        listed = ask(sandbox, "DescribeCustomerUin", Page=1, PageSize=100)
        assert {"CustomerUin": FIRST} in listed["Data"]
        assert {"CustomerUin": SECOND} not in listed["Data"]
        assert listed["Total"] == "3"
        assert code(page(sandbox)) == "UnauthorizedOperation.NotCustomerUin"
        assert code(page(sandbox, customer_uin=SECOND)) == ""


def test_faults_can_be_set_while_it_runs() -> None:
    """Setting the faults begins or ends them for the next request."""
    with running() as sandbox:
        outcomes = [code(page(sandbox))]
        sandbox.faults = Faults(internal_error=1.0)
        outcomes.append(code(page(sandbox)))
        sandbox.faults = Faults()
        outcomes.append(code(page(sandbox)))
    assert outcomes == ["", "InternalError", ""]


def test_a_closed_month_can_be_restated() -> None:
    """After a restatement Total stays, one Id is another, and the summaries follow the rows."""
    with running() as sandbox:
        before = [row for number in (1, 2, 3) for row in page(sandbox, number)["DetailSet"]]
        sandbox.restate(FIRST, MONTH)
        after = [row for number in (1, 2, 3) for row in page(sandbox, number)["DetailSet"]]
        total = summary(sandbox)
    assert len(after) == len(before) == 600
    assert len({row["Id"] for row in before} - {row["Id"] for row in after}) == 1
    assert sum(row not in before for row in after) == 4
    assert total == float(sum(Decimal(row["TotalCost"]) for row in after))
    assert total != float(sum(Decimal(row["TotalCost"]) for row in before))


def test_latency_is_added() -> None:
    """Every answer takes at least the latency."""
    with running(latency=0.1) as sandbox:
        began = time.monotonic()
        post(sandbox.url, "DescribeCustomerUin", {"Page": 1, "PageSize": 1})
        assert time.monotonic() - began >= 0.1


def test_a_taken_port_is_told() -> None:
    """A port that another process listens on is a SettingError that names it."""
    with running() as sandbox, pytest.raises(SettingError, match=sandbox.url.rpartition(":")[2]):
        Sandbox([KEY], port=int(sandbox.url.rpartition(":")[2]))


SERVE = f"""
from datetime import datetime
from pipelines.endpoints.shapes import Role
from pipelines.sandbox import PagingQuirk, Principal, World, serve
serve([Principal({KEY.secret_id!r}, "key", Role.RESELLER)], {WORLD!r}, now=datetime(2026, 11, 20, 12), limits=False)
"""


def test_another_process_gives_the_same_answers() -> None:
    """Another process prints its url, answers alike, tells its statistics and ends on an interrupt."""
    process = subprocess.Popen([sys.executable, "-c", SERVE], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        questions = [
            (DETAIL, {"CustomerUin": int(FIRST), "Month": MONTH, "Page": 3, "PageSize": 200}),
            ("DescribeBillSummaryByPayMode", {"CustomerUin": int(SECOND), "BillMonth": MONTH}),
            ("DescribeCustomerUin", {"Page": 1, "PageSize": 100}),
        ]
        theirs = [post(url, *question).json()["Response"] for question in questions]
        statistics = httpx.get(f"{url}/statistics").json()
        requests = httpx.get(f"{url}/requests").json()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        process.communicate()
    with running() as sandbox:
        ours = [ask(sandbox, action, **parameters) for action, parameters in reversed(questions)][::-1]
        assert statistics.keys() == sandbox.statistics().keys()
    for their, our in zip(theirs, ours, strict=True):
        assert {**their, "RequestId": ""} == {**our, "RequestId": ""}
    assert statistics[DETAIL]["ok"] == 1
    assert requests[0].items() >= {"action": DETAIL, "customer_uin": FIRST, "page": 3, "outcome": "ok"}.items()
