"""What every report, page and workbook says of its month: as of when, how final, whole or not, from which release.

It only reads a release; what a month is stands in `dim_bill_months`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.periods import BILLING_ZONE

if TYPE_CHECKING:
    from datetime import datetime

    from duckdb import DuckDBPyConnection

_SEALS = """
    select
        months.account, months.bill_month, months.is_own_bill, months.month_state, months.as_of_at,
        months.is_complete, months.is_reconciled, months.closed_release_id,
        release.release_id, release.built_at, release.code_version, release.schema_version
    from main.dim_bill_months as months
    cross join meta.release as release
    where months.bill_month = $month
    order by months.account, months.is_own_bill
"""


@dataclass(frozen=True, slots=True)
class ReleaseStamp:
    """One account's month in a release; times are aware. `closed_release_id`: the one it was closed with, or None."""

    account: str
    bill_month: str
    is_own_bill: bool
    month_state: str
    as_of_at: datetime | None
    is_complete: bool
    is_reconciled: bool
    closed_release_id: str | None
    release_id: str
    built_at: datetime
    code_version: str
    schema_version: str

    @property
    def sentence(self) -> str:
        """All of it in one line, times in UTC+8."""
        as_of = (
            f"{self.as_of_at.astimezone(BILLING_ZONE):%Y-%m-%d %H:%M} (UTC+8)" if self.as_of_at else "an unknown time"
        )
        whole = "complete" if self.is_complete else "PARTIAL"
        reconciled = "reconciled" if self.is_reconciled else "NOT RECONCILED"
        return (
            f"{self.bill_month}, {self.month_state}, as of {as_of}: {whole}, {reconciled}. Release {self.release_id}."
        )


def stamps(connection: DuckDBPyConnection, month: str) -> list[ReleaseStamp]:
    """Return the seal of each account that has this month (YYYY-MM) in an open release; none if no account has."""
    return [ReleaseStamp(*row) for row in connection.execute(_SEALS, {"month": month}).fetchall()]
