"""How much of the allowed rate pacing leaves to several processes, and what one slot costs. Prints its figures."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from pipelines.client import DiskPacer
from pipelines.endpoints import ACTIONS
from tests.integration.test_pacing_of_processes import run_takers

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.bench


@pytest.mark.parametrize(("count", "limit"), [(1, 5), (4, 5), (4, 20), (2, 1)])
def test_share_of_the_allowed_rate(tmp_path: Path, count: int, limit: int) -> None:
    """Over ten seconds the processes together reach 95 % of limit / (1 + margin) and never more than the limit."""
    taken = run_takers(tmp_path, count, limit, seconds=10.0)
    reached = taken.rate / (limit / 1.03)
    print(f"\n{count} processes at {limit}/s: {reached:.2%} of the allowed rate, shares {taken.shares}")
    assert taken.fullest_second <= limit
    assert reached >= 0.95


def test_cost_of_a_slot(tmp_path: Path) -> None:
    """A slot that need not wait costs well below a millisecond of the event loop."""
    action, slots = ACTIONS["DescribeCustomerBillDetail"], 500
    pacer = DiskPacer(tmp_path, "key", {action.name: 1000}, clock=iter(range(10**6)).__next__)

    async def take() -> None:
        for _ in range(slots):
            async with pacer.slot(action):
                pass

    began = time.perf_counter()
    asyncio.run(take())
    each = (time.perf_counter() - began) / slots
    print(f"\none slot: {each * 1e6:.0f} microseconds")
    assert each < 0.002
