"""What the daily refresh of a large partner asks, against asking everyone about everything.

5,000 customers, one or two lines each, of whom about 8 % have new lines since yesterday. The limits are out of the way,
so that the requests can be counted in minutes; seconds are those that the real limits would take for them.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest

from pipelines.client import Client, Credential, FreePacer
from pipelines.endpoints import ACTIONS
from pipelines.endpoints.profile import AccountProfile
from pipelines.endpoints.shapes import Role
from pipelines.periods import BILLING_ZONE, BillingClock, BillMonth
from pipelines.refresh import AccountClient, Outcome, Planned, RefreshContext, plan_month, refresh
from tests.integration.job import BILLS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]

CUSTOMERS = 5000
MONTH = BillMonth("2026-11")
YESTERDAY = datetime(2026, 11, 8, 9, 30, tzinfo=BILLING_ZONE)
TODAY = datetime(2026, 11, 9, 9, 30, tzinfo=BILLING_ZONE)
SERVER = f"""
import sys
from datetime import datetime
from pipelines.endpoints.shapes import Role
from pipelines.sandbox import Principal, World, serve
world = World(customers={CUSTOMERS}, lines=7500, largest=2, steepness=0, moving_share=0.29, beyond_double=False)
now = datetime.fromisoformat(sys.argv[1])
serve([Principal("AKIDbench", "key", Role.RESELLER)], world=world, now=now, limits=False, port=0)
"""


@contextmanager
def sandbox(now: datetime) -> Iterator[str]:
    """Serve the world as of an instant in a process of its own; give its address."""
    command = [sys.executable, "-c", SERVER, now.isoformat()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


async def refreshed(run: RefreshContext, address: str) -> list[Outcome]:
    """Refresh the month as a run does."""
    async with Client(
        account="bench", endpoint=address, credential=Credential("AKIDbench", "key"), pacer=FreePacer()
    ) as client:
        account_client = AccountClient(AccountProfile("bench", Role.RESELLER), client)
        outcomes = [outcome async for outcome in refresh(run, [account_client], BILLS, MONTH)]
    assert [outcome.error for outcome in outcomes if outcome.error] == []
    assert {outcome.file.manifest.state for outcome in outcomes} == {"whole"}
    return outcomes


def asked(address: str) -> dict[str, int]:
    """Return the sandbox's own count of what it was asked, by action."""
    with urlopen(f"{address}/statistics") as answer:
        found: dict[str, dict[str, Any]] = json.load(answer)
    return {action: count["requests"] for action, count in found.items()}


def seconds(counts: dict[str, int]) -> float:
    """Return what the real limits take: actions are asked side by side."""
    return max(count / ACTIONS[action].limit for action, count in counts.items())


def test_a_daily_refresh_asks_only_who_has_moved(tmp_path: Path) -> None:
    """The plan holds to the request, and the month takes a fraction of the naive time at the limits."""
    plans: list[Planned] = []

    def run(now: datetime) -> RefreshContext:
        return RefreshContext(tmp_path, BillingClock(now), "bench", now.isoformat(), lambda _: None, plans.extend)

    with sandbox(YESTERDAY) as address:
        asyncio.run(refreshed(run(YESTERDAY), address))
        naive = asked(address)
    before = plan_month(run(TODAY), AccountProfile("bench", Role.RESELLER), BILLS, MONTH)
    plans.clear()
    with sandbox(TODAY) as address:
        outcomes = asyncio.run(refreshed(run(TODAY), address))
        real = asked(address)
    [detail] = [outcome.file.manifest for outcome in outcomes if outcome.dataset.name == "customer_bill_detail"]
    moved = sum(not customer.carried for customer in detail.slices)
    least, most, requests = sum(p.min_requests for p in before), sum(p.max_requests for p in before), sum(real.values())
    print(f"\n{moved} of {CUSTOMERS} customers moved ({moved / CUSTOMERS:.1%})")
    print(f"the plan before asking: {least:,} to {most:,} requests; as decided: {sum(p.max_requests for p in plans):,}")
    print(f"asked: {requests:,} {real}: {seconds(real):,.0f} s at the limits")
    print(f"naive: {sum(naive.values()):,} {naive}: {seconds(naive):,.0f} s at the limits")
    assert 0.06 <= moved / CUSTOMERS <= 0.10
    assert requests == sum(plan.max_requests for plan in plans), "the plan as decided holds to the request"
    assert least <= requests <= most
    assert seconds(real) <= seconds(naive) / 5
