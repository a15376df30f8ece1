"""The sandbox's bills: exact, hard to keep, and the same whoever asks in whatever order."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.endpoints import ACTIONS
from pipelines.sandbox import World, bill
from pipelines.sandbox.bill import Bill, money

WORLD = World()
MONTH = "2026-10"
FIELDS = [field.name for field in ACTIONS["DescribeCustomerBillDetail"].row_fields]


def rows(of: Bill) -> list[dict[str, Any]]:
    """Return a bill's rows, decoded."""
    return [json.loads(of.line(index).text) for index in range(of.count)]


@pytest.fixture(scope="module")
def month() -> list[dict[str, Any]]:
    """All rows of all customers in one month."""
    return [row for uin in WORLD.customer_uins for row in rows(WORLD.bill(uin, MONTH))]


@given(st.integers(min_value=-(10**24), max_value=10**24))
def test_money_is_written_exactly(amount: int) -> None:
    """An amount's text is its value to the eighth decimal, whatever its size."""
    with localcontext(prec=60):
        assert Decimal(money(amount)) == Decimal(amount) / 10**8
    assert len(money(amount).partition(".")[2]) == 8


def test_rows_have_the_catalogues_fields_in_its_order(month: list[dict[str, Any]]) -> None:
    """Every row has fields of the catalogue only, in its order; a member may be missing."""
    for row in month:
        assert list(row) == [name for name in FIELDS if name in row]
    assert {name for row in month for name in row} == set(FIELDS)


def test_each_rows_amounts_add_up(month: list[dict[str, Any]]) -> None:
    """TotalCost is TotalAmountAfterDiscount less VoucherDeduction, to the last decimal, on every row."""
    for row in month:
        assert Decimal(row["TotalCost"]) == Decimal(row["TotalAmountAfterDiscount"]) - Decimal(row["VoucherDeduction"])


def test_original_cost_is_price_times_usage_times_duration(month: list[dict[str, Any]]) -> None:
    """OriginalCost follows from the list price wherever a row shows one, but for the one contract price."""
    shown = [row for row in month if row["ComponentListPrice"] and row["OriginalCost"] != "1234567890123.12345678"]
    assert shown
    for row in shown:
        cost = Decimal(row["ComponentListPrice"]) * Decimal(row["ComponentUsage"]) * Decimal(row["UsageDuration"])
        assert abs(Decimal(row["OriginalCost"]) - cost) <= Decimal("0.000000005")


def test_a_month_has_everything_that_is_hard_to_keep(month: list[dict[str, Any]]) -> None:
    """Refunds, zeros, eight decimals, vouchers, odd names, missing and empty members are all there."""
    names = {row["InstanceName"] for row in month if row.get("InstanceName")}
    assert any(Decimal(row["TotalCost"]) < 0 for row in month)
    assert any(Decimal(row["OriginalCost"]) == 0 for row in month)
    assert any(Decimal(row["VoucherDeduction"]) > 0 and Decimal(row["TotalCost"]) == 0 for row in month)
    assert any(not row["TotalCost"].endswith("0") for row in month)
    assert any("数据库" in name for name in names)
    for piece in (",", '"', "\n", "\t", "\u00a0", "\\", "%"):
        assert any(piece in name for name in names), piece
    assert {"-", "", None} <= {row["ProjectName"] for row in month if "ProjectName" in row}
    assert any("ProjectName" not in row for row in month)
    assert any("\u00a0" in row["Region"] for row in month)
    assert any("\u00a0" not in row["Region"] and "Jakarta" in row["Region"] for row in month)
    assert {row["Currency"] for row in month} == {"USD"}
    assert len({row["BusinessCode"] for row in month}) > 2
    assert {row["BillingMode"] for row in month} == {"Yearly/monthly subscription", "Pay-As-You-Go resources"}


def test_some_rows_differ_by_id_only(month: list[dict[str, Any]]) -> None:
    """Rows that are alike but for Id are there, and every Id is there once."""
    without_id = Counter(json.dumps({**row, "Id": None}) for row in month)
    assert max(without_id.values()) > 1
    assert len({row["Id"] for row in month}) == len(month)


