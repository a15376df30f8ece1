"""Writes small lakes for tests: Parquet files with the manifest in the footer, in the format of `pipelines.land`.

It shares no code with landing, so that models are tested against the agreed format.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import paths
from pipelines.endpoints import DATASETS
from pipelines.land.manifest import FOOTER_KEY, LandedFile, Manifest, SliceState

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT = "sandbox"
REQUESTED_AT = datetime(2026, 11, 20, 4, tzinfo=UTC)
LINEAGE = [
    ("_account", pa.string()),
    ("_customer_uin", pa.string()),
    ("_slice_params", pa.string()),
    ("_reply", pa.string()),
    ("_file", pa.string()),
    ("_page", pa.int32()),
    ("_position", pa.int32()),
    ("_request_id", pa.string()),
    ("_fetched_at", pa.timestamp("us", tz="UTC")),
]

Row = dict[str, str | None]


@dataclass(frozen=True)
class Pull:
    """Rows and state of one slice. `slice_params` and `reply` are JSON text, as landing keeps it."""

    rows: Sequence[Row] = ()
    proof: str = "proven"
    expected_rows: int | None = None
    proven_at: datetime | None = REQUESTED_AT
    reason: str = ""
    carried: bool = False
    slice_params: str = ""
    reply: str | None = None
    changed_at: datetime | None = REQUESTED_AT
    direct: bool = True


Pulls = Mapping[str | None, Pull | Sequence[Pull]]
"""Pulls by customer: several for a customer with several slices."""


def line(line_id: str | None = "l1", cost: str = "1.5", **fields: str | None) -> Row:
    """Return a bill line that costs `cost`, with the field names of the API."""
    return {
        "Id": line_id,
        "OriginalCost": cost,
        "TotalAmountAfterDiscount": cost,
        "VoucherDeduction": "0",
        "TotalCost": cost,
        "Currency": "USD",
        "BusinessCode": "p_cvm",
        "ProductName": "Cloud Virtual Machine",
        "Region": "Singapore",
        "BillingMode": "Pay-As-You-Go resources",
        "TransactionType": "Hourly settlement",
    } | fields


def sums(cost: str) -> dict[str, list[Row]]:
    """Return the rows of the four summaries of a customer with a bill of `cost`, by dataset."""
    row: Row = {"OriginalCost": cost, "VoucherPayAmount": "0", "TotalCost": cost}
    return {
        "customer_bill_summary": [{"TotalCost": repr(float(Decimal(cost)))}],
        "bill_summary_by_product": [row | {"BusinessCode": "p_cvm"}],
        "bill_summary_by_region": [row | {"RegionId": "9", "RegionName": "Singapore"}],
        "bill_summary_by_pay_mode": [row | {"PayMode": "postPay", "Detail": "[]"}],
    }


def put_month(home: Path, month: str, bills: Mapping[str, Sequence[Row]], **fields: Any) -> None:
    """Land the bill lines and the four summaries of a month. The summaries equal each customer's lines."""
    put(home, "customer_bill_detail", month, {uin: Pull(rows) for uin, rows in bills.items()}, **fields)
    totals = {uin: sums(str(sum((amount(row["TotalCost"]) for row in rows), Decimal()))) for uin, rows in bills.items()}
    for dataset in sums("0"):
        put(home, dataset, month, {uin: Pull(total[dataset]) for uin, total in totals.items()}, **fields)


