"""The partner's calendar in UTC+8: edges of months, how final they are, and what can be asked."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from pipelines.errors import SettingError
from pipelines.periods import BILLING_ZONE, BillingClock, BillMonth, MonthState, parse_bill_date, parse_bill_month
from tests.unit.matrix import check_all


def at(text: str) -> datetime:
    """Return a time of the partner's clock."""
    return datetime.fromisoformat(text).replace(tzinfo=BILLING_ZONE)


def test_a_month_begins_at_midnight_in_utc_plus_8() -> None:
    """16:00 UTC is the partner's midnight: the month of an instant changes there and nowhere else."""
    months = {
        "2026-10-31T15:59:59": "2026-10",
        "2026-10-31T16:00:00": "2026-11",
        "2026-12-31T15:59:59": "2026-12",
        "2026-12-31T16:00:00": "2027-01",
        "2024-02-29T15:59:59": "2024-02",
        "2024-02-29T16:00:00": "2024-03",
    }
    assert {utc: BillMonth.of(datetime.fromisoformat(utc).replace(tzinfo=UTC)).key for utc in months} == months


def test_a_month_starts_with_its_first_instant() -> None:
    """The start is midnight on the 1st in UTC+8."""
    assert BillMonth("2026-10").start == datetime(2026, 9, 30, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("key", "before", "after"), [("2026-01", "2025-12", "2026-02"), ("2026-12", "2026-11", "2027-01")]
)
def test_neighbours_of_a_month(key: str, before: Any, after: Any) -> None:
    """The month before and the month after are found across a year's end."""
    assert (str(BillMonth(key).previous), str(BillMonth(key).next)) == (before, after)


def test_every_month_follows_the_one_before_it() -> None:
    """Going on a month and back again returns to it, over ten years."""
    month = BillMonth("2022-06")
    for _ in range(120):
        assert month.next.previous == month
        assert month.next > month
        month = month.next
    assert month.key == "2032-06"


def test_a_month_closes_at_one_o_clock_on_the_5th() -> None:
    """A month is open while it runs, provisional until 01:00 on the 5th of the next, then closed."""
    states = {
        "2026-10-01T00:00:00": MonthState.OPEN,
        "2026-10-31T23:59:59": MonthState.OPEN,
        "2026-11-01T00:00:00": MonthState.PROVISIONAL,
        "2026-11-05T00:59:59": MonthState.PROVISIONAL,
        "2026-11-05T01:00:00": MonthState.ISSUED,
        "2027-11-05T01:00:00": MonthState.ISSUED,
    }
    assert {now: BillMonth("2026-10").state(at(now)) for now in states} == states


def test_the_state_does_not_depend_on_the_zone_of_the_clock() -> None:
    """The same instant in UTC and in UTC+8 gives the same state."""
    closing = BillMonth("2026-10").issued_at
    assert closing.astimezone(UTC) == datetime(2026, 11, 4, 17, tzinfo=UTC)
    assert BillMonth("2026-10").state(closing.astimezone(UTC)) is MonthState.ISSUED
    assert BillMonth("2026-10").state(closing.astimezone(UTC) - timedelta(microseconds=1)) is MonthState.PROVISIONAL


def test_a_malformed_month_is_refused_with_an_example() -> None:
    """What is not YYYY-MM is refused, and the message shows how to write it."""

    def check(key: str) -> None:
        with pytest.raises(SettingError, match=r"YYYY-MM\b.*\b2026-10\b"):
            BillMonth(key)

    keys = [
        "2026-13",
        "2026-00",
        "2026-1",
        "202610",
        "2026-10-01",
        "",
        "2026-10\n",
        "\uff12\uff10\uff12\uff16-10",
        "october",
        "0000-01",
    ]
    check_all(check, keys)


NOW = at("2026-11-20T12:00:00")


@pytest.mark.parametrize("key", ["2022-06", "2026-10", "2026-11"])
def test_months_with_bills_can_be_asked(key: str) -> None:
    """Every month from the first to the running one can be asked."""
    assert parse_bill_month(key, NOW).key == key


def test_a_month_before_the_first_is_refused() -> None:
    """A month before the first bill is refused with the first that there is."""
    with pytest.raises(SettingError, match=r"2022-05.*2022-06"):
        parse_bill_month("2022-05", NOW)


@pytest.mark.parametrize("key", ["2026-12", "2027-01", "9999-12"])
def test_a_future_month_is_refused(key: str) -> None:
    """A month that has not begun in UTC+8 is refused with the one that runs."""
    with pytest.raises(SettingError, match=f"{key}.*2026-11"):
        parse_bill_month(key, NOW)


def test_the_new_month_can_be_asked_from_its_first_instant() -> None:
    """At midnight in UTC+8, still the day before in UTC, the new month can be asked."""
    assert parse_bill_month("2026-12", datetime(2026, 11, 30, 16, tzinfo=UTC)).key == "2026-12"
    with pytest.raises(SettingError):
        parse_bill_month("2026-12", datetime(2026, 11, 30, 15, 59, 59, tzinfo=UTC))


@pytest.mark.parametrize("key", ["2025-06-01", "2026-02-28", "2026-11-20"])
def test_days_with_bills_can_be_asked(key: str) -> None:
    """Every day from the first with bills by day to the running one can be asked."""
    assert parse_bill_date(key, NOW).isoformat() == key


@pytest.mark.parametrize("key", ["2025-05-31", "2022-06-01", "2026-11-21", "9999-12-31"])
def test_a_day_without_bills_is_refused(key: str) -> None:
    """A day before there were bills by day, or that is to come, is refused with those that there are."""
    with pytest.raises(SettingError, match=f"{key}.*2025-06-01.*2026-11-20"):
        parse_bill_date(key, NOW)


@pytest.mark.parametrize("key", ["2026-11", "2026-02-30", "2026-13-01", "today", "", "2026-11-20T12:00:00"])
def test_a_malformed_day_is_refused_with_an_example(key: str) -> None:
    """What is no day is refused, and the message shows how to write one."""
    with pytest.raises(SettingError, match=r"YYYY-MM-DD.*2026-10-31"):
        parse_bill_date(key, NOW)


def test_the_new_day_can_be_asked_from_its_first_instant() -> None:
    """At midnight in UTC+8, still the day before in UTC, the new day can be asked."""
    assert parse_bill_date("2026-12-01", datetime(2026, 11, 30, 16, tzinfo=UTC)) == date(2026, 12, 1)
    with pytest.raises(SettingError):
        parse_bill_date("2026-12-01", datetime(2026, 11, 30, 15, 59, 59, tzinfo=UTC))


def test_a_fixed_clock_stands_still_in_utc_plus_8() -> None:
    """A clock that is set tells that instant and its day in UTC+8, whatever zone it was given in."""
    clock = BillingClock(datetime(2026, 11, 30, 16, 30, tzinfo=UTC))
    assert clock.now() == clock.now() == at("2026-12-01T00:30:00")
    assert clock.now().utcoffset() == timedelta(hours=8)
    assert clock.today() == date(2026, 12, 1)


def test_a_clock_that_is_not_set_tells_the_real_time() -> None:
    """Without a fixed time the clock tells now, in UTC+8."""
    before = datetime.now(UTC)
    now = BillingClock().now()
    assert before <= now <= datetime.now(UTC)
    assert now.utcoffset() == timedelta(hours=8)
