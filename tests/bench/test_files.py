"""How fast and in how much memory a downloaded bill lands, against DuckDB's own copy of the same CSV to Parquet.

Five million lines with the headers of customers' detailed bills, each way in a process of its own, whose peak memory is
the system's own count.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import duckdb
import pytest

from pipelines.endpoints.files import CUSTOMER_DETAIL

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

LINES = 5_000_000

VALUES = {
    "BillMonth": "'2026-10'",
    "PayerAccountId": "'100000000001'",
    "OwnerAccountId": "'200012345678'",
    "OperatorAccountId": "'200012345678'",
    "ResellerAccountId": "'100000000001'",
    "ProductName": "'Cloud Virtual Machine (CVM)'",
    "SubProductName": "'CVM Standard S5'",
    "BillingMode": "'Pay-As-You-Go resources'",
    "ProjectName": "'Default Project'",
    "Region": "'Southeast Asia (Singapore)'",
    "AvailabilityZone": "'Singapore Zone ' || (i % 4)",
    "InstanceId": "'ins-' || substr(md5((i % 5000)::varchar), 1, 8)",
    "InstanceName": "'web, \"front\" ' || (i % 5000)",
    "InstanceType": "'S5.LARGE8'",
    "TransactionType": "'Hourly settlement'",
    "TransactionId": "'20261001' || lpad((i // 3)::varchar, 14, '0')",
    "TransactionTime": "strftime(timestamp '2026-10-01' + interval (i // 3) second, '%Y-%m-%d %H:%M:%S')",
    "UsageStartTime": "strftime(timestamp '2026-10-01' + interval (i // 5000) minute, '%Y-%m-%d %H:%M:%S')",
    "UsageEndTime": "strftime(timestamp '2026-10-01 01:00' + interval (i // 5000) minute, '%Y-%m-%d %H:%M:%S')",
    "ComponentType": "'CPU'",
    "ComponentName": "'Standard S5, vCPU'",
    "ComponentListPrice": "'0.0245'",
    "ComponentPriceMeasurementUnit": "'USD/core/hour'",
    "ComponentUsage": "(i % 32) || '.0000'",
    "ComponentUsageUnit": "'core'",
    "UsageDuration": "'1'",
    "DurationUnit": "'hour'",
    "OriginalCost": "((hash(i) % 100000000000) / 100000000)::decimal(18, 8)::varchar",
    "RIDeductionDuration": "'0'",
    "RIDeductionCost": "'0.00000000'",
    "CustomerDiscountRate": "'0.9500'",
    "TotalAmountBeforeVoucher": "((hash(i + 1) % 100000000000) / 100000000)::decimal(18, 8)::varchar",
    "CustomerVoucherDeduction": "'0.00000000'",
    "TotalCost": "((hash(i + 2) % 100000000000) / 100000000)::decimal(18, 8)::varchar",
    "Currency": "'USD'",
    "PaymentStatus": "'Paid'",
    "BusinessCode": "'p_cvm'",
    "ProductCode": "'sp_cvm_s5'",
    "ComponentCode": "'v_cvm_cpu'",
    "ItemCode": "'sv_cvm_cpu_s5'",
    "Id": "'202610' || i",
}
"""A line like those of bills; what is not here is `-`."""

COPY = """
import sys, time, duckdb
bill, copy = sys.argv[1], sys.argv[2] + "/copy.parquet"
connection = duckdb.connect()
connection.execute("set enable_progress_bar = false")
began = time.perf_counter()
connection.execute(
    f"copy (select * from read_csv('{bill}', all_varchar = true)) to '{copy}' (format parquet, compression zstd)"
)
rows = connection.execute(f"select count(*) from '{copy}'").fetchone()[0]
"""

LAND = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from pipelines import land
from pipelines.endpoints import DATASETS
from pipelines.land.bill_files import file_pages
from pipelines.pages import FetchedFile, Proof, Slice, SliceResult
from pipelines.periods import MonthState

DETAIL = DATASETS["customer_bill_detail_files"]
NOW = datetime.now(UTC)
fetched = FetchedFile(Slice("200012345678"), Path(sys.argv[1]), "d" * 64, "request", NOW)
pull = SliceResult("200012345678", Proof.PROVEN, 0, None, None, NOW, digest="d" * 64)
partition = land.Partition(Path(sys.argv[2]), DETAIL, "bench", "2026-10", MonthState.ISSUED)
began = time.perf_counter()
file = land.land(
    partition,
    land.Pulled([pull], file_pages(DETAIL, fetched), frozenset({"200012345678"}), NOW, NOW, "bench", "bench"),
)
rows = file.manifest.rows
"""

FIGURES = """
import json, resource
seconds = time.perf_counter() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"rows": rows, "seconds": seconds, "peak": peak}))
"""


def make_bill(path: Path) -> None:
    """Write a customer's bill with headers as they are documented: words of the fields' names."""
    headers = {field.name: re.sub(r"(?<=[a-z])(?=[A-Z])", " ", field.name) for field in CUSTOMER_DETAIL}
    columns = ", ".join(f'{VALUES.get(name, repr("-"))} as "{header}"' for name, header in headers.items())
    with duckdb.connect() as connection:
        connection.execute(f"copy (select {columns} from range({LINES}) t(i)) to '{path}' (format csv, header)")


def measured(program: str, bill: Path, home: Path) -> dict[str, float]:
    """Run a program on the bill in a process of its own."""
    command = [sys.executable, "-c", program + FIGURES, str(bill), str(home)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    return dict(json.loads(answer.stdout))


def test_a_bill_of_five_million_lines_lands_nearly_as_fast_as_it_is_copied(tmp_path: Path) -> None:
    """Landed, summed and read back in 1.5 times the time of a bare copy, and in 1.2 GB."""
    bill = tmp_path / "bill"
    make_bill(bill)
    copied, landed = (measured(program, bill, tmp_path) for program in (COPY, LAND))
    ratio = landed["seconds"] / copied["seconds"]
    print(f"\n{LINES:,} lines, {bill.stat().st_size / 1e9:.2f} GB of CSV")
    for name, figures in (("copied", copied), ("landed", landed)):
        print(f"{name}: {figures['seconds']:.1f} s, peak {figures['peak']:,.0f} MB")
    print(f"ratio {ratio:.2f}")
    assert copied["rows"] == landed["rows"] == LINES
    assert ratio <= 1.5
    assert landed["peak"] <= 1200
