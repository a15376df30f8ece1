"""One whole job as a process of its own, that can be made to die at a commit point.

    python -m tests.integration.job HOME ADDRESS MONTH [POINT [NTH]]

The stages are the product's own; only the moment of death is put in from here. It is SIGKILL: nothing is tidied up.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.client import Client, Credential, FreePacer
from pipelines.endpoints import DATASETS
from pipelines.endpoints.profile import AccountProfile
from pipelines.endpoints.shapes import Role
from pipelines.extract import ledger
from pipelines.land import landing
from pipelines.model import build
from pipelines.periods import BillingClock, BillMonth
from pipelines.publish import build_and_publish, disk, release
from pipelines.refresh import AccountClient, RefreshContext, refresh
from tests.integration.conftest import NOW, SECRET_ID, SECRET_KEY

if TYPE_CHECKING:
    from collections.abc import Callable

BILLS = [DATASETS[f"bill_summary_by_{kind}"] for kind in ("product", "region", "pay_mode")]
BILLS += [DATASETS["customer_bill_summary"], DATASETS["customer_bill_detail"]]
"""What a month is proven complete by."""

POINTS: dict[str, tuple[object, str, bool]] = {
    "a page is stored": (ledger.Ledger, "store", True),
    "a listing is confirmed": (ledger.Ledger, "confirm", True),
    "a file is written aside": (landing, "verify", True),
    "its changes are logged": (landing, "write_changes", True),
    "a file is about to be replaced": (landing.disk, "put_in_place", False),
    "a file is replaced": (landing.disk, "put_in_place", True),
    "a ledger is removed": (ledger.Ledger, "remove", True),
    "a model is made": (build, "_run_model", True),
    "the build is committed": (release, "build", True),
    "the release is copied": (disk, "copy_into_place", True),
    "the release is published": (disk, "point", True),
}
"""Where a job may die: the function, and whether after it or before."""


def die_at(point: str, nth: int) -> None:
    """Make this process kill itself at the nth pass of a point."""
    owner, name, after = POINTS[point]
    original: Callable[..., Any] = getattr(owner, name)
    passes = 0

    def deadly(*values: Any, **named: Any) -> Any:
        nonlocal passes
        passes += 1
        result = original(*values, **named) if after or passes < nth else None
        if passes == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, deadly)


async def land(home: Path, address: str, month: str) -> None:
    """Land the list and the month, as a run does."""
    async with Client(
        account="north", endpoint=address, credential=Credential(SECRET_ID, SECRET_KEY), pacer=FreePacer()
    ) as client:
        run = RefreshContext(home, BillingClock(NOW), "test", f"run {os.getpid()}", lambda _: None, lambda _: None)
        account_client = AccountClient(AccountProfile("north", Role.RESELLER), client)
        async for outcome in refresh(run, [account_client], BILLS, BillMonth(month)):
            if outcome.error:
                raise outcome.error


def main() -> None:
    """Run the job."""
    home, address, month = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    if sys.argv[4:]:
        die_at(sys.argv[4], int(sys.argv[5]))
    asyncio.run(land(home, address, month))
    build_and_publish(home, now=NOW, code_version="test")


if __name__ == "__main__":
    main()