def test_one_customer_has_an_amount_beyond_a_double() -> None:
    """One amount that no double holds is on one row, of the third customer; without it the month is plausible."""
    beyond = [
        uin
        for uin in WORLD.customer_uins
        for row in rows(WORLD.bill(uin, MONTH))
        if row["TotalCost"] == "1234567890123.12345678"
    ]
    assert beyond == [WORLD.customer_uins[2]]
    plain = World(beyond_double=False)
    assert all(
        abs(Decimal(row["TotalCost"])) < 1_000_000
        for uin in plain.customer_uins
        for row in rows(plain.bill(uin, MONTH))
    )


def test_a_charges_lines_share_its_flow_number_and_times(month: list[dict[str, Any]]) -> None:
    """Rows with the same TransactionId have the same times and resource, and there are several of them."""
    shared: dict[str, set[tuple[str, ...]]] = {}
    for row in month:
        seen = (row["TransactionTime"], row["UsageStartTime"], row["UsageEndTime"], row["InstanceId"])
        shared.setdefault(row["TransactionId"], set()).add(seen)
    assert all(len(seen) == 1 for seen in shared.values())
    assert len(shared) < len(month)


def test_lines_are_the_same_in_any_order() -> None:
    """A line does not depend on which lines were made before it."""
    largest = WORLD.bill(WORLD.customer_uins[0], MONTH)
    forwards = [largest.line(index) for index in range(largest.count)]
    bill._chunk.cache_clear()
    backwards = [largest.line(index) for index in reversed(range(largest.count))]
    assert forwards == backwards[::-1]


def test_other_seeds_months_and_customers_have_other_lines() -> None:
    """Seed, month and customer each change the lines."""
    one = WORLD.bill(WORLD.customer_uins[0], MONTH)
    others = (replace(one, seed=2), replace(one, month="2026-09"), WORLD.bill(WORLD.customer_uins[1], MONTH))
    for other in others:
        assert other.line(0).text != one.line(0).text


def test_lines_are_booked_within_the_month_in_order() -> None:
    """A line's time never falls from one to the next and lies in the bill's month; booked() counts up to a time."""
    largest = WORLD.bill(WORLD.customer_uins[0], "2024-02")
    seconds = [largest.second(index) for index in range(largest.count)]
    assert seconds == sorted(seconds)
    assert 0 <= seconds[0] < seconds[-1] < 29 * 24 * 3600
    for until in (-1, 0, 86_400, 29 * 24 * 3600):
        assert largest.booked(until) == sum(second <= until for second in seconds)


def test_a_restatement_replaces_one_line_and_changes_three() -> None:
    """After a restatement one Id has gone, one is new, three rows have other amounts and all others are untouched."""
    before = WORLD.bill(WORLD.customer_uins[1], MONTH)
    old = {row["Id"]: row for row in rows(before)}
    new = {row["Id"]: row for row in rows(replace(before, restated=1))}
    assert (len(old.keys() - new.keys()), len(new.keys() - old.keys())) == (1, 1)
    changed = [id_ for id_ in old.keys() & new.keys() if old[id_] != new[id_]]
    assert len(changed) == 3
    assert all(old[id_]["OriginalCost"] != new[id_]["OriginalCost"] for id_ in changed)


def test_a_second_restatement_keeps_the_first() -> None:
    """Restating again changes other lines on top of those changed before."""
    of = WORLD.bill(WORLD.customer_uins[1], MONTH)
    once, twice = ({line["Id"] for line in rows(replace(of, restated=times))} for times in (1, 2))
    original = {line["Id"] for line in rows(of)}
    assert len(once - original) == 1
    assert len(twice - original) == 2


def test_restating_a_bill_without_lines_changes_nothing() -> None:
    """A customer without spend can be restated; there is nothing to change."""
    assert rows(Bill(1, "200000000001", MONTH, count=0, restated=1)) == []


def test_the_slots_are_in_the_catalogues_order() -> None:
    """A line's own texts are filled in by position, so their names must follow the catalogue."""
    assert list(bill.SLOTS) == [name for name in FIELDS if name in bill.SLOTS]
