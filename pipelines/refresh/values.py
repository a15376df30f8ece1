"""Values shared by all of a refresh: its context, an account with its client, and the outcome of a dataset.

Nothing here sends requests, reads files or writes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines import land
from pipelines.endpoints.shapes import PartitionKind
from pipelines.periods import BillMonth, MonthState

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipelines.client import Client
    from pipelines.endpoints.profile import AccountProfile
    from pipelines.endpoints.shapes import Dataset
    from pipelines.errors import BillEtlError
    from pipelines.extract import Progress
    from pipelines.periods import BillingClock
    from pipelines.refresh.plan import Planned


@dataclass(frozen=True, slots=True)
class RefreshContext:
    """Settings that all refreshes of one run share.

    `run_id` names the run and its re-executions: what the run has landed whole is not requested again.
    `report_progress` is called as pages arrive, `report_plan` before requests are sent. `full` requests everything,
    also what is known not to have changed. `unproven` requests, for an issued month, only the customers that are not
    proven since the bill was issued.
    """

    home: Path
    clock: BillingClock
    code_version: str
    run_id: str
    report_progress: Callable[[Progress], None]
    report_plan: Callable[[tuple[Planned, ...]], None]
    full: bool = False
    unproven: bool = False

    @classmethod
    def dry(cls, home: Path, clock: BillingClock, *, full: bool) -> RefreshContext:
        """Make a context for planning only, without a run and without reports."""
        return cls(home, clock, "", "", lambda _: None, lambda _: None, full)


@dataclass(frozen=True, slots=True)
class AccountClient:
    """An account's profile and the client that sends its requests."""

    profile: AccountProfile
    client: Client

    @property
    def account(self) -> str:
        """The account's name."""
        return self.profile.account


@dataclass(frozen=True, slots=True)
class Usage:
    """Load that the pull of a dataset put on the account.

    `pages` is the number of pages kept, `requests` the number of requests sent, `throttled` how many of these the
    service throttled, `seconds` the time from the first request to the last. `share` is the share of the allowed rate
    (1.0: as fast as allowed).
    """

    pages: int = 0
    requests: int = 0
    throttled: int = 0
    seconds: float = 0.0
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of refreshing one dataset of one account: its landed file, or the error, or why nothing was requested.

    `why_skipped` is set where nothing had to be requested. `file` is set then too if something landed before.
    """

    dataset: Dataset
    account: str
    partition_key: str
    file: land.LandedFile | None = None
    error: BillEtlError | None = None
    why_skipped: str = ""
    usage: Usage = Usage()


def partition_of(context: RefreshContext, account: str, dataset: Dataset, partition_key: str) -> land.Partition:
    """Return the partition of a dataset to land to or to read."""
    return land.Partition(context.home, dataset, account, partition_key, month_state(context, dataset, partition_key))


def month_state(context: RefreshContext, dataset: Dataset, partition_key: str) -> MonthState | None:
    """Return whether the partition's month is open, provisional or issued; None for a snapshot."""
    if dataset.partition is PartitionKind.SNAPSHOT_DATE:
        return None
    return BillMonth(partition_key[: len("2026-10")]).state(context.clock.now())
