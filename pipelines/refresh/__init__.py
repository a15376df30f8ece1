"""One partition of accounts is refreshed: who is asked what, the plan, the asking and the landing, in this order.

run        the values: the run, the account that asks, what became of a dataset
lists      who the account's customers, resellers and vouchers are, as landed
subjects   what a dataset is asked about, and what of it can have changed
plan       what that takes, as a table
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
