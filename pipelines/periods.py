"""The partner's calendar: bill months, days and the billing clock, all in UTC+8.

Request signing has a clock of its own (the real one); nothing here is used for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from pipelines.errors import SettingError

BILLING_ZONE = ZoneInfo("Asia/Shanghai")
"""Partner console and bills are in UTC+8 (document 1085/48339)."""

FIRST_BILL_MONTH = "2022-06"
"""The first month the API has bill files for; that of the paged bill actions is not documented: taken as the same."""

FIRST_BILL_DATE = "2025-06-01"
"""The first day that has bills by day, says the definition of DescribeCustomerBillDetailByDay."""

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MONTH = re.compile(r"([1-9][0-9]{3})-(0[1-9]|1[0-2])")


class MonthState(StrEnum):
    """How final a bill month is."""

    OPEN = "open"
    """It still runs."""
    PROVISIONAL = "provisional"
    """It is over, but its bill is not out: until 01:00 on the 5th of the next month (document 1085/48339)."""
    ISSUED = "issued"
    """Its bill is out. It may still be restated."""


@dataclass(frozen=True, slots=True, order=True)
class BillMonth:
    """A calendar month in UTC+8, spelled `YYYY-MM`."""

    key: str

    def __post_init__(self) -> None:
        if not _MONTH.fullmatch(self.key):
            raise SettingError(f"'{self.key}' is not a bill month: write it as YYYY-MM, for example 2026-10.")

    @classmethod
    def of(cls, instant: datetime) -> BillMonth:
        """Return the month that an aware instant falls into."""
        return cls(instant.astimezone(BILLING_ZONE).strftime("%Y-%m"))

    @property
    def start(self) -> datetime:
        """The first instant of the month."""
        return datetime.strptime(self.key, "%Y-%m").replace(tzinfo=BILLING_ZONE)

    @property
    def issued_at(self) -> datetime:
        """When its bill is out: 01:00 on the 5th of the next month."""
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
        """Return how final the month is at an aware instant."""
        if now < self.next.start:
            return MonthState.OPEN
        return MonthState.PROVISIONAL if now < self.issued_at else MonthState.ISSUED

    def __str__(self) -> str:
        return self.key


def parse_bill_month(key: str, now: datetime) -> BillMonth:
    """Return the month of that key, if it can have a bill at `now`. Raises SettingError for one that cannot."""
    month = BillMonth(key)
    if month.key < FIRST_BILL_MONTH:
        raise SettingError(f"There are no bills for {key}: the first bill month is {FIRST_BILL_MONTH}.")
    if month > BillMonth.of(now):
        raise SettingError(f"There are no bills for {key} yet: the running month (UTC+8) is {BillMonth.of(now)}.")
    return month


def parse_bill_date(key: str, now: datetime) -> date:
    """Return the day (`YYYY-MM-DD`, UTC+8) if it can have a bill at `now`. Raises SettingError for one that cannot."""
    try:
        day = date.fromisoformat(key if _DAY.fullmatch(key) else "")
    except ValueError:
        raise SettingError(f"'{key}' is not a day: write it as YYYY-MM-DD, for example 2026-10-31.") from None
    today = now.astimezone(BILLING_ZONE).date()
    if not FIRST_BILL_DATE <= day.isoformat() <= today.isoformat():
        raise SettingError(f"There are no bills by day for {key}: they go from {FIRST_BILL_DATE} to today, {today}.")
    return day


@dataclass(frozen=True, slots=True)
class BillingClock:
    """Tells the billing time; `fixed` stands still there (settings allow it with loopback endpoints only)."""

    fixed: datetime | None = None

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC+8."""
        return (self.fixed or datetime.now(UTC)).astimezone(BILLING_ZONE)

    def today(self) -> date:
        """Return the current day in UTC+8."""
        return self.now().date()
