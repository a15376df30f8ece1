"""Landing of a pull: its pages become the one Parquet file of a partition, whole or not at all.

Rows are kept as text, as they came; staging gives them types. `extract` has already decided how far each slice is
proven. `merging` decides which rows are replaced and which are carried over.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
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
from pipelines.land.costs import add_costs, total
from pipelines.land.drift import Shape, note_drift
from pipelines.land.manifest import (
    FOOTER_KEY,
    UNREADABLE,
    LandedFile,
    Manifest,
    corrupt,
    raise_if_refused,
    read_manifest,
    set_aside,
    verify_bytes,
)
from pipelines.land.merging import Merged, Pulled, merge, row_keys
from pipelines.pages import EXTRA, Proof, exact_sum
from pipelines.periods import MonthState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from pipelines.endpoints.shapes import Dataset
    from pipelines.land.manifest import SliceState
    from pipelines.pages import Page, Slice

LINEAGE = pa.schema(
    [
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
)
"""Columns that say where a row came from.

`_slice_params` is null where the slice has no parameters of its own. `_reply` and `_file` are as in `pages.Page`.
`_position` counts from 0 within the page.
"""

ROWS_PER_GROUP = 40_960
"""Rows of a Parquet row group: measured to need the least memory (405 MB for a million rows) at full speed."""


@dataclass(frozen=True, slots=True)
class Partition:
    """One dataset of one account for one bill month, day or snapshot day; the place of one landed file.

    `month_state` is None for a snapshot.
    """

    home: Path
    dataset: Dataset
    account: str
    partition_key: str
    month_state: MonthState | None

    @property
    def path(self) -> Path:
        """The partition's one file."""
        return paths.raw_file(self.home, self.dataset.name, self.account, self.dataset.partition, self.partition_key)

    @property
    def changes(self) -> Path:
        """The folder of the partition's change log."""
        return paths.changes_folder(
            self.home, self.dataset.name, self.account, self.dataset.partition, self.partition_key
        )


def landed(partition: Partition) -> Manifest | None:
    """Return the manifest of a partition's landed file, None if nothing has landed. Raises CorruptFile."""
    return read_manifest(partition.path) if partition.path.exists() else None


def land(partition: Partition, pulled: Pulled) -> LandedFile:
    """Land a pull and return the new file.

    A slice whose pull failed keeps the rows landed before. In an issued month a slice also keeps proven rows if the new
    pull is not proven. A slice that was not requested keeps its rows if the dataset is merged by slice.

    Raises StorageFailed, CorruptFile if the file landed before cannot be read, and whatever `pulled.pages` raises, such
    as UnreadableFile. After any of these the file landed before is unchanged.
    """
    old = landed(partition)
    with _setting_aside(partition, old), disk.written_aside(partition.path) as (aside, file):
        manifest = _write(partition, pulled, old, file)
    try:
        _read_back(partition, aside, manifest)
        if old:
            with _setting_aside(partition, old):
                verify(partition.path, old, partition.dataset)
                _log_changes(partition, pulled, old, manifest, aside)
        note_drift(partition.home, manifest)
        disk.put_in_place(aside, partition.path)
    except BaseException:
        disk.discard(aside)
        raise
    return LandedFile(partition.path.relative_to(partition.home).as_posix(), manifest)


@contextmanager
def _setting_aside(partition: Partition, old: Manifest | None) -> Iterator[None]:
    """Set aside the file landed before if it turns out to be damaged, so that the next run lands the partition anew."""
    try:
        yield
    except CorruptFile:
        if old:
            try:
                verify_bytes(partition.path, old)  # what is damaged may be another file, such as a ledger
            except CorruptFile as error:
                set_aside(partition.path, str(error), old.digest)
        raise


def verify(path: Path, manifest: Manifest, dataset: Dataset) -> None:
    """Check a landed file against its manifest: its bytes, rows and exact sums. Raises CorruptFile if they differ."""
    verify_bytes(path, manifest)
    rows = 0
    costs: defaultdict[str, Decimal] = defaultdict(Decimal)
    for batch in _read(path, [column for column in (dataset.cost, dataset.currency, "_page") if column]):
        rows += batch.num_rows
        add_costs(costs, batch, dataset)
    if rows != manifest.rows:
        raise corrupt(path, f"it holds {rows} rows where its manifest says {manifest.rows}")
    if costs != {name: Decimal(text) for name, text in manifest.costs.items()}:
        raise corrupt(path, f"its costs sum to {dict(costs)} where its manifest says {manifest.costs}")


def texts(partition: Partition, column: str) -> list[str | None]:
    """Read a column of a partition's landed file. Raises CorruptFile if it cannot be read."""
    return [text for batch in _read(partition.path, [column]) for text in batch.column(0).to_pylist()]


