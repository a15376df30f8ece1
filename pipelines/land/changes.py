"""The change log: rows that appeared or vanished with a landing, written before the old file is replaced.

An entry is a Parquet file, named by the row digests of the old and the new file. It counts only if the manifest of the
landed file names it: the entry of a landing that was killed before the replace is void, and is written again by the
next landing.

Rows are compared as multisets over all source columns. `Id` may be neither unique nor stable, so it only pairs an old
row with a new one (`_paired`) where it is unique on both sides. A vanished row was in the lake from
`_old_requested_at` on, an appeared row is there from `_new_requested_at` on.
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
    """Write the change log entry `path`: the rows that differ between two landed files, old and new.

    `columns` are the source columns that both files have. `customers` limits the comparison to the customers that were
    pulled (None: all rows). The entry's columns are `_change` (appeared or vanished), `_paired`, `_old_requested_at`
    and `_new_requested_at` (when the pulls of the two files ended, UTC), `_customer_uin`, then `columns`. Equal files
    give an entry without rows. Raises StorageFailed.
    """
    times = {"old_requested_at": manifests[0].requested_to, "new_requested_at": manifests[1].requested_to}
    with disk.written_aside(path) as (aside, file), _spilling_beside(path) as connection:
        for name, landed in zip(("old_file", "new_file"), files, strict=True):
            connection.read_parquet(str(landed)).create_view(name)
        connection.execute("create temp table pulled as select unnest($1::varchar[]) as uin", [list(customers or ())])
        connection.execute(_differing_rows_sql(columns, everyone=customers is None))
        rows: Any = connection.sql(_changes_sql(columns), params=times).to_arrow_reader()
        with pq.ParquetWriter(file, rows.schema, compression="zstd") as writer:
            for batch in rows:
                writer.write_batch(batch)
    disk.put_in_place(aside, path)


@contextmanager
def _spilling_beside(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a DuckDB database with little memory that spills to a folder beside `path`. Raises StorageFailed."""
    spill = path.with_name(path.name + ".spill")
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": _MEMORY,
        "threads": 2,
        "preserve_insertion_order": False,
        "temp_directory": str(spill),
    }
    try:
        with duckdb.connect(config=config) as connection:
            yield connection
    except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
        raise StorageFailed(
            f"The changes of a landing cannot be written to {path}: {error}. The landed file is unchanged. "
            "Make room on the disk, then run again: the pages already fetched are kept."
        ) from error
    finally:
        shutil.rmtree(spill, ignore_errors=True)


def _differing_rows_sql(columns: Sequence[str], *, everyone: bool) -> str:
    """Return the SQL that finds the rows of which there are more or fewer than before.

    Rows are compared by digest, since whole rows would fill the memory.
    """
    listed = _column_list(columns)
    where = "" if everyone else "where _customer_uin in (select uin from pulled)"
    views = [
        f"""
        create temp view {side}_rows as
        select {listed}, md5_number(to_json(list_value({listed}))::varchar) as _digest from {side}_file {where};
        """  # noqa: S608  column names come from the catalogue
        for side in ("old", "new")
    ]
    return f"""
        {"".join(views)}
        create temp table differing as
        select _digest, sum(times) as _surplus
        from (
            select _digest, 1 as times from new_rows
            union all
            select _digest, -1 as times from old_rows
        )
        group by _digest
        having sum(times) <> 0;
    """  # noqa: S608  column names come from the catalogue


def _changes_sql(columns: Sequence[str]) -> str:
    """Return the query of an entry's rows, after `_differing_rows_sql`."""
    listed = _column_list(columns)
    row_id = '"Id"' if "Id" in columns else "null"
    unique = f"""
        select _customer_uin as customer, {row_id} as line_id from {{side}}_rows
        where {row_id} in (select {row_id} from changed) group by all having count(*) = 1
    """  # noqa: S608  as above
    return f"""
        with
        changed as (
            select 'vanished' as _change, {listed} from old_rows join differing using (_digest)
            where _surplus < 0
            qualify row_number() over (partition by _digest) <= -_surplus
            union all
            select 'appeared' as _change, {listed} from new_rows join differing using (_digest)
            where _surplus > 0
            qualify row_number() over (partition by _digest) <= _surplus
        ),
        unique_ids as ({unique.format(side="old")} intersect {unique.format(side="new")})
        select
            _change,
            unique_ids.line_id is not null as _paired,
            $old_requested_at::timestamptz as _old_requested_at,
            $new_requested_at::timestamptz as _new_requested_at,
            {listed}
        from changed
        left join unique_ids
            on unique_ids.customer is not distinct from _customer_uin and unique_ids.line_id = {row_id}
    """  # noqa: S608  column names come from the catalogue


def _column_list(columns: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in ("_customer_uin", *columns))
