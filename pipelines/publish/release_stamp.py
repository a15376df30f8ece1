"""The stamp on every report, export and workbook: as of when, how final and how complete its month is, which release.

It is read from `dim_bill_months` and `meta.release` of a release.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.periods import BILLING_ZONE
from pipelines.publish import queries

if TYPE_CHECKING:
    from datetime import datetime

    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class ReleaseStamp:
    """State of one account's month in a release, times aware. `closed_release_id` is None if it is not closed."""

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
    unread_value_count: int = 0

    @property
    def sentence(self) -> str:
        """The stamp as text, times in UTC+8."""
        as_of = (
            f"{self.as_of_at.astimezone(BILLING_ZONE):%Y-%m-%d %H:%M} (UTC+8)" if self.as_of_at else "an unknown time"
        )
        whole = "complete" if self.is_complete else "PARTIAL"
        reconciled = "reconciled" if self.is_reconciled else "NOT RECONCILED"
        unread = (
            f" {self.unread_value_count:,} unread values: see meta.unread_values." if self.unread_value_count else ""
        )
        return (
            f"{self.bill_month}, {self.month_state}, as of {as_of}: {whole}, {reconciled}.{unread} "
            f"Release {self.release_id}."
        )


def stamps(connection: DuckDBPyConnection, month: str) -> list[ReleaseStamp]:
    """Return the stamp of each account with bills of this month (YYYY-MM) in an open release; empty if none has any."""
    return queries.read(connection, ReleaseStamp, "release_stamps", month=month)
