"""What is to be seen of a bill: exact sums, filters that partition, listings that grow, shift and turn."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise, product

import pytest

from pipelines.periods import BILLING_ZONE
from pipelines.sandbox import World
from pipelines.sandbox.bill import SCALE, money
from pipelines.sandbox.bill_view import BillView, Filters
from tests.unit.matrix import check_all

WORLD = World()
SMALL = World(customers=3, lines=400)
"""The first customers of WORLD with fewer lines."""
NOW = datetime(2026, 11, 20, 12, tzinfo=BILLING_ZONE)
ALL = slice(None)
LARGEST = WORLD.customer_uins[0]


def ids(statement: BillView, filters: Filters = Filters(), window: slice = ALL) -> list[str]:  # noqa: B008 - a value
    """Return the Ids of a listing."""
    return [json.loads(line.text)["Id"] for line in statement.page(filters, window)]


def test_sums_are_those_of_the_rows() -> None:
    """Every sum by product, region or type equals the decimal sum of the rows' texts, exactly."""

    def check(month: str, customer: str) -> None:
        statement = WORLD.bill_view(customer, month, NOW)
        by_product: defaultdict[str, Decimal] = defaultdict(Decimal)
        for line in statement.page(Filters(), ALL):
            row = json.loads(line.text)
            by_product[row["BusinessCode"]] += Decimal(row["TotalCost"])
        sums = statement.sums_by(lambda group: group.business)
        assert {code: Decimal(money(amounts.total)) for code, amounts in sums.items()} == by_product
        assert statement.sums().total == sum(by_product.values()) * SCALE
        assert statement.sums().lines == len(statement.page(Filters(), ALL))

    months = ["2022-06", "2024-02", "2026-10", "2026-11"]
    check_all(check, product(months, WORLD.customer_uins[1:]))
    check_all(check, [("2026-10", LARGEST)])


def test_filters_partition_a_month() -> None:
    """Paid and unpaid, prepaid and postpaid lines are each the whole month, without overlap."""
    statements = [WORLD.bill_view(uin, "2026-10", NOW) for uin in WORLD.customer_uins]
    statement = next(one for one in statements if len(one.sums_by(lambda group: str(group.paid))) == 2)  # paid in part
    whole = set(ids(statement))
    for parts in (
        [Filters(confirmed="1"), Filters(confirmed="2")],
        [Filters(pay_mode="prePay"), Filters(pay_mode="postPay")],
    ):
        listed = [set(ids(statement, part)) for part in parts]
        assert all(listed)
        assert listed[0] | listed[1] == whole
        assert not listed[0] & listed[1]
        assert [statement.sums(part).lines for part in parts] == [len(part) for part in listed]
    assert ids(statement, Filters(confirmed="0")) == ids(statement)


def test_filters_combine() -> None:
    """A line must pass every filter given."""
    statement = WORLD.bill_view(LARGEST, "2026-10", NOW)
    assert ids(statement, Filters("prePay", "postpay_deduct_h")) == []
    assert 0 < statement.sums(Filters("prePay", "prepay_return")).lines < statement.sums(Filters("prePay")).lines


def test_closed_months_are_paid_in_part_and_others_not_at_all() -> None:
    """Over all customers a closed month has paid and unpaid lines; a provisional or open one has only unpaid ones."""
    paid = {
        month: sum(WORLD.bill_view(uin, month, NOW).sums(Filters(confirmed="1")).lines for uin in WORLD.customer_uins)
        for month in ("2026-10", "2026-11")
    }
    assert 0 < paid["2026-10"] < sum(WORLD.line_counts("2026-10").values())
    assert paid["2026-11"] == 0
    provisional = datetime(2026, 11, 5, 0, 59, tzinfo=BILLING_ZONE)
    assert WORLD.bill_view(LARGEST, "2026-10", provisional).sums(Filters(confirmed="1")).lines == 0


def test_an_open_month_grows_with_the_clock() -> None:
    """Lines of the running month appear by the full hour and are never taken back; when it is over all are there."""
    hours = [datetime(2026, 11, 1, tzinfo=BILLING_ZONE) + timedelta(hours=hour) for hour in range(0, 750, 25)]
    listings = [ids(SMALL.bill_view(LARGEST, "2026-11", now)) for now in hours]
    assert len(listings[0]) < len(listings[10]) < len(listings[28])
    for earlier, later in pairwise(listings):
        assert later[: len(earlier)] == earlier
    assert len(listings[-1]) == SMALL.line_counts("2026-11")[LARGEST]
    assert SMALL.bill_view(LARGEST, "2026-11", NOW) == SMALL.bill_view(LARGEST, "2026-11", NOW.replace(minute=59))


def test_an_open_month_has_nothing_from_the_future() -> None:
    """No line of the running month is booked after the billing clock's time."""
    for hour in range(0, 700, 7):
        now = datetime(2026, 11, 1, 0, 30, tzinfo=BILLING_ZONE) + timedelta(hours=hour)
        last = WORLD.bill_view(LARGEST, "2026-11", now).page(Filters(), slice(-1, None))
        assert all(json.loads(line.text)["TransactionTime"] <= f"{now:%Y-%m-%d %H:%M:%S}" for line in last)


def test_a_month_that_is_over_stays() -> None:
    """Lines and sums of a provisional month are those of the closed one."""
    provisional = WORLD.bill_view(LARGEST, "2026-10", datetime(2026, 11, 1, tzinfo=BILLING_ZONE))
    issued = WORLD.bill_view(LARGEST, "2026-10", NOW)
    assert (ids(provisional), provisional.sums()) == (ids(issued), issued.sums())


def test_a_late_line_comes_first_and_counts() -> None:
    """A line that arrives late is at the top, moves all others down and is in the sums."""
    before = WORLD.bill_view(LARGEST, "2026-10", NOW)
    after = replace(before, late=2)
    assert ids(after)[2:] == ids(before)
    assert len(set(ids(after))) == before.sums().lines + 2 == after.sums().lines


def test_a_moved_listing_has_the_same_lines_elsewhere() -> None:
    """A listing that moved once begins with its second line and ends with its first."""
    before = WORLD.bill_view(LARGEST, "2026-10", NOW)
    after = replace(before, moved=1)
    assert ids(after) == [*ids(before)[1:], ids(before)[0]]
    assert after.sums() == before.sums()


def test_pages_past_the_end_are_empty() -> None:
    """Positions past the end hold nothing, of an empty bill too."""
    statement = WORLD.bill_view(LARGEST, "2026-10", NOW)
    assert ids(statement, window=slice(100_000, 100_200)) == []
    idle = next(uin for uin, count in WORLD.line_counts("2026-10").items() if not count)
    empty = WORLD.bill_view(idle, "2026-10", NOW, moved=3)
    assert (ids(empty), empty.sums().lines) == ([], 0)


@pytest.mark.parametrize("month", ["2024-02", "2026-10", "2026-11"])
def test_days_and_cells_sum_to_the_month(month: str) -> None:
    """The totals of days, and all sums of cells, are the month's, to the last decimal, with late lines too."""
    for uin in SMALL.customer_uins:
        for late in (0, 2):
            statement = SMALL.bill_view(uin, month, NOW, late=late)
            assert sum(statement.days().values()) == statement.sums().total
            cells = statement.cells()
            for name in ("lines", "original", "voucher", "total"):
                assert sum(getattr(amounts, name) for amounts in cells.values()) == getattr(statement.sums(), name)
            by_day: defaultdict[str, int] = defaultdict(int)
            for cell, amounts in cells.items():
                by_day[cell.day] += amounts.total
            assert by_day == statement.days()
