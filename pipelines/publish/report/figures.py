"""The shapes of what stands in a report: one class for each kind of row, and the whole of it.

Amounts are Decimals as DuckDB holds them, each beside its currency. `queries` fills the shapes; how they are drawn is
the business of `charts`, how they are spelled that of `page`. Where lines tell no currency it is None.
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
    """One way to sum the month up, and what it differs by from the exact sum of the bill lines.

    `missing` and `differing` count customers, or the comparison itself of an own bill; an informative one decides
    nothing.
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
    """Why a customer (`note` is its number), or a comparison of an own bill (its tag), is not whole or not agreed."""

    name: str
    note: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Totals:
    """A month's sums in one currency. A sum is None if a line does not tell its part, and for what no own bill tells.

    `previous_cost` is None if the month before never landed. `unpaid_unknown` counts the customers of whom it is not
    known what they owe.
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
    """Where a running month leads to, and how that was estimated; `unknown` counts those it could not be told of."""

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
    """What the service changed after the month's bill was out; `difference` is to what was frozen, None if none was."""

    billing_currency: str | None
    line_count: int
    change_cost: Decimal
    last_changed_at: datetime | None
    difference: Decimal | None


@dataclass(frozen=True, slots=True)
class Point:
    """What a product cost in a month (`YYYY-MM`) or on a day (`YYYY-MM-DD`, empty where no line tells one).

    `is_final` unless it may change by itself: the month is not closed, or not whole.
    """

    billing_currency: str | None
    period: str
    product_name: str | None
    billed_cost: Decimal
    is_final: bool


@dataclass(frozen=True, slots=True)
class CostShare:
    """A part of the month by one dimension, beside the same of the month before.

    `note` tells equal names apart; of a tag, whose key is the name, it is the value.
    """

    billing_currency: str | None
    dimension: str
    name: str | None
    note: str | None
    billed_cost: Decimal
    previous_cost: Decimal | None


@dataclass(frozen=True, slots=True)
class Mover:
    """What changed against the month before, of a customer (or the own bill, without one) and a product."""

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
    """What is unpaid of this month and those before it, by age."""

    billing_currency: str | None
    age_bucket: str
    unpaid_cost: Decimal
    customer_count: int
    oldest_month: str


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A day on which usage of a product cost far more or less than in the days before; costs are before vouchers."""

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
    """A customer whose credit runs low, as of the latest snapshot, whatever the month of the report."""

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
    """A voucher that expires soon with something left on it, as of the latest snapshot; its currency is not told."""

    customer_name: str | None
    customer_uin: str
    voucher_id: str
    remaining_amount: Decimal | None
    expires_at: datetime
    days_left: int
    snapshot_date: date


@dataclass(frozen=True, slots=True)
class Problem:
    """Something of the month that is missing or stale for some customers, with the command that heals it."""

    dataset: str | None
    problem: str
    reason: str
    heal_command: str | None
    customer_count: int
    customer_uin: str | None


@dataclass(frozen=True, slots=True)
class CurrencySection:
    """The month in one currency; all of it is in that currency."""

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
        """The one currency, in words where the lines tell none."""
        return self.totals.billing_currency or NO_CURRENCY

    def by(self, dimension: str) -> list[CostShare]:
        """Return the parts of the month by customer, product, region, pay_mode or tag, the dearest first."""
        return [part for part in self.shares if part.dimension == dimension]


@dataclass(frozen=True, slots=True)
class Figures:
    """All of one report: books by currency, and what is of no single currency."""

    stamp: ReleaseStamp
    previous_month: str
    has_previous: bool
    sections: Sequence[CurrencySection]
    gaps: Sequence[Gap]
    credits: Sequence[Credit]
    vouchers: Sequence[ExpiringVoucher]
    problems: Sequence[Problem]
