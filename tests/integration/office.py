"""An office: one account of a role and its books, run against a sandbox with the product's own client and stages."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from pipelines import land, paths, refresh
from pipelines.client import Client, Credential, DiskPacer, FreePacer, pacing_key
from pipelines.endpoints import DATASETS
from pipelines.endpoints.profile import AccountProfile, datasets_for
from pipelines.endpoints.shapes import PartitionKind, Role
from pipelines.periods import BillingClock, BillMonth
from pipelines.sandbox import Principal, World
from tests.integration.conftest import NOW

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipelines.endpoints.shapes import Dataset
    from pipelines.sandbox import Sandbox

PRINCIPALS = {role: Principal(f"AKID{role}", f"key-of-{role}", role) for role in Role}
KEYS: dict[PartitionKind, refresh.PartitionKey] = {
    PartitionKind.BILL_MONTH: BillMonth("2026-10"),
    PartitionKind.BILL_DATE: date(2026, 10, 18),
    PartitionKind.SNAPSHOT_DATE: None,
}


def role_for(dataset: Dataset) -> Role:
    """Return a role that is asked for a dataset, a distributor where one is: it asks most."""
    roles = dataset.default_roles or dataset.action.roles
    return next(role for role in Role if role in roles)


def profile(role: Role, world: World, account: str = "acme") -> AccountProfile:
    """Return an account that asks everything its role may, with settings that the world knows."""
    return AccountProfile(
        account,
        role,
        extra_datasets=frozenset(d.name for d in DATASETS.values() if role in d.action.roles),
        tag_keys=("env", "team"),
        policy_codes=("RP-2026-PRODUCTS", "RP-2026-COMPONENTS"),
        invitation_tokens=tuple(world.invitations(role, world.default_uin(role))),
    )


@dataclass
class Office:
    """Refreshes what a role is asked for; `paced` keeps the real limits."""

    sandbox: Sandbox
    home: Path
    role: Role
    paced: bool = False
    clock: BillingClock = BillingClock(NOW)  # noqa: RUF009  a frozen value
    plans: list[refresh.Planned] = field(default_factory=list)

    @property
    def profile(self) -> AccountProfile:
        """Who asks."""
        return profile(self.role, self.sandbox.world)

    @property
    def datasets(self) -> list[Dataset]:
        """All that the role is asked for."""
        return list(datasets_for(self.profile, DATASETS.values()))

    def refresh(
        self, datasets: Sequence[Dataset], key: refresh.PartitionKey, run_id: str = "run"
    ) -> list[refresh.Outcome]:
        """Refresh a partition and return the outcomes."""
        return asyncio.run(self._refresh(datasets, key, run_id))

    async def _refresh(
        self, datasets: Sequence[Dataset], key: refresh.PartitionKey, run_id: str
    ) -> list[refresh.Outcome]:
        principal = PRINCIPALS[self.role]
        pacer = FreePacer()
        if self.paced:
            pacer = DiskPacer(self.home / "state" / "pacing", pacing_key(self.sandbox.url, principal.secret_id))
        credential = Credential(principal.secret_id, principal.secret_key)
        run = refresh.RefreshContext(self.home, self.clock, "test", run_id, lambda _: None, self.plans.extend)
        async with (
            Client(account="acme", endpoint=self.sandbox.url, credential=credential, pacer=pacer) as client,
            aclosing(refresh.refresh(run, [refresh.AccountClient(self.profile, client)], datasets, key)) as outcomes,
        ):
            return [outcome async for outcome in outcomes]

    def land(self, dataset: Dataset, run_id: str = "run") -> land.Manifest:
        """Refresh a dataset's usual partition with what it is asked of, and return what is landed of it."""
        before = [
            DATASETS[name]
            for name in (dataset.requested_if_cost, dataset.requested_if_rows, dataset.reconciled_with)
            if name
        ]
        key = KEYS[dataset.partition]
        outcomes = self.refresh([*before, dataset], key, run_id)
        assert [str(outcome.error) for outcome in outcomes if outcome.error] == []
        return land.read_manifest(self.path(dataset))

    def path(self, dataset: Dataset) -> Path:
        """Where a dataset's usual partition is landed."""
        key = KEYS[dataset.partition] or NOW.date()
        return paths.raw_file(self.home, dataset.name, "acme", dataset.partition, str(key))

    def rows(self, dataset: Dataset) -> list[dict[str, Any]]:
        """Read what is landed, with lineage."""
        rows: list[dict[str, Any]] = pq.ParquetFile(self.path(dataset)).read().to_pylist()
        return rows