def put(
    home: Path,
    dataset: str,
    key: str,
    pulls: Pulls,
    *,
    account: str = ACCOUNT,
    month_state: str = "issued",
    requested_at: datetime = REQUESTED_AT,
    damage: Mapping[str, Any] | None = None,
    columns: Sequence[str] | None = None,
) -> LandedFile:
    """Land one partition.

    `damage` overrides fields of the manifest, so that it contradicts the rows. `columns` replaces the catalogue's
    columns, for a file that landed with an older catalogue.
    """
    kind = DATASETS[dataset].partition.value
    slices = _slices(pulls)
    table = _table(DATASETS[dataset].columns if columns is None else columns, account, slices, requested_at)
    manifest = Manifest(
        dataset=dataset,
        account=account,
        kind=kind,
        partition_key=key,
        month_state=month_state if kind == "bill_month" else None,
        rows=table.num_rows,
        requested_from=requested_at.isoformat(),
        requested_to=requested_at.isoformat(),
        rows_digest="",  # known once the rows are written
        code_version="test",
        run_id="run",
        costs=_costs(dataset, table.to_pylist()),
        slices=tuple(_slice_state(dataset, uin, pull) for uin, pull in slices),
    )
    return write(home, table, replace(manifest, **(damage or {})))


def write(home: Path, table: pa.Table, manifest: Manifest) -> LandedFile:
    """Write a table as the landed file of a manifest."""
    path = paths.raw_file(home, manifest.dataset, manifest.account, manifest.kind, manifest.partition_key)
    path.parent.mkdir(parents=True, exist_ok=True)
    body = io.BytesIO()
    with pq.ParquetWriter(body, table.schema, compression="zstd", write_page_checksum=True) as writer:
        writer.write_table(table, row_group_size=40_960)
        manifest = replace(manifest, rows_digest=hashlib.sha256(body.getvalue()).hexdigest())
        writer.add_key_value_metadata({FOOTER_KEY: manifest.to_json()})
    path.write_bytes(body.getvalue())
    return LandedFile(path.relative_to(home).as_posix(), manifest)


def amount(text: str | None) -> Decimal:
    """Return the text as an amount; 0 if it is not a number."""
    try:
        return Decimal(text or 0)
    except InvalidOperation:
        return Decimal()


def _slices(pulls: Pulls) -> list[tuple[str | None, Pull]]:
    """List every pull with its customer."""
    return [(uin, pull) for uin, given in pulls.items() for pull in ([given] if isinstance(given, Pull) else given)]


def _table(
    columns: Sequence[str], account: str, slices: Sequence[tuple[str | None, Pull]], requested_at: datetime
) -> pa.Table:
    rows: list[dict[str, Any]] = [
        dict(row)
        | {
            "_account": account,
            "_customer_uin": uin,
            "_slice_params": pull.slice_params or None,
            "_reply": pull.reply,
            "_file": None,
            "_page": 1 + number // 200,
            "_position": number % 200,
            "_request_id": f"request-{uin}-{1 + number // 200}",
            "_fetched_at": requested_at,
        }
        for uin, pull in slices
        for number, row in enumerate(pull.rows)
    ]
    schema = pa.schema([*((name, pa.string()) for name in (*columns, "_extra")), *LINEAGE])
    return pa.Table.from_pylist(rows, schema=schema)


def _costs(dataset: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    cost, currency = DATASETS[dataset].cost, DATASETS[dataset].currency
    totals: dict[str, Decimal] = {}
    for row in rows if cost else ():
        name = (row.get(currency) or "") if currency else ""
        totals[name] = totals.get(name, Decimal()) + amount(row.get(cost))
    return {name: str(total) for name, total in totals.items()}


def _slice_state(dataset: str, uin: str | None, pull: Pull) -> SliceState:
    cost = DATASETS[dataset].cost
    return SliceState(
        customer_uin=uin,
        rows=len(pull.rows),
        expected_rows=len(pull.rows) if pull.expected_rows is None else pull.expected_rows,
        cost=str(sum((amount(row.get(cost)) for row in pull.rows), Decimal())) if cost else None,
        proof=pull.proof,
        proven_at=pull.proven_at.isoformat() if pull.proven_at else None,
        reason=pull.reason,
        carried=pull.carried,
        slice_params=pull.slice_params,
        changed_at=pull.changed_at.isoformat() if pull.changed_at else None,
        direct=pull.direct,
    )
