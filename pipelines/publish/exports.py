"""Exports of a month for other programs: every table of `main` as CSV or Parquet, and the FOCUS tables as both.

A folder holds one month of one release. It appears complete, in one step, and is never changed, so that a path always
stands for the same figures. A folder of which a file was changed or lost is made again.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import duckdb

from pipelines import locks, paths
from pipelines.errors import SettingError, StorageFailed
from pipelines.model.closes import sha256
from pipelines.model.session import reader
from pipelines.periods import BillMonth
from pipelines.publish import disk
from pipelines.publish.release_stamp import ReleaseStamp, stamps

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FOCUS = ("focus_cost_and_usage", "focus_billing_period")
"""The tables of FOCUS, which have an export of their own."""

MANIFEST = "manifest.json"

_WAIT = 600.0
"""Seconds that an export waits for a running one, which often writes the very files that are wanted."""

_MONTH_COLUMNS = ("bill_month", "x_BillMonth")
"""Tables with one of these columns are exported for the month only, others completely."""

_FORMULA = "^[=+@\\t\\r\\n-]."
"""Pattern of texts that a spreadsheet takes for a formula. A lone dash is not one: in bills it stands for no value."""

_NESTED = ("MAP", "STRUCT", "[]", "JSON")


class Format(StrEnum):
    """The file formats of an export."""

    CSV = "csv"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """An exported file: its table, row count, size in bytes and SHA-256."""

    name: str
    table: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Export:
    """An exported folder, its files, and the stamp of each account's month."""

    folder: Path
    files: tuple[ExportedFile, ...]
    stamps: tuple[ReleaseStamp, ...]


def export_focus(home: Path, month: str) -> Export:
    """Write the FOCUS tables of a month (YYYY-MM) as Parquet and CSV. Raises SettingError, StorageFailed and Busy."""
    return _export(home, month, "focus", FOCUS, tuple(Format))


def export_tables(home: Path, month: str, format_: str) -> Export:
    """Write a month (YYYY-MM) of every table of `main` as `csv` or `parquet`; tables without months completely.

    Raises SettingError for an unknown format or a month that the release lacks, StorageFailed and Busy.
    """
    if format_ not in tuple(Format):
        raise SettingError(f"There is no format '{format_}': use {' or '.join(Format)}.")
    return _export(home, month, format_, None, (Format(format_),))


def _export(home: Path, month: str, kind: str, tables: Iterable[str] | None, formats: Iterable[Format]) -> Export:
    """Write `tables` (None: all), unless the folder for this release and month is already there, complete."""
    key = BillMonth(month).key
    with _open_release(home) as connection:
        month_stamps = tuple(_month_stamps(connection, key))
        folder = paths.export_folder(home, key, month_stamps[0].release_id, kind)
        files = _complete_files(folder)  # no lock is needed if nothing is to be written
        if not files:
            with locks.held(paths.exports_lock(home), f"the exports of {home}", wait=_WAIT):
                files = _complete_files(folder) or _make(connection, folder, key, month_stamps, tables, formats)
    return Export(folder, files, month_stamps)


def _complete_files(folder: Path) -> tuple[ExportedFile, ...] | None:
    """Return the files of a folder's manifest; None if there is no manifest, or a file does not match it."""
    try:
        listed = json.loads((folder / MANIFEST).read_bytes())["files"]
        files = tuple(ExportedFile(**file) for file in listed)
        is_whole = all(sha256(folder / file.name) == file.sha256 for file in files)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return files if is_whole else None


def _make(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    month: str,
    month_stamps: Iterable[ReleaseStamp],
    tables: Iterable[str] | None,
    formats: Iterable[Format],
) -> tuple[ExportedFile, ...]:
    """Write `tables` (None: all) and the manifest; replaces a folder that is not complete any more."""
    disk.remove_folder(folder)
    with disk.folder_in_place(folder) as aside:
        files = tuple(
            _write(connection, table, month, aside / f"{table}.{format_}")
            for table in (_tables(connection) if tables is None else tables)
            for format_ in formats
        )
        (aside / MANIFEST).write_text(_manifest(month, month_stamps, files), encoding="utf-8")
    return files


def _open_release(home: Path) -> duckdb.DuckDBPyConnection:
    """Open the current release with UTC as its time zone, as in the files. Raises SettingError if there is none."""
    link = paths.current_release(home)
    if not link.exists():
        raise SettingError(f"There is no release at {link} yet: run make demo, or make month MONTH=...")
    connection = reader(link)
    connection.execute("set TimeZone = 'UTC'")
    return connection


