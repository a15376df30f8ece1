"""How close a month comes to the time that the service's own limits allow, and what it asks for.

The month: 45 customers, 43,798 lines of which one customer has 27,509, answers that take 80 ms, the real limits. The
sandbox runs in a process of its own. Figures are ratios measured in one run: wall from the first request to the last
landing over (requests of the slowest action / its limit).
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest

from pipelines.client import Client, Credential, DiskPacer, pacing_key
from pipelines.endpoints.profile import AccountProfile
from pipelines.endpoints.shapes import Role
from pipelines.periods import BillingClock, BillMonth
from pipelines.refresh import AccountClient, RefreshContext, refresh
from pipelines.sandbox import World
from tests.integration.job import BILLS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1200)]

SERVER = """
import sys
from pipelines.endpoints.shapes import Role
from pipelines.sandbox import Principal, World, serve
world = World(customers=45, lines=43798, largest=27509)
serve([Principal("AKIDbench", "key", Role.RESELLER)], world=world, latency=0.08, port=0)
"""
CLIENT = """
import asyncio, sys
from pathlib import Path
from tests.bench.test_month import landed
print(asyncio.run(landed(Path(sys.argv[1]), sys.argv[2], sys.argv[3])))
"""


@contextmanager
def sandbox() -> Iterator[str]:
    """Serve the month in a process of its own; give its address."""
    command = [sys.executable, "-c", SERVER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


async def landed(home: Path, address: str, month: str) -> float:
    """Land a month, and return the seconds from its first request to its last landing."""
    pacer = DiskPacer(home / "state" / "pacing", pacing_key(address, "AKIDbench"))
    async with Client(
        account="bench", endpoint=address, credential=Credential("AKIDbench", "key"), pacer=pacer
    ) as client:
        run = RefreshContext(home, BillingClock(), "bench", month, lambda _: None, lambda _: None)
        account_client = AccountClient(AccountProfile("bench", Role.RESELLER), client)
        outcomes = [outcome async for outcome in refresh(run, [account_client], BILLS, BillMonth(month))]
        ended = time.monotonic()
        assert [outcome.error for outcome in outcomes if outcome.error] == []
        assert {outcome.file.manifest.state for outcome in outcomes} == {"whole"}
        return ended - min(tally.first_sent for tally in client.request_stats.values())


def asked(address: str) -> dict[str, dict[str, Any]]:
    """Return the sandbox's own count of what it was asked."""
    with urlopen(f"{address}/statistics") as answer:
        return json.load(answer)


def ideal(statistics: dict[str, dict[str, Any]]) -> float:
    """Return the seconds that the slowest action's limit makes its requests take."""
    from pipelines.endpoints import ACTIONS  # noqa: PLC0415

    return max(counts["requests"] / ACTIONS[action].limit for action, counts in statistics.items())


def allowed() -> int:
    """Return the requests that the month needs.

    Pages, four summaries a customer, the list; page 1 again where there are more; one past a last page that is full.
    """
    lines = World(customers=45, lines=43798, largest=27509).line_counts("2026-10").values()
    pages = sum(max(1, -(-count // 200)) for count in lines)
    return pages + 4 * 45 + 1 + sum(count > 200 for count in lines) + sum(count % 200 == 0 < count for count in lines)


def test_a_month_takes_hardly_longer_than_its_limits_allow(tmp_path: Path) -> None:
    """Wall is at most 1.05 x the ideal (median of 3), nothing is throttled, and no request is made that need not be."""
    ratios = []
    for attempt in range(3):
        with sandbox() as address:
            wall = asyncio.run(landed(tmp_path / str(attempt), address, "2026-10"))
            counts = asked(address)
        requests = sum(count["requests"] for count in counts.values())
        ratios.append(wall / ideal(counts))
        print(f"\nmonth: {wall:.2f} s, ideal {ideal(counts):.2f} s, ratio {ratios[-1]:.4f}, {requests} requests")
        assert sum(count["throttled"] for count in counts.values()) == 0
        assert requests <= allowed(), "pages, summaries and the list, once; page 1 again; one look past a full page"
    assert statistics.median(ratios) <= 1.05


def test_two_processes_share_the_limits_without_one_throttling_answer(tmp_path: Path) -> None:
    """Two months in two processes at once take at most 1.06 x the ideal of both, and nothing is throttled."""
    with sandbox() as address, ExitStack() as stack:
        command = [sys.executable, "-c", CLIENT, str(tmp_path), address]
        began = time.monotonic()
        processes = [
            stack.enter_context(subprocess.Popen([*command, month], stdout=subprocess.PIPE, text=True))
            for month in ("2026-09", "2026-10")
        ]
        walls = [float(process.communicate()[0]) for process in processes]
        counts = asked(address)
        assert [process.returncode for process in processes] == [0, 0]
    ratio = max(walls) / ideal(counts)
    print(f"\ntwo months at once: {max(walls):.2f} s ({time.monotonic() - began:.2f} with start-up), ratio {ratio:.4f}")
    assert sum(count["throttled"] for count in counts.values()) == 0
    assert ratio <= 1.06
