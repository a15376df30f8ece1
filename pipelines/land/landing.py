"""One landing: pulled pages become a partition's one Parquet file, whole or not at all.

Rows are kept as they came; types are given in staging. What is asked, and how well it is proven, is decided before
(`pages.CustomerPull`); here it is decided whose rows are replaced and whose are carried over.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines import paths
from pipelines.endpoints.shapes import Merge
from pipelines.errors import CorruptFile, StorageFailed
from pipelines.land import disk
from pipelines.land.changes import write_changes
from pipelines.land.manifest import (
    FOOTER_KEY,
    UNREADABLE,
    LandedCustomer,
    LandedFile,
    Manifest,
    corrupt,
    read_manifest,
    verify_bytes,
)
from pipelines.pages import EXTRA, CustomerPull, Page, Proof, exact_sum, exact_total
from pipelines.periods import MonthState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from pipelines.endpoints.shapes import Dataset

LINEAGE = pa.schema(
    [
        ("_account", pa.string()),
        ("_customer_uin", pa.string()),
        ("_page", pa.int32()),
        ("_position", pa.int32()),
        ("_request_id", pa.string()),
        ("_fetched_at", pa.timestamp("us", tz="UTC")),
    ]
)
"""Where a row came from; `_position` counts from 0 within its page."""

ROWS_PER_GROUP = 40_960
"""Rows of a Parquet row group: measured to need the least memory (405 MB for a million rows) at full speed."""


@dataclass(frozen=True, slots=True)
class Target:
    """The partition a landing goes to: one account's, of one dataset, with the month's state (None: not a month)."""

    home: Path
    dataset: Dataset
    account: str
    key: str
    month_state: MonthState | None

    @property
    def path(self) -> Path:
        """The partition's one file."""
        return paths.raw_file(self.home, self.dataset.name, self.account, self.dataset.partition, self.key)

    @property
    def changes(self) -> Path:
        """The folder of its change log."""
        return paths.changes_folder(self.home, self.dataset.name, self.account, self.dataset.partition, self.key)


@dataclass(frozen=True, slots=True)
class Pulled:
    """What extract hands over for one target: an outcome per customer, their pages in order, the window of asking."""

    customers: Sequence[CustomerPull]
    pages: Iterable[Page]
    listed: frozenset[str]
    asked_from: datetime
    asked_to: datetime
    code_version: str
    run_id: str


def landed(target: Target) -> Manifest | None:
    """Return the manifest of what is landed there now, None if nothing is. Raises CorruptFile."""
    return read_manifest(target.path) if target.path.exists() else None


def land(target: Target, pulled: Pulled) -> LandedFile:
    """Land a pull and return the new file.

    A customer whose pull failed keeps the rows landed before; so does, on a closed month, one proven before whose new
    pull could not be proven. In a `whole` dataset everything is replaced. Raises StorageFailed, and CorruptFile if what
    was landed before cannot be read; either way the file that was there before still is.
    """
    old = landed(target)
    customers = _merged(target, old, pulled)
    with disk.written_aside(target.path) as (aside, file):
        manifest = _write(target, pulled, old, customers, file)
    try:
        _read_back(target, aside, manifest)
        if old:
            verify(target.path, old, target.dataset)
            _log_changes(target, pulled, old, manifest, aside)
        disk.put_in_place(aside, target.path)
    except BaseException:
        disk.discard(aside)
        raise
    return LandedFile(target.path.relative_to(target.home).as_posix(), manifest)


def verify(path: Path, manifest: Manifest, dataset: Dataset) -> None:
    """Read a landed file back: every byte, its rows and its exact sums. Raises CorruptFile for a difference."""
    verify_bytes(path, manifest)
    rows = 0
    costs: defaultdict[str, Decimal] = defaultdict(Decimal)
    for batch in _read(path, [column for column in (dataset.cost, dataset.currency, "_page") if column]):
        rows += batch.num_rows
        _add_costs(costs, batch, dataset)
    if rows != manifest.rows:
        raise corrupt(path, f"it holds {rows} rows where its manifest says {manifest.rows}")
    if costs != {name: Decimal(text) for name, text in manifest.costs.items()}:
        raise corrupt(path, f"its costs sum to {dict(costs)} where its manifest says {manifest.costs}")


