"""What a landing changed: rows that appeared and vanished, kept before the old file is replaced.

An entry is a Parquet file named by the row digests of the old and the new file. It counts only if the landed file's
manifest cites it: an entry whose landing was killed before the replace is void, and is written again by the next one.
The difference is one of multisets over all source columns; `Id` may be neither unique nor stable, so it only pairs an
old row with a new one (`_paired`) where it is unique on both sides. What vanished was believed from `_old_asked_at` on,
what appeared from `_new_asked_at` on.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow.parquet as pq

from pipelines.errors import StorageFailed
from pipelines.land import disk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pipelines.land.manifest import Manifest

_MEMORY = "512MB"


def write_changes(
    path: Path,
    files: tuple[Path, Path],
    manifests: tuple[Manifest, Manifest],
    columns: Sequence[str],
    customers: Sequence[str] | None,
) -> None:
    """Write the entry `path`: the rows that differ between two landed files, old and new; none if they are equal.

    `columns` are the source columns both hold; `customers` restricts to those that were pulled again (None: all rows).
    Columns of an entry: `_change` (appeared or vanished), `_paired`, `_old_asked_at` and `_new_asked_at` (UTC, when the
    pulls of the two files ended), `_customer_uin`, then the source columns. Raises StorageFailed.
    """
    parameters: dict[str, object] = {"old": str(files[0]), "new": str(files[1])}
    parameters |= {"old_asked_at": manifests[0].asked_to, "new_asked_at": manifests[1].asked_to}
    if customers is not None:
        parameters["customers"] = list(customers)
    with disk.written_aside(path) as (aside, file), _spilling_beside(path) as connection:
        connection.execute(_difference(columns, customers), parameters)
        rows: Any = connection.execute("select * from difference").to_arrow_reader()
        with pq.ParquetWriter(file, rows.schema, compression="zstd") as writer:
            for batch in rows:
                writer.write_batch(batch)
    disk.put_in_place(aside, path)


@contextmanager
def _spilling_beside(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a database in little memory that spills beside `path`. Raises StorageFailed if the disk refuses."""
    spill = path.with_name(path.name + ".spill")
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": _MEMORY,
        "threads": 2,
        "temp_directory": str(spill),
        "TimeZone": "UTC",
    }
    try:
        with duckdb.connect(config=config) as connection:
            yield connection
    except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
        raise StorageFailed(
            f"The changes of a landing cannot be compared beside {path}: {error}. What was there before is unchanged; "
            "make room, then run again: the pages already fetched are kept."
        ) from error
    finally:
        shutil.rmtree(spill, ignore_errors=True)


def _difference(columns: Sequence[str], customers: Sequence[str] | None) -> str:
    listed = ", ".join(f'"{name}"' for name in ("_customer_uin", *columns))
    where = "" if customers is None else "where list_contains($customers, _customer_uin)"
    row_id = '"Id"' if "Id" in columns else "null"
    return f"""
        create temp table difference as
        with
        old_rows as (select {listed} from read_parquet($old) {where}),
        new_rows as (select {listed} from read_parquet($new) {where}),
        differing as (
            select 'vanished' as _change, * from (from old_rows except all from new_rows)
            union all
            select 'appeared' as _change, * from (from new_rows except all from old_rows)
        ),
        lone as (
            select _customer_uin as customer, {row_id} as id from old_rows group by all having count(*) = 1
            intersect
            select _customer_uin as customer, {row_id} as id from new_rows group by all having count(*) = 1
        )
        select
            _change,
            lone.id is not null as _paired,
            $old_asked_at::timestamptz as _old_asked_at,
            $new_asked_at::timestamptz as _new_asked_at,
            {listed}
        from differing
        left join lone on lone.customer is not distinct from _customer_uin and lone.id = {row_id}
    """  # noqa: S608  column names come from the catalogue
