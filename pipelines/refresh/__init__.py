"""Refresh partitions of accounts: decide what to request, show the plan, pull, and land.

values     RefreshContext, AccountClient, Outcome, Usage
lists      an account's customers, second-level resellers and vouchers, read from the lake
slices     the slices to request for a dataset, and why the others are left out
plan       the number of requests this takes, as a table
partition  the refresh itself, the only place that joins extract and land
"""

from __future__ import annotations

from pipelines.refresh.partition import PartitionKey, refresh
from pipelines.refresh.plan import Planned, plan_month, tables
from pipelines.refresh.values import AccountClient, Outcome, RefreshContext, Usage

__all__ = [
    "AccountClient",
    "Outcome",
    "PartitionKey",
    "Planned",
    "RefreshContext",
    "Usage",
    "plan_month",
    "refresh",
    "tables",
]
