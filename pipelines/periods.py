"""Bill months, days and the billing clock, all in UTC+8.

Request signing uses the real time instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from pipelines.errors import SettingError

BILLING_ZONE = ZoneInfo("Asia/Shanghai")
"""Partner console and bills use UTC+8 (document 1085/48339)."""

FIRST_BILL_MONTH = "2022-06"
"""The first month with bill files. For the paged bill actions none is documented; it is taken to be the same."""

FIRST_BILL_DATE = "2025-06-01"
"""The first day with bills by day, from the definition of DescribeCustomerBillDetailByDay."""

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MONTH = re.compile(r"([1-9][0-9]{3})-(0[1-9]|1[0-2])")


class MonthState(StrEnum):
    """How final a bill month is."""

    OPEN = "open"
    """The month still runs."""
    PROVISIONAL = "provisional"
    """The month is over, but its bill is not issued before 01:00 on the 5th of the next month (document 1085/48339)."""
    ISSUED = "issued"
    """The bill is issued. It may still be restated."""


@dataclass(frozen=True, slots=True, order=True)
class BillMonth:
    """A calendar month in UTC+8. Its `key` is `YYYY-MM`. Raises SettingError for any other text."""

    key: str

    def __post_init__(self) -> None:
        if not _MONTH.fullmatch(self.key):
            raise SettingError(f"'{self.key}' is not a bill month: write it as YYYY-MM, for example 2026-10.")

    @classmethod
    def of(cls, instant: datetime) -> BillMonth:
        """Return the month of an instant (timezone-aware)."""
        return cls(instant.astimezone(BILLING_ZONE).strftime("%Y-%m"))

    @property
    def start(self) -> datetime:
        """The first instant of the month."""
        return datetime.strptime(self.key, "%Y-%m").replace(tzinfo=BILLING_ZONE)

    @property
    def issued_at(self) -> datetime:
        """When its bill is issued: 01:00 on the 5th of the next month."""
        return self.next.start + timedelta(days=4, hours=1)

    @property
    def next(self) -> BillMonth:
        """The month after."""
        return BillMonth((self.start + timedelta(days=31)).strftime("%Y-%m"))

    @property
    def previous(self) -> BillMonth:
        """The month before."""
        return BillMonth((self.start - timedelta(days=1)).strftime("%Y-%m"))

    def state(self, now: datetime) -> MonthState:
        """Return how final the month is at an instant (timezone-aware)."""
        if now < self.next.start:
            return MonthState.OPEN
        return MonthState.PROVISIONAL if now < self.issued_at else MonthState.ISSUED

    def __str__(self) -> str:
        return self.key


def parse_bill_month(key: str, now: datetime) -> BillMonth:
    """Return the bill month that a text (`YYYY-MM`) names. Raises SettingError if it cannot have a bill at `now`."""
    month = BillMonth(key)
    if month.key < FIRST_BILL_MONTH:
        raise SettingError(f"There are no bills for {key}: the first bill month is {FIRST_BILL_MONTH}.")
    if month > BillMonth.of(now):
        raise SettingError(f"There are no bills for {key} yet: the current month (UTC+8) is {BillMonth.of(now)}.")
    return month


def parse_bill_date(key: str, now: datetime) -> date:
    """Return the day (UTC+8) that a text (`YYYY-MM-DD`) names.

    Raises SettingError if it cannot have a bill at `now`.
    """
    try:
        day = date.fromisoformat(key if _DAY.fullmatch(key) else "")
    except ValueError:
        raise SettingError(f"'{key}' is not a day: write it as YYYY-MM-DD, for example 2026-10-31.") from None
    today = now.astimezone(BILLING_ZONE).date()
    if not FIRST_BILL_DATE <= day.isoformat() <= today.isoformat():
        raise SettingError(
            f"There are no bills by day for {key}: the first day is {FIRST_BILL_DATE}, the last is today, {today}."
        )
    return day


@dataclass(frozen=True, slots=True)
class BillingClock:
    """The current time for billing. `fixed` stops it there, which settings allow with loopback endpoints only."""

    fixed: datetime | None = None

    def now(self) -> datetime:
        """Return the current instant, timezone-aware, in UTC+8."""
        return (self.fixed or datetime.now(UTC)).astimezone(BILLING_ZONE)

    def today(self) -> date:
        """Return the current day in UTC+8."""
        return self.now().date()
