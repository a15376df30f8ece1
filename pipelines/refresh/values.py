"""The values of a refresh: the run, who is asked, and what became of a dataset.

What does not belong here: anything that asks, reads or writes.
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
    """What all refreshes of a run share.

    `run_id` names the run and its re-executions: what it landed whole is not asked again. `full`: also what nothing
    says has changed is asked; `unproven`: of a month whose bill is out only the customers not proven since. `planned`
    is told what is about to be asked.
    """

    home: Path
    clock: BillingClock
    code_version: str
    run_id: str
    progress: Callable[[Progress], None]
    planned: Callable[[tuple[Planned, ...]], None]
    full: bool = False
    unproven: bool = False

    @classmethod
    def dry(cls, home: Path, clock: BillingClock, *, full: bool) -> RefreshContext:
        """Make a run that asks nothing, to plan with."""
        return cls(home, clock, "", "", lambda _: None, lambda _: None, full)


@dataclass(frozen=True, slots=True)
class AccountClient:
    """An account, and the client that speaks for it."""

    profile: AccountProfile
    client: Client

    @property
    def account(self) -> str:
        """The account's name."""
        return self.profile.account


@dataclass(frozen=True, slots=True)
class Usage:
    """What a dataset cost the account: pages kept, requests sent, how many of them were throttled, seconds between the
    first and the last, and the share of the allowed rate that this is (1.0: as fast as allowed).
    """

    pages: int = 0
    requests: int = 0
    throttled: int = 0
    seconds: float = 0.0
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one dataset: the file landed (also where nothing had to be asked), the failure, or why there was
    nothing to ask and nothing is landed (`skipped`).
    """

    dataset: Dataset
    account: str
    partition_key: str
    file: land.LandedFile | None = None
    error: BillEtlError | None = None
    skipped: str = ""
    usage: Usage = Usage()


def partition_of(context: RefreshContext, account: str, dataset: Dataset, partition_key: str) -> land.Partition:
    """Return where a partition is landed."""
    return land.Partition(context.home, dataset, account, partition_key, state(context, dataset, partition_key))


def state(context: RefreshContext, dataset: Dataset, partition_key: str) -> MonthState | None:
    """Return how final the partition's month is; None for what is taken as of now."""
    if dataset.partition is PartitionKind.SNAPSHOT_DATE:
        return None
    return BillMonth(partition_key[: len("2026-10")]).state(context.clock.now())