def _month_stamps(connection: duckdb.DuckDBPyConnection, month: str) -> list[ReleaseStamp]:
    """Return the stamps of the month. Raises SettingError if the release does not have the month."""
    if found := stamps(connection, month):
        return found
    query = "select min(bill_month), max(bill_month) from main.dim_bill_months"
    [(first, last)] = connection.execute(query).fetchall()
    raise SettingError(
        f"The release has no month {month}" + (f": it has {first} to {last}." if first else ", nor any other.")
    )


def _tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the names of the published tables and views of schema `main`."""
    found = connection.execute(
        "select table_name from information_schema.tables where table_schema = 'main' order by table_name"
    )
    return [name for (name,) in found.fetchall()]


def _write(connection: duckdb.DuckDBPyConnection, table: str, month: str, target: Path) -> ExportedFile:
    """Write one table, sorted by all columns, so that the file does not depend on the release's row order."""
    columns = {name: type_ for name, type_, *_ in connection.execute(f'describe main."{table}"').fetchall()}
    condition = "".join(f" where \"{name}\" = '{month}'" for name in _MONTH_COLUMNS if name in columns)
    rows = f'(select * from main."{table}"{condition} order by all)'  # noqa: S608  names come from the release, the month is checked
    if target.suffix == f".{Format.CSV}":
        expressions = [_csv_value(f'"{name}"', type_) for name, type_ in columns.items()]
        # Quotes distinguish an empty text from null, and an id from a number.
        texts = ", ".join(f'"{name}"' for name, type_ in columns.items() if _is_text(type_))
        options = "format csv, header" + (f", force_quote ({texts})" if texts else "")
    else:
        expressions = [_parquet_value(f'"{name}"', type_) for name, type_ in columns.items()]
        options = "format parquet, compression zstd"
    selected = ", ".join(f'{value} as "{name}"' for name, value in zip(columns, expressions, strict=True))
    place = str(target).replace("'", "''")
    try:
        copied = connection.execute(f"copy (select {selected} from {rows}) to '{place}' ({options})")  # noqa: S608
        [(count,)] = copied.fetchall()
    except duckdb.IOException as error:
        raise StorageFailed(
            f"The disk refused to write {target}: {error}. Free some space or make it writable, then run again."
        ) from error
    return ExportedFile(target.name, table, count, target.stat().st_size, sha256(target))


def without_formula(text: str) -> str:
    """Return SQL that puts an apostrophe before texts that a spreadsheet would take for a formula. `text` is SQL."""
    return f"case when regexp_matches({text}, '{_FORMULA}', 's') then '''' || {text} else {text} end"


def _is_text(type_: str) -> bool:
    return type_ == "VARCHAR" or any(mark in type_ for mark in _NESTED)


def _parquet_value(column: str, type_: str) -> str:
    """Return the SQL of a column for Parquet: timestamps without a time zone (FOCUS) are in UTC and get it."""
    return f"timezone('UTC', {column})" if type_ == "TIMESTAMP" else column


def _csv_value(column: str, type_: str) -> str:
    """Return the SQL of a column for CSV: times in UTC as ISO 8601, numbers without exponents, no formulas."""
    if type_.startswith("TIMESTAMP"):
        in_utc = column if type_ == "TIMESTAMP" else f"timezone('UTC', {column})"
        return f"replace(cast({in_utc} as varchar), ' ', 'T') || 'Z'"
    if type_ == "DOUBLE":
        return f"coalesce(cast(try_cast({column} as decimal(38, 18)) as varchar), cast({column} as varchar))"
    if _is_text(type_):
        text = column if type_ == "VARCHAR" else f"cast(to_json({column}) as varchar)"
        return without_formula(text)
    return column


def _manifest(month: str, month_stamps: Iterable[ReleaseStamp], files: Iterable[ExportedFile]) -> str:
    """Return the manifest as JSON: the month, its stamps, and the digest of every file."""
    manifest = {
        "bill_month": month,
        "stamps": [{"sentence": stamp.sentence, **asdict(stamp)} for stamp in month_stamps],
        "files": [asdict(file) for file in files],
    }
    return json.dumps(manifest, indent=2, ensure_ascii=False, default=str) + "\n"
