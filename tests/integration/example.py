"""An example: three accounts' books of a few months, asked of a sandbox, closed and restated, always the same.

`python -m tests.integration.example` writes docs/sample_queries.md of it. Times that a pull notes come from a clock
that stands still, so that whatever a release says of it can be compared.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack, ExitStack, aclosing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

from pipelines import paths, refresh
from pipelines.client import Client, Credential, FreePacer
from pipelines.endpoints import DATASETS
from pipelines.endpoints.profile import AccountProfile
from pipelines.endpoints.shapes import PartitionKind, Role
from pipelines.model.session import reader
from pipelines.periods import BILLING_ZONE, BillingClock, BillMonth
from pipelines.publish import build_and_publish
from pipelines.publish.closing import close_month
from pipelines.publish.sample_queries import sample_queries_page
from pipelines.sandbox import Principal, Sandbox, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.endpoints.shapes import Dataset

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "sample_queries.md"
MONTH = BillMonth("2026-10")
FIRST, SECOND = (datetime(2026, 11, day, 12, tzinfo=BILLING_ZONE) for day in (6, 20))
WORLD = World(customers=8, lines=1600, largest=700, beyond_double=False, resellers=2, indirect_customers=2)
PRINCIPALS = {
    "north": Principal("AKIDnorth", "key-of-north", Role.DISTRIBUTOR),
    "harbour": Principal("AKIDharbour", "key-of-harbour", Role.SECOND_LEVEL_RESELLER),
    "shop": Principal("AKIDshop", "key-of-shop", Role.CUSTOMER),
}
CLOCKS = ("pipelines.client.http", "pipelines.extract.request", "pipelines.extract.ledger")
"""Where the real time is noted with what was pulled."""


def make(home: Path) -> None:
    """Fill a home: two closed months landed and the second closed, then restated; the running month, lists and days."""
    with Sandbox(PRINCIPALS.values(), world=WORLD, now=FIRST, limits=False) as sandbox:
        sandbox.storage.ready_after = 0
        _refresh(sandbox, home, FIRST, None, BillMonth("2026-09"), MONTH)
        build_and_publish(home, now=FIRST, code_version="example")
        close_month(home, MONTH, now=FIRST, code_version="example")
        sandbox.now = SECOND
        for customer_uin in WORLD.customer_uins[:2]:
            sandbox.restate(customer_uin, MONTH.key)
        _refresh(sandbox, home, SECOND, None, MONTH, MONTH.next)
    build_and_publish(home, now=SECOND, code_version="example")


def page(home: Path) -> str:
    """Return docs/sample_queries.md as the current release of a home makes it."""
    with reader(paths.current_release(home)) as connection:
        return sample_queries_page(connection, MONTH.key)


def _refresh(sandbox: Sandbox, home: Path, now: datetime, *keys: refresh.PartitionKey) -> None:
    """Ask for lists (None) and months, as of a time that stands still."""
    with _standing_still(now):
        for key in keys:
            kind = PartitionKind.SNAPSHOT_DATE if key is None else PartitionKind.BILL_MONTH
            datasets = [dataset for dataset in DATASETS.values() if dataset.partition is kind]
            outcomes = asyncio.run(_outcomes(sandbox, home, now, datasets, key))
            assert [str(outcome.error) for outcome in outcomes if outcome.error] == []


async def _outcomes(
    sandbox: Sandbox, home: Path, now: datetime, datasets: list[Dataset], key: refresh.PartitionKey
) -> list[refresh.Outcome]:
    run = refresh.RefreshContext(home, BillingClock(now), "example", f"{now:%d} {key}", lambda _: None, lambda _: None)
    async with AsyncExitStack() as stack:
        account_clients = []
        for account, principal in PRINCIPALS.items():
            credential = Credential(principal.secret_id, principal.secret_key)
            client = Client(account=account, endpoint=sandbox.url, credential=credential, pacer=FreePacer())
            profile = AccountProfile(account, principal.role, tag_keys=("env",))
            account_clients.append(refresh.AccountClient(profile, await stack.enter_async_context(client)))
        outcomes = await stack.enter_async_context(aclosing(refresh.refresh(run, account_clients, datasets, key)))
        return [outcome async for outcome in outcomes]


@contextmanager
def _standing_still(now: datetime) -> Iterator[None]:
    """Let pulls note this time, and no other."""

    class Still(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return now.astimezone(tz)  # type: ignore[arg-type]

    with ExitStack() as stack:
        for module in CLOCKS:
            stack.enter_context(patch(f"{module}.datetime", Still))
        yield


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder))
        PAGE.write_text(page(Path(folder)), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}\n")
