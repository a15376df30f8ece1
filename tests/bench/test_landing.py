"""How fast and in how much memory response bytes become Parquet, with the limits off.

One million lines of the sandbox's, 5,000 pages, through decoding, the ledger and the landing, in a process of its own,
whose peak memory is the system's own count.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from pipelines.sandbox import World

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

PIPELINE = """
import asyncio, json, resource, sys, time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from pipelines.endpoints import DATASETS
from pipelines.endpoints.shapes import Role
from pipelines.pages import decode, warm_up
from pipelines.periods import BillingClock, BillMonth
from pipelines.endpoints.profile import AccountProfile
from pipelines.refresh import AccountClient, RefreshContext, lists, refresh

DETAIL = replace(DATASETS["customer_bill_detail"], changed_if=None)
ROWS, SIZE = 1_000_000, 200

class Service:
    '''Answers with ready bytes: the page of 200 lines on standard input, whose first id differs from page to page.'''
    request_stats = {}
    def __init__(self):
        rows = json.load(sys.stdin)
        rows[0]["Id"] = "@@@@"
        page = json.dumps({"Response": {"Total": ROWS, "DetailSet": rows, "RequestId": "r"}})
        self.before, self.after = page.split("@@@@")
    async def call(self, action, parameters):
        body = f"{self.before}{parameters['Page']}{self.after}"
        if (parameters["Page"] - 1) * SIZE >= ROWS:
            body = json.dumps({"Response": {"Total": ROWS, "DetailSet": [], "RequestId": "r"}})
        self.bytes = getattr(self, "bytes", 0) + len(body)
        return SimpleNamespace(response=decode(body)["Response"], request_id="r", received_at=datetime.now(UTC))

async def main(home):
    service = Service()
    run = RefreshContext(home, BillingClock(), "bench", "bench", lambda _: None, lambda _: None)
    source = AccountClient(AccountProfile("bench", Role.RESELLER), service)
    lists.read_customers = lambda *_: lists.Customers(frozenset({"200012345678"}))
    lists.is_landed_today = lambda *_: True
    warm_up()
    began = time.perf_counter()
    outcomes = [outcome async for outcome in refresh(run, [source], (DETAIL,), BillMonth("2026-11"))]
    seconds = time.perf_counter() - began
    manifest = outcomes[0].file.manifest
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures = {"rows": manifest.rows, "state": manifest.state, "seconds": seconds, "peak": peak, "bytes": service.bytes}
    print(json.dumps(figures))

asyncio.run(main(Path(sys.argv[1])))
"""


def test_a_million_lines_land_at_40_000_rows_a_second_in_700_mb(tmp_path) -> None:  # noqa: ANN001
    """From response bytes to a committed Parquet file, every row, fast and in bounded memory (best of 3)."""
    world = World(customers=3, lines=1000, largest=800)
    bill = world.bill(world.customer_uins[0], "2026-10")
    page = f"[{','.join(bill.line(index).text for index in range(200))}]"
    rates = []
    for attempt in range(3):
        command = [sys.executable, "-c", PIPELINE, str(tmp_path / str(attempt))]
        answer = subprocess.run(command, input=page, check=True, capture_output=True, text=True, timeout=300)
        figures = json.loads(answer.stdout)
        rates.append(figures["rows"] / figures["seconds"])
        size = f"{figures['rows']:,} rows of {figures['bytes'] / 1e9:.2f} GB"
        print(f"\n{size}: {rates[-1]:,.0f} rows/s, peak {figures['peak']:,.0f} MB")
        assert (figures["rows"], figures["state"]) == (1_000_000, "whole")
        assert figures["peak"] <= 700
    assert max(rates) >= 40_000
