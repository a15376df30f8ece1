"""The dice that decide which requests go wrong."""

from __future__ import annotations

import pytest

from pipelines.endpoints import ACTIONS
from pipelines.sandbox.faults import Dice, Fault, Faults, FaultTarget
from tests.unit.matrix import check_all

NAMES = set(Faults.__dataclass_fields__) - {"unbound", "unlisted", "slow_seconds"}
QUIET = {"withheld_pages", "arriving", "moving"}


def call(page: int = 1, customer: str = "1", action: str = "DescribeCustomerBillDetail") -> FaultTarget:
    """Return a call for a page."""
    return FaultTarget(action, customer, page, f"{action}|{customer}|{page}")


def test_nothing_goes_wrong_unasked() -> None:
    """Without faults no request is hit."""
    dice = Dice(Faults())
    names = NAMES
    assert not any(dice.hit(name, call(page)) for name in names for page in range(50))


def test_a_rate_hits_its_share() -> None:
    """A number is a share of the requests."""
    dice = Dice(Faults(reset=0.05))
    assert 400 < sum(dice.hit("reset", call(page)) for page in range(10_000)) < 600


def test_lots_do_not_hang_on_the_order_of_requests() -> None:
    """The same questions draw the same lots in any order, and each asking of one draws anew."""
    pages = [*range(200), *range(200)]
    one, other = Dice(Faults(reset=0.3)), Dice(Faults(reset=0.3))
    hit = sorted(page for page in pages if one.hit("reset", call(page)))
    assert hit == sorted(page for page in reversed(pages) if other.hit("reset", call(page)))
    assert len(set(hit)) < len(hit) < 400


def test_faults_draw_apart() -> None:
    """Two faults of the same rate hit different requests."""
    dice = Dice(Faults(reset=0.5, truncated=0.5))
    resets, cuts = ([dice.hit(name, call(page)) for page in range(100)] for name in ("reset", "truncated"))
    assert resets != cuts


@pytest.mark.parametrize(
    "fault",
    [
        Fault(actions=("DescribeCustomerBillDetail",), pages=(3,), times=1),
        Fault(customers=("7",), pages=(3,), times=1),
        Fault(pages=(3,), times=1, customers=("7",), actions=("DescribeCustomerBillDetail",)),
    ],
)
def test_a_fault_can_hit_one_request_once(fault: Fault) -> None:
    """Action, customer, page and number of times narrow a fault down to a single request."""
    dice = Dice(Faults(internal_error=fault))
    calls = [call(page, "7") for page in (1, 2, 3, 4)]
    calls += [call(page, "8", "DescribeCustomerBillSummary") for page in (1, 2, 3)]
    if fault.customers == ():
        calls = calls[:4]
    assert [dice.hit("internal_error", one) for one in calls] == [one is calls[2] for one in calls]
    assert not dice.hit("internal_error", calls[2])


def test_other_actions_customers_and_pages_are_spared() -> None:
    """A restricted fault never hits what it was not meant for."""
    dice = Dice(Faults(reset=Fault(actions=("A",), customers=("1",), pages=(1,))))
    assert not dice.hit("reset", call(action="B"))
    assert not dice.hit("reset", call(action="A", customer="2"))
    assert not dice.hit("reset", call(action="A", page=2))
    assert dice.hit("reset", call(action="A"))


def test_loud_faults_hit_any_action() -> None:
    """Without actions a loud fault hits whatever is asked."""

    def check(name: str) -> None:
        dice = Dice(Faults(**{name: 1.0}))
        assert all(dice.hit(name, call(action=action.name)) for action in ACTIONS.values())

    check_all(check, NAMES - QUIET)


@pytest.mark.parametrize("name", sorted(QUIET))
def test_quiet_faults_hit_bill_lines_unless_they_name_actions(name: str) -> None:
    """Without actions a quiet fault is of the customers' bill lines; with them it is of those only."""
    plain = Dice(Faults(**{name: 1.0}))
    assert plain.hit(name, call())
    assert not plain.hit(name, call(action="QueryCustomersCredit"))
    named = Dice(Faults(**{name: Fault(actions=("QueryCustomersCredit",))}))
    assert named.hit(name, call(action="QueryCustomersCredit"))
    assert not named.hit(name, call())
