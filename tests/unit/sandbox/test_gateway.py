"""The sandbox's limits by arrival and its tally, on times that the tests choose."""

from __future__ import annotations

from pipelines.endpoints import ACTIONS
from pipelines.endpoints.shapes import Role
from pipelines.sandbox import Faults, Principal, World
from pipelines.sandbox.answers import ANSWERS
from pipelines.sandbox.faults import FaultTarget
from pipelines.sandbox.gateway import Gateway
from pipelines.sandbox.refusals import Refusal
from pipelines.sandbox.request_log import RequestLog

ONE, OTHER = (Principal(id_, "key", Role.RESELLER) for id_ in ("AKID1", "AKID2"))
DETAIL = ACTIONS["DescribeCustomerBillDetail"]


def gateway(*, limits: bool = True) -> Gateway:
    """Return a gateway for two principals."""
    return Gateway([ONE, OTHER], World(), Faults(), None, 0.0, limits=limits)


def admitted(to: Gateway, at: float, principal: Principal = ONE, action: str = "DescribeCustomerBillDetail") -> bool:
    """Tell whether a request that arrives at `at` is let in."""
    try:
        to._admit(principal, ACTIONS[action], at)
    except Refusal as refusal:
        return refusal.code != "RequestLimitExceeded"
    return True


def test_the_first_of_each_second_pass() -> None:
    """Five of seven arrivals in a calendar second pass, and the next second begins anew."""
    service = gateway()
    assert [admitted(service, 100 + part / 10) for part in range(7)] == [True] * 5 + [False] * 2
    assert admitted(service, 101.0)


def test_seconds_are_the_calendars() -> None:
    """Ten arrivals within half a second pass if a second ends among them: windows do not slide."""
    service = gateway()
    times = [100.99] * 5 + [101.01] * 5
    assert all(admitted(service, at) for at in times)


def test_keys_and_actions_are_counted_apart() -> None:
    """One key's requests, or one action's, do not use up another's."""
    service = gateway()
    assert all(admitted(service, 100.0) for _ in range(5))
    assert admitted(service, 100.0, principal=OTHER)
    assert admitted(service, 100.0, action="DescribeCustomerBillSummary")
    assert not admitted(service, 100.0, action="DescribeCustomerBillSummary")


def test_limits_can_be_lifted() -> None:
    """Without limits everything passes, and peaks are still counted."""
    service = gateway(limits=False)
    assert all(admitted(service, 100.0) for _ in range(50))
    service.log.add(FaultTarget(DETAIL.name, None, None, ""), 100.0, "ok", writes=False, faults=[])
    assert service.log.by_action()[DETAIL.name]["peak_per_second"] == 50


def test_the_tally_divides_outcomes() -> None:
    """Requests are answered, throttled, refused or broken; each is counted once."""
    tally = RequestLog()
    for outcome in ("ok", "ok", "RequestLimitExceeded", "InternalError", "reset", "truncated"):
        tally.add(FaultTarget(DETAIL.name, "1", 2, ""), 5.0, outcome, writes=False, faults=["slow"])
    tally.add(FaultTarget("CreateAccount", None, None, ""), 6.0, "UnauthorizedOperation", writes=True, faults=[])
    counts = tally.by_action()
    assert counts[DETAIL.name] == {
        "requests": 6,
        "ok": 2,
        "throttled": 1,
        "refused": 1,
        "broken": 2,
        "codes": {"RequestLimitExceeded": 1, "InternalError": 1},
        "faults": {"slow": 6},
        "writes": 0,
        "peak_per_second": 0,
    }
    assert counts["CreateAccount"]["writes"] == 1
    assert tally.requests()[0] == (5.0, DETAIL.name, "1", 2, "ok")


def test_every_answered_action_is_a_read_of_the_catalogue() -> None:
    """The sandbox answers only actions that the catalogue has and that read."""
    assert [name for name in ANSWERS if ACTIONS[name].writes] == []
