"""The data of a report: one class for each kind of row, and `Figures` for all of it.

Amounts are exact Decimals, each with its currency; the currency is None for bill lines without one. `queries` fills
these classes, `charts` draws them, `page` and `spelling` format them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.publish.currencies import NO_CURRENCY

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime
    from decimal import Decimal

    from pipelines.publish.release_stamp import ReleaseStamp


@dataclass(frozen=True, slots=True)
class Comparison:
    """A sum of the month from another source, and its difference to the exact sum of the bill lines.

    `missing` and `differing` count the customers without this sum or with a difference; for an own bill they are 0 or
    1. An informative comparison does not decide whether the month is reconciled.
    """

    billing_currency: str
    name: str
    cost: Decimal | None
    difference: Decimal | None
    missing: int
    differing: int
    is_informative: bool


@dataclass(frozen=True, slots=True)
class Gap:
    """Why a customer, or a comparison of an own bill, is not complete or not reconciled.

    `note` is the customer's UIN, or the tag key of the comparison.
    """

    name: str
    note: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Totals:
    """A month's sums in one currency. A sum is None if a bill line lacks the amount, or if own bills do not have it.

    `previous_cost` is None if the month before was never landed. `unpaid_unknown` counts the customers whose unpaid
    amount is not known.
    """

    billing_currency: str | None
    line_count: int
    customer_count: int
    list_cost: Decimal | None
    contracted_cost: Decimal | None
    voucher_amount: Decimal | None
    billed_cost: Decimal
    previous_cost: Decimal | None
    unpaid_cost: Decimal | None
    unpaid_unknown: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """Estimated cost of a running month at its end, and the method; `unknown` counts customers without an estimate."""

    billing_currency: str | None
    as_of_date: date | None
    days_elapsed: int | None
    days_in_month: int
    forecast_cost: Decimal | None
    unknown: int
    method: str | None
    month_to_date_cost: Decimal | None
    previous_month_to_date_cost: Decimal | None


@dataclass(frozen=True, slots=True)
class Restatement:
    """What the service changed after it issued the month's bill.

    `difference` is to the costs that `make close` kept; None if the month is not closed.
    """

    billing_currency: str | None
    line_count: int
    change_cost: Decimal
    last_changed_at: datetime | None
    difference: Decimal | None


@dataclass(frozen=True, slots=True)
class Point:
    """Cost of a product in a month (`YYYY-MM`) or on a day (`YYYY-MM-DD`; empty for lines without a day).

    `is_final` is false while the month is not issued, not complete or not reconciled.
    """

    billing_currency: str | None
    period: str
    product_name: str | None
    billed_cost: Decimal
    is_final: bool


@dataclass(frozen=True, slots=True)
class CostShare:
    """Cost of one customer, product, region, pay mode or tag in the month and in the month before.

    `note` distinguishes equal names. For a tag, `name` is its key and `note` its value.
    """

    billing_currency: str | None
    dimension: str
    name: str | None
    note: str | None
    billed_cost: Decimal
    previous_cost: Decimal | None


@dataclass(frozen=True, slots=True)
class Mover:
    """Change of a product's cost against the month before, for one customer; without a customer for an own bill."""

    billing_currency: str | None
    customer_name: str | None
    customer_uin: str | None
    product_name: str | None
    driver: str
    previous_cost: Decimal
    billed_cost: Decimal
    change_cost: Decimal
    is_comparable: bool


@dataclass(frozen=True, slots=True)
class Age:
    """Unpaid amount of this month and earlier ones in one age bucket."""

    billing_currency: str | None
    age_bucket: str
    unpaid_cost: Decimal
    customer_count: int
    oldest_month: str


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A day on which usage of a product cost far more or less than in the days before. Costs are before vouchers."""

    billing_currency: str | None
    usage_date: date
    customer_name: str | None
    customer_uin: str | None
    product_name: str | None
    usage_cost: Decimal
    expected_cost: Decimal
    deviation_cost: Decimal


@dataclass(frozen=True, slots=True)
class Credit:
    """A customer whose credit runs low, as of the latest snapshot (not of the report's month)."""

    customer_name: str | None
    customer_uin: str | None
    level: str
    credit_currency: str | None
    total_credit: Decimal | None
    remaining_credit: Decimal | None
    remaining_ratio: float | None
    daily_burn_cost: Decimal | None
    days_left: int | None
    as_of_date: date | None


@dataclass(frozen=True, slots=True)
class ExpiringVoucher:
    """A voucher with a remaining amount that expires soon, as of the latest snapshot. The API gives it no currency."""

    customer_name: str | None
    customer_uin: str
    voucher_id: str
    remaining_amount: Decimal | None
    expires_at: datetime
    days_left: int
    snapshot_date: date


@dataclass(frozen=True, slots=True)
class Problem:
    """Data of the month that is missing or stale for some customers, with the command that fixes it."""

    dataset: str | None
    problem: str
    reason: str
    heal_command: str | None
    customer_count: int
    customer_uin: str | None


@dataclass(frozen=True, slots=True)
class CurrencySection:
    """All figures of the month in one currency."""

    totals: Totals
    forecasts: Sequence[Forecast]
    comparisons: Sequence[Comparison]
    restatements: Sequence[Restatement]
    months: Sequence[Point]
    days: Sequence[Point]
    shares: Sequence[CostShare]
    movers: Sequence[Mover]
    ages: Sequence[Age]
    anomalies: Sequence[Anomaly]

    @property
    def currency(self) -> str:
        """The currency's code, or `NO_CURRENCY` for lines without one."""
        return self.totals.billing_currency or NO_CURRENCY

    def by(self, dimension: str) -> list[CostShare]:
        """Return the shares by customer, product, region, pay_mode or tag, highest cost first."""
        return [row for row in self.shares if row.dimension == dimension]


@dataclass(frozen=True, slots=True)
class Figures:
    """All data of one report: a section for each currency, and what belongs to no single currency."""

    stamp: ReleaseStamp
    previous_month: str
    has_previous: bool
    sections: Sequence[CurrencySection]
    gaps: Sequence[Gap]
    credits: Sequence[Credit]
    vouchers: Sequence[ExpiringVoucher]
    problems: Sequence[Problem]
