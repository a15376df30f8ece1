"""What a landing changed: rows that appeared and vanished, kept before the old file is replaced.

An entry is a Parquet file named by the row digests of the old and the new file. It counts only if the landed file's
manifest cites it: an entry whose landing was killed before the replace is void, and is written again by the next one.
The difference is one of multisets over all source columns; `Id` may be neither unique nor stable, so it only pairs an old
row with a new one (`_paired`) where it is unique on both sides. When each was believed stands in the manifests' windows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow.parquet as pq

from pipelines.land import disk

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_MEMORY = "512MB"


def write_changes(path: Path, old: Path, new: Path, columns: Sequence[str], customers: Sequence[str] | None) -> None:
    """Write the entry `path`: the rows that differ between two landed files, none if they are equal.

    `columns` are the source columns both hold; `customers` restricts to those that were pulled again (None: all rows).
    Columns of an entry: `_change` (appeared or vanished), `_paired`, `_customer_uin`, then the source columns.
    Raises StorageFailed.
    """
    parameters = {"old": str(old), "new": str(new)} | ({} if customers is None else {"customers": list(customers)})
    with duckdb.connect(config={"memory_limit": _MEMORY, "threads": 2}) as connection:
        connection.execute(_difference(columns, customers), parameters)
        rows: Any = connection.execute("select * from difference").to_arrow_reader()
        with (
            disk.written_aside(path) as (aside, file),
            pq.ParquetWriter(file, rows.schema, compression="zstd") as writer,
        ):
            for batch in rows:
                writer.write_batch(batch)
    disk.put_in_place(aside, path)


def _difference(columns: Sequence[str], customers: Sequence[str] | None) -> str:
    listed = ", ".join(f'"{name}"' for name in ("_customer_uin", *columns))
    where = "" if customers is None else "where list_contains($customers, _customer_uin)"
    paired = '"Id" is not null and count(*) over by_id = 2 and count(distinct _change) over by_id = 2'
    pairing = paired if "Id" in columns else "false"
    window = 'window by_id as (partition by _customer_uin, "Id")' if "Id" in columns else ""
    return f"""
        create temp table difference as
        with
        old_rows as (select {listed} from read_parquet($old) {where}),
        new_rows as (select {listed} from read_parquet($new) {where}),
        vanished as (select * from old_rows except all select * from new_rows),
        appeared as (select * from new_rows except all select * from old_rows),
        joined as (
            select 'vanished' as _change, * from vanished
            union all
            select 'appeared' as _change, * from appeared
        )
        select _change, {pairing} as _paired, {listed} from joined {window}
    """  # noqa: S608  column names come from the catalogue
