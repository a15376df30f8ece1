"""How fast and in how much memory response bytes become Parquet, with the limits off.

One million lines of 36 fields, 5,000 pages, through decoding, the ledger and the landing, in a process of its own,
whose peak memory is the system's own count.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

PIPELINE = """
import asyncio, json, resource, sys, time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from pipelines.endpoints import DATASETS
from pipelines.endpoints.shapes import Role
from pipelines.pages import decode
from pipelines.periods import BillingClock, BillMonth
from pipelines.refresh import MONTHLY, Run, Source, refresh
from pipelines import paths, refresh as stage

DETAIL = DATASETS["customer_bill_detail"]
ROWS, SIZE = 1_000_000, 200

class Service:
    '''Answers with ready bytes: a page of 200 lines, its ids made to differ by replacing a marker.'''
    tallies = {}
    def __init__(self):
        row = {name: f"{name} of a line" for name in DETAIL.columns}
        row |= {"PayerAccountId": 200012345678, "OwnerAccountId": 200012345678, "OperatorAccountId": 200012345678}
        row |= {"TotalCost": "12.34567891", "OriginalCost": "15.00000001", "Currency": "USD", "Id": "@@@@-#"}
        numbers = range(SIZE)
        rows = [row | {"Id": f"@@@@-{n}", "InstanceId": f"ins-@@@@{n}", "ComponentUsage": f"{n}.01"} for n in numbers]
        self.page = json.dumps({"Response": {"Total": ROWS, "DetailSet": rows, "RequestId": "r"}})
    async def call(self, action, parameters):
        body = self.page.replace("@@@@", f"{parameters['Page']:06}")
        if (parameters["Page"] - 1) * SIZE >= ROWS:
            body = json.dumps({"Response": {"Total": ROWS, "DetailSet": [], "RequestId": "r"}})
        self.bytes = getattr(self, "bytes", 0) + len(body)
        return SimpleNamespace(response=decode(body)["Response"], request_id="r", received_at=datetime.now(UTC))

async def main(home):
    service = Service()
    run = Run(home, BillingClock(), "bench", "bench", lambda _: None)
    source = Source("bench", Role.RESELLER, service, {})
    stage._listed = lambda run, source: {"200012345678"}
    path = paths.raw_file(home, "customers", "bench", "snapshot_date", run.clock.today().isoformat())
    path.parent.mkdir(parents=True)
    path.touch()
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
    """From response bytes to a committed Parquet file, every row, fast and in bounded memory."""
    answer = subprocess.run(
        [sys.executable, "-c", PIPELINE, str(tmp_path)], check=True, capture_output=True, text=True, timeout=500
    )
    figures = json.loads(answer.stdout)
    rate = figures["rows"] / figures["seconds"]
    size = f"{figures['rows']:,} rows of {figures['bytes'] / 1e9:.2f} GB"
    print(f"\n{size}: {rate:,.0f} rows/s, peak {figures['peak']:,.0f} MB")
    assert (figures["rows"], figures["state"]) == (1_000_000, "whole")
    assert rate >= 40_000
    assert figures["peak"] <= 700
