"""Reads the data of a report from one open release, with the queries `report_*` of `sql/queries`.

Currencies are never added together: each row has its currency, or null for lines without one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pipelines.periods import BillMonth, MonthState
from pipelines.publish import queries
from pipelines.publish.report.figures import (
    Age,
    Anomaly,
    Comparison,
    CostShare,
    Credit,
    CurrencySection,
    ExpiringVoucher,
    Figures,
    Forecast,
    Gap,
    Mover,
    Point,
    Problem,
    Restatement,
    Totals,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from duckdb import DuckDBPyConnection

    from pipelines.publish.release_stamp import ReleaseStamp

Row = TypeVar("Row")

TREND_MONTHS = 13
"""Months in the trend: the last twelve, and the same month of the year before."""


def figures(connection: DuckDBPyConnection, stamp: ReleaseStamp) -> Figures:
    """Return the report's data for the stamp's account and month, from the release that the stamp was read from."""
    parameters: dict[str, Any] = {"account": stamp.account, "is_own_bill": stamp.is_own_bill} | _months(stamp)

    def read(shape: Callable[..., Row], name: str) -> list[Row]:
        return queries.read(connection, shape, f"report_{name}", **parameters)

    queries.keep(connection, "report_costs", **parameters)  # several of the others read it
    parameters |= queries.rows(connection, "report_has_previous", **parameters)[0]

    rows_by_name: dict[str, list[Any]] = {
        "comparisons": read(Comparison, "comparisons"),
        "forecasts": read(Forecast, "forecasts") if stamp.month_state == MonthState.OPEN else [],
        "restatements": read(Restatement, "restatements"),
        "months": read(Point, "months"),
        "days": read(Point, "days"),
        "shares": read(CostShare, "shares") + read(CostShare, "tags"),
        "movers": read(Mover, "movers"),
        "ages": read(Age, "ages"),
        "anomalies": read(Anomaly, "anomalies"),
    }
    return Figures(
        stamp=stamp,
        previous_month=parameters["previous_month"],
        has_previous=parameters["has_previous"],
        sections=[_section(totals, rows_by_name) for totals in read(Totals, "totals")],
        gaps=read(Gap, "gaps"),
        credits=read(Credit, "credits"),
        vouchers=read(ExpiringVoucher, "vouchers"),
        problems=read(Problem, "problems"),
    )


def _months(stamp: ReleaseStamp) -> dict[str, str]:
    """Return the months that the queries name: the stamp's, the one before, and the first of the trend."""
    month = first = BillMonth(stamp.bill_month)
    for _ in range(TREND_MONTHS - 1):
        first = first.previous
    return {"month": month.key, "previous_month": month.previous.key, "first_month": first.key}


def _section(totals: Totals, rows_by_name: dict[str, list[Any]]) -> CurrencySection:
    """Return the rows of one currency from each list of rows."""
    return CurrencySection(
        totals=totals,
        **{
            name: [row for row in rows if row.billing_currency == totals.billing_currency]
            for name, rows in rows_by_name.items()
        },
    )
