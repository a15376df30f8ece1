"""Summary of a release: for each account and month its size, its costs and what is not whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipelines import paths
from pipelines.model.session import reader
from pipelines.publish import queries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def summary(home: Path, months: Sequence[str]) -> list[dict[str, Any]]:
    """Return a dict for each account and each of these months in the current release, in this order.

    Keys: `account`, `bill_month`, `is_partner` (bills of customers, not the account's own), `month_state` (of the
    least final customer), `customers` (1 for an own bill), `rows` (bill lines), `costs` (currency to exact Decimal),
    `is_complete`, `is_reconciled`, `not_whole` (for each customer that is not complete or not reconciled a dict with
    `customer_uin`, None for an own bill, and `reason`) and `as_of_at` (aware). Empty without a release.
    """
    if not (current := paths.current_release(home)).exists():
        return []
    with reader(current) as connection:
        rows = queries.rows(connection, "summary", months=list(months))
    for row in rows:
        row["costs"] = {cost["currency"] or "": cost["cost"] for cost in row["costs"] or ()}
        row["not_whole"] = row["not_whole"] or []
    return rows
