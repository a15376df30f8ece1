"""Jobs as processes of their own, that can be made to die at a commit point.

    python -m tests.integration.job

reads jobs, a line of JSON each, and forks a process for each of them, since importing takes longer than most of them
run. The stages are the product's own; only the moment of death is put in from here. It is SIGKILL: nothing is tidied
up. `Jobs` is the other side.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import traceback
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pipelines.client import Client, Credential, FreePacer
from pipelines.endpoints import DATASETS
from pipelines.endpoints.profile import AccountProfile
from pipelines.endpoints.shapes import Role
from pipelines.extract import ledger
from pipelines.land import landing
from pipelines.model import build
from pipelines.periods import BillingClock, BillMonth
from pipelines.publish import build_and_publish, closing, disk, release
from pipelines.refresh import AccountClient, RefreshContext, refresh
from tests.integration import projects
from tests.integration.conftest import NOW, ROOT, SECRET_ID, SECRET_KEY

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
    "a model is about to be made": (build, "_run_model", False),
    "a model is made": (build, "_run_model", True),
    "the build is about to be described": (build, "_describe", False),
    "the build is committed": (release, "build", True),
    "the release is copied aside": (disk, "_copy", True),
    "the release is copied": (disk, "copy_into_place", True),
    "the release is about to be published": (disk, "point", False),
    "the release is published": (disk, "point", True),
    "old releases are about to be removed": (release, "_remove_old", False),
    "what was invoiced is about to be written": (closing, "_write", False),
    "it is about to be digested": (closing, "sha256", False),
    "the release is about to be kept": (disk, "keep", False),
    "a file of the folder is about to be synced": (disk, "_sync", False),
    "the folder is about to be in place": (Path, "rename", False),
    "the close is about to be published": (closing, "build_and_publish", False),
}
"""Where a job may die: the function, and whether after it or before."""


def land(home: str, address: str, month: str) -> None:
    """Land the list and the month, as a run does."""
    asyncio.run(_land(Path(home), address, BillMonth(month)))


def publish(home: str, now: str) -> None:
    """Build and publish what changed, of the project that makes costs only."""
    release.read_project = projects.costs_only
    build_and_publish(Path(home), now=datetime.fromisoformat(now), code_version="test")


def land_and_publish(home: str, address: str, month: str, now: str) -> None:
    """Do both, as a month does."""
    land(home, address, month)
    publish(home, now)


def close(home: str, month: str, now: str) -> None:
    """Close a month."""
    release.read_project = projects.of_closing
    closing.close_month(Path(home), BillMonth(month), now=datetime.fromisoformat(now), code_version="test")


JOBS: dict[str, Callable[..., None]] = {job.__name__: job for job in (land, publish, land_and_publish, close)}


class Jobs:
    """Runs jobs, each to its end, while the `with` block runs."""

    def __enter__(self) -> Self:
        pipe = subprocess.PIPE
        command = [sys.executable, "-m", __spec__.name]
        self._server = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.communicate(timeout=60)

    def run(self, job: Callable[..., None], *arguments: object, point: str = "", nth: int = 1) -> int:
        """Run a job, which dies at the nth pass of a point if one is given; return what it ended with."""
        assert self._server.stdin
        assert self._server.stdout
        print(json.dumps([job.__name__, list(map(str, arguments)), point, nth]), file=self._server.stdin, flush=True)
        return int(self._server.stdout.readline())


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


async def _land(home: Path, address: str, month: BillMonth) -> None:
    async with Client(
        account="north", endpoint=address, credential=Credential(SECRET_ID, SECRET_KEY), pacer=FreePacer()
    ) as client:
        run = RefreshContext(home, BillingClock(NOW), "test", f"run {os.getpid()}", lambda _: None, lambda _: None)
        account_client = AccountClient(AccountProfile("north", Role.RESELLER), client)
        async for outcome in refresh(run, [account_client], BILLS, month):
            if outcome.error:
                raise outcome.error


def _serve() -> None:
    """Fork a process for each job that is read, and say what it ended with."""
    projects.costs_only()  # read before the first fork, and so once
    for line in sys.stdin:
        name, arguments, point, nth = json.loads(line)
        if child := os.fork():
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)  # noqa: T201  the other side reads this
            continue
        status = 1
        try:
            os.dup2(2, 1)  # nothing but endings goes to the other side
            if point:
                die_at(point, nth)
            JOBS[name](*arguments)
            status = 0
        except BaseException:  # noqa: BLE001  whatever it is must not reach the loop of the parent
            traceback.print_exc()
        finally:
            os._exit(status)


if __name__ == "__main__":
    _serve()