def _read(path: Path, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Give the rows of a landed file in batches, with every page checked against its checksum. Raises CorruptFile."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield from file.iter_batches(ROWS_PER_GROUP, columns=columns)
    except UNREADABLE as error:
        raise_if_refused(path, error)
        raise corrupt(path, f"it cannot be read ({type(error).__name__})") from error


def _read_back(partition: Partition, aside: Path, manifest: Manifest) -> None:
    try:
        verify(aside, manifest, partition.dataset)
    except CorruptFile as error:
        raise StorageFailed(
            f"The new file for {partition.path} does not read back as it was written ({error}). The old file is "
            "unchanged. Check the disk, then run again: the pages already fetched are kept."
        ) from error


@dataclass(slots=True)
class _Count:
    """Rows written for a slice, and the exact sum of their cost column, 0 if the dataset has none."""

    rows: int = 0
    cost: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Batches of rows for a new file: the pulled rows first, then those carried over from the old file.

    `counts` and `shape` fill as the batches are consumed.
    """

    partition: Partition
    pages: Iterable[Page]
    merged: Merged
    schema: pa.Schema
    shape: Shape
    counts: defaultdict[Slice, _Count]

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        yield from self._pulled()
        yield from self._carried()

    def _pulled(self) -> Iterator[pa.RecordBatch]:
        wanted = {state.slice for state in self.merged.slices if not state.carried}
        for page in self.pages:
            if page.slice in wanted and page.rows.num_rows:
                self.shape.add(page)
                self._count(page)
                yield _with_lineage(page, self.partition.account, self.schema)

    def _carried(self) -> Iterator[pa.RecordBatch]:
        if not self.merged.kept:
            return
        wanted = pa.array(sorted(self.merged.kept), pa.string())
        for batch in _read(self.partition.path):
            keys = row_keys(self.partition.dataset, batch)
            mask = pc.is_in(keys, wanted)
            for group in pc.value_counts(keys.filter(mask)).to_pylist():
                self.counts[self.merged.kept[group["values"]]].rows += group["counts"]
            kept = batch.filter(mask)
            yield from _with_columns(kept, self.schema) if kept.num_rows else ()

    def _count(self, page: Page) -> None:
        count = self.counts[page.slice]
        count.rows += page.rows.num_rows
        dataset = self.partition.dataset
        if dataset.file is not None and dataset.cost is not None:
            count.cost = exact_sum([count.cost, total(page.rows.column(dataset.cost))])

    def slices(self) -> tuple[SliceState, ...]:
        """Return the slices with the counts and costs that are known only after their rows were written."""
        return tuple(map(self._with_counts, self.merged.slices))

    def _with_counts(self, state: SliceState) -> SliceState:
        dataset = self.partition.dataset
        if state.carried:
            return replace(state, rows=self.counts[state.slice].rows)
        if dataset.file is None or state.proof == Proof.FAILED:
            return state
        count = self.counts[state.slice]
        return replace(state, rows=count.rows, cost=format(count.cost, "f") if dataset.cost else None)


def _write(partition: Partition, pulled: Pulled, old: Manifest | None, file: disk.HashedFile) -> Manifest:
    """Write the new file of a partition and return its manifest."""
    schema = pa.schema([*((name, pa.string()) for name in (*partition.dataset.columns, EXTRA)), *LINEAGE])
    merged = merge(partition.dataset, old, pulled, issued=partition.month_state is MonthState.ISSUED)
    batches = _Rows(partition, pulled.pages, merged, schema, Shape(partition.dataset), defaultdict(_Count))
    costs: defaultdict[str, Decimal] = defaultdict(Decimal)
    rows = 0
    with pq.ParquetWriter(file, schema, compression="zstd", write_page_checksum=True) as writer:
        for table in _in_groups(batches):
            writer.write_table(table)
            rows += table.num_rows
            add_costs(costs, table, partition.dataset)
        manifest = Manifest(
            dataset=partition.dataset.name,
            account=partition.account,
            kind=partition.dataset.partition.value,
            partition_key=partition.partition_key,
            month_state=partition.month_state.value if partition.month_state else None,
            rows=rows,
            requested_from=pulled.requested_from.isoformat(),
            requested_to=pulled.requested_to.isoformat(),
            rows_digest=file.digest,
            code_version=pulled.code_version,
            run_id=pulled.run_id,
            costs={currency: format(cost, "f") for currency, cost in sorted(costs.items())},
            slices=batches.slices(),
            changes=(*old.changes, f"{old.rows_digest[:16]}-{file.digest[:16]}.parquet") if old else (),
            fields=batches.shape.fields,
            unknown_values=batches.shape.unknown_values,
        )
        writer.add_key_value_metadata({FOOTER_KEY: manifest.to_json()})
    return manifest


def _with_lineage(page: Page, account: str, schema: pa.Schema) -> pa.RecordBatch:
    count = page.rows.num_rows
    values = {
        "_account": account,
        "_customer_uin": page.customer_uin,
        "_slice_params": page.slice_params or None,
        "_reply": page.reply,
        "_file": page.file,
        "_page": page.number,
        "_request_id": page.request_id,
        "_fetched_at": page.fetched_at,
    }
    lineage = {name: pa.repeat(pa.scalar(value, LINEAGE.field(name).type), count) for name, value in values.items()}
    lineage["_position"] = pa.array(range(count), pa.int32())
    return pa.record_batch([*page.rows.columns, *(lineage[name] for name in LINEAGE.names)], schema=schema)


def _with_columns(batch: pa.RecordBatch, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Give old rows the columns of today. A field that the catalogue has since learned stays in their `_extra`."""
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


def _log_changes(partition: Partition, pulled: Pulled, old: Manifest, new: Manifest, aside: Path) -> None:
    """Write the rows that differ between the old file and the new one to the change log. Raises StorageFailed."""
    known = [name for name in pq.read_schema(partition.path).names if name not in LINEAGE.names]
    columns = [name for name in known if name in partition.dataset.columns]
    if partition.dataset.batch == 1:  # which customers share a batch can vary
        columns.append("_slice_params")
    if set(known) == {*partition.dataset.columns, EXTRA}:  # if not, a field has moved to or from `_extra`
        columns.append(EXTRA)
    uins = {result.customer_uin for result in pulled.results}
    is_whole = partition.dataset.merge is Merge.WHOLE or None in uins
    customers = None if is_whole else [result.customer_uin for result in pulled.results if result.customer_uin]
    write_changes(partition.changes / new.changes[-1], (partition.path, aside), (old, new), columns, customers)