def texts(target: Target, column: str) -> list[str | None]:
    """Return a column of what is landed there. Raises CorruptFile if it cannot be read."""
    return [text for batch in _read(target.path, [column]) for text in batch.column(0).to_pylist()]


def _read(path: Path, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Give the rows of a landed file in batches, every page checked against its checksum. Raises CorruptFile."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield from file.iter_batches(ROWS_PER_GROUP, columns=columns)
    except UNREADABLE as error:
        raise corrupt(path, f"it cannot be read ({type(error).__name__})") from error


def _read_back(target: Target, aside: Path, manifest: Manifest) -> None:
    try:
        verify(aside, manifest, target.dataset)
    except CorruptFile as error:
        raise StorageFailed(
            f"What was written beside {target.path} does not read back as it was written ({error}). What was there "
            "before is unchanged; check the disk, then run again: the pages already fetched are kept."
        ) from error


def _merged(target: Target, old: Manifest | None, pulled: Pulled) -> list[LandedCustomer]:
    """Say for every customer, in order, whose rows the new file holds: those pulled now or those landed before."""
    before = {customer.customer_uin: customer for customer in old.customers} if old else {}
    if target.dataset.merge is Merge.WHOLE:
        before = {}
    now = {
        pull.customer_uin: _landed_customer(target, before.get(pull.customer_uin), pull, pulled.listed)
        for pull in pulled.customers
    }
    carried = {uin: replace(customer, carried=True) for uin, customer in before.items() if uin not in now}
    return sorted((now | carried).values(), key=lambda customer: customer.customer_uin or "")


def _landed_customer(
    target: Target, before: LandedCustomer | None, pull: CustomerPull, listed: frozenset[str]
) -> LandedCustomer:
    closed = target.month_state is MonthState.CLOSED
    new = LandedCustomer(
        customer_uin=pull.customer_uin,
        rows=pull.rows,
        expected_rows=pull.expected_rows,
        cost=None if pull.cost is None else format(pull.cost, "f"),
        proof=pull.proof.value,
        proven_at=pull.proven_at.isoformat() if pull.proven_at else None,
        reason=pull.reason,
        code=pull.code,
        request_id=pull.request_id,
        listed=pull.customer_uin is None or pull.customer_uin in listed,
        proven_closed=closed and pull.proof is Proof.PROVEN,
    )
    if before is None or pull.proof is Proof.PROVEN:
        return new
    if pull.proof is Proof.UNPROVEN and not (closed and before.proven_closed):
        return new
    return replace(
        new,
        rows=before.rows,
        expected_rows=before.expected_rows if new.expected_rows is None else new.expected_rows,
        cost=before.cost,
        proven_at=before.proven_at,
        proven_closed=before.proven_closed,
        carried=True,
    )


def _write(
    target: Target, pulled: Pulled, old: Manifest | None, customers: Sequence[LandedCustomer], file: disk.HashedFile
) -> Manifest:
    schema = pa.schema([*((name, pa.string()) for name in (*target.dataset.columns, EXTRA)), *LINEAGE])
    carried = {customer.customer_uin for customer in customers if customer.carried}
    costs: defaultdict[str, Decimal] = defaultdict(Decimal)
    rows = 0
    with pq.ParquetWriter(file, schema, compression="zstd", write_page_checksum=True) as writer:
        for table in _in_groups(_batches(target, pulled, carried, schema)):
            writer.write_table(table)
            rows += table.num_rows
            _add_costs(costs, table, target.dataset)
        manifest = Manifest(
            dataset=target.dataset.name,
            account=target.account,
            kind=target.dataset.partition.value,
            key=target.key,
            month_state=target.month_state.value if target.month_state else None,
            rows=rows,
            asked_from=pulled.asked_from.isoformat(),
            asked_to=pulled.asked_to.isoformat(),
            rows_digest=file.digest,
            code_version=pulled.code_version,
            run_id=pulled.run_id,
            costs={currency: format(cost, "f") for currency, cost in sorted(costs.items())},
            customers=tuple(customers),
            changes=(*old.changes, f"{old.rows_digest[:16]}-{file.digest[:16]}.parquet") if old else (),
        )
        writer.add_key_value_metadata({FOOTER_KEY: manifest.to_json()})
    return manifest


def _batches(target: Target, pulled: Pulled, carried: set[str | None], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Give the pulled pages of customers that are not carried over, then the carried rows of the old file."""
    for page in pulled.pages:
        if page.customer_uin not in carried and page.rows.num_rows:
            yield _with_lineage(page, target.account, schema)
    if carried:
        wanted = pa.array(sorted(uin for uin in carried if uin is not None), pa.string())
        for batch in _read(target.path):
            kept = batch.filter(pc.is_in(batch.column("_customer_uin"), wanted))
            yield from _with_columns(kept, schema) if kept.num_rows else ()


def _with_lineage(page: Page, account: str, schema: pa.Schema) -> pa.RecordBatch:
    count = page.rows.num_rows
    values = {
        "_account": account,
        "_customer_uin": page.customer_uin,
        "_page": page.number,
        "_request_id": page.request_id,
        "_fetched_at": page.fetched_at,
    }
    lineage = {name: pa.repeat(pa.scalar(value, LINEAGE.field(name).type), count) for name, value in values.items()}
    lineage["_position"] = pa.array(range(count), pa.int32())
    return pa.record_batch([*page.rows.columns, *(lineage[name] for name in LINEAGE.names)], schema=schema)


def _with_columns(batch: pa.RecordBatch, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Give rows landed before the catalogue learned a field the columns of today; the field stays in their `_extra`."""
    missing = pa.nulls(batch.num_rows, pa.string())
    columns = [batch.column(name) if name in batch.schema.names else missing for name in schema.names]
    yield pa.record_batch(columns, schema=schema)


def _in_groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    group: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        group.append(batch)
        rows += batch.num_rows
        if rows >= ROWS_PER_GROUP:
            yield pa.Table.from_batches(group)
            group, rows = [], 0
    if group:
        yield pa.Table.from_batches(group)


def _add_costs(costs: defaultdict[str, Decimal], table: pa.Table | pa.RecordBatch, dataset: Dataset) -> None:
    if dataset.cost is None:
        return
    amounts = table.column(dataset.cost)
    if dataset.currency is None:
        costs[""] = exact_sum([costs[""], exact_total(amounts.to_pylist())])
        return
    currencies = pc.fill_null(table.column(dataset.currency), "")
    for currency in currencies.unique().to_pylist():
        of_it = amounts.filter(pc.equal(currencies, currency))
        costs[currency] = exact_sum([costs[currency], exact_total(of_it.to_pylist())])


def _log_changes(target: Target, pulled: Pulled, old: Manifest, new: Manifest, aside: Path) -> None:
    known = [name for name in pq.read_schema(target.path).names if name not in LINEAGE.names]
    columns = [name for name in known if name in target.dataset.columns]
    if set(known) == {*target.dataset.columns, EXTRA}:  # else a field moved between there and a column of its own
        columns.append(EXTRA)
    whole = target.dataset.merge is Merge.WHOLE or None in {pull.customer_uin for pull in pulled.customers}
    customers = None if whole else [pull.customer_uin for pull in pulled.customers if pull.customer_uin]
    write_changes(target.changes / new.changes[-1], (target.path, aside), (old, new), columns, customers)
