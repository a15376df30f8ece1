"""A month as files for other programs: every table of `main` as CSV or Parquet, and FOCUS as both.

A folder holds one release's month: it is written aside, moved into place whole and never changed, so that a path stands
for the same figures for good. One that was changed or lost a file since is made again. What the figures mean is told by
the tables' own texts, not here.
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
"""The datasets of FOCUS, exported for themselves too."""

MANIFEST = "manifest.json"

_WAIT = 600.0
"""Seconds that an export waits for the one before it, which often makes the very files that it is asked for."""

_MONTH_COLUMNS = ("bill_month", "x_BillMonth")
"""A table with one of these is exported for the month alone, any other whole."""

_FORMULA = "^[=+@\\t\\r\\n-]."
"""Text that a spreadsheet would take for a formula. A lone dash is what bills print for nothing."""

_NESTED = ("MAP", "STRUCT", "[]", "JSON")


class Format(StrEnum):
    """How a table is written."""

    CSV = "csv"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One file: its table, its rows, and the SHA-256 of its bytes."""

    name: str
    table: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Export:
    """A folder of files, and how far each account's month in them can be trusted."""

    folder: Path
    files: tuple[ExportedFile, ...]
    stamps: tuple[ReleaseStamp, ...]


def export_focus(home: Path, month: str) -> Export:
    """Write the FOCUS datasets of a month (YYYY-MM) as Parquet and CSV. Raises SettingError, StorageFailed, Busy."""
    return _export(home, month, "focus", FOCUS, tuple(Format))


def export_tables(home: Path, month: str, format_: str) -> Export:
    """Write every table of `main` as `csv` or `parquet`: its rows of a month (YYYY-MM), or all where it has no months.

    Raises SettingError for a format or month that there is not, StorageFailed, Busy.
    """
    if format_ not in tuple(Format):
        raise SettingError(f"There is no format '{format_}': write {' or '.join(Format)}.")
    return _export(home, month, format_, None, (Format(format_),))


def _export(home: Path, month: str, kind: str, tables: Iterable[str] | None, formats: Iterable[Format]) -> Export:
    """Write `tables`, or all of them, unless the release's month is there already, whole."""
    key = BillMonth(month).key
    with _release(home) as connection:
        stamped = tuple(_sealed(connection, key))
        folder = paths.export_folder(home, key, stamped[0].release_id, kind)
        files = _whole(folder)  # without the lock: who finds it whole writes nothing
        if not files:
            with locks.held(paths.exports_lock(home), f"the exports of {home}", wait=_WAIT):
                files = _whole(folder) or _make(connection, folder, key, stamped, tables, formats)
    return Export(folder, files, stamped)


def _whole(folder: Path) -> tuple[ExportedFile, ...] | None:
    """Return the files that a folder's manifest lists; None if there is none, or a file is not what it says."""
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
    stamped: Iterable[ReleaseStamp],
    tables: Iterable[str] | None,
    formats: Iterable[Format],
) -> tuple[ExportedFile, ...]:
    """Write `tables`, or all of them, and the manifest, in place of a folder that is not whole any more."""
    disk.remove_folder(folder)
    with disk.folder_in_place(folder) as aside:
        files = tuple(
            _write(connection, table, month, aside / f"{table}.{format_}")
            for table in (_tables(connection) if tables is None else tables)
            for format_ in formats
        )
        (aside / MANIFEST).write_text(_manifest(month, stamped, files), encoding="utf-8")
    return files


def _release(home: Path) -> duckdb.DuckDBPyConnection:
    """Open the current release in UTC, which is what files say. Raises SettingError if there is none."""
    link = paths.current_release(home)
    if not link.exists():
        raise SettingError(f"There is no release at {link} yet: run make demo, or make month MONTH=...")
    connection = reader(link)
    connection.execute("set TimeZone = 'UTC'")
    return connection


def _sealed(connection: duckdb.DuckDBPyConnection, month: str) -> list[ReleaseStamp]:
    """Return the month's seals. Raises SettingError for a month that the release does not hold."""
    if found := stamps(connection, month):
        return found
    held = connection.execute("select min(bill_month), max(bill_month) from main.dim_bill_months").fetchall()[0]
    raise SettingError(
        f"The release has no month {month}" + (f": it has {held[0]} to {held[1]}." if held[0] else ", nor any other.")
    )


def _tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return what is published in schema main, tables and views."""
    found = connection.execute(
        "select table_name from information_schema.tables where table_schema = 'main' order by table_name"
    )
    return [name for (name,) in found.fetchall()]


def _write(connection: duckdb.DuckDBPyConnection, table: str, month: str, target: Path) -> ExportedFile:
    """Write one table, its rows in one order whatever their order in the release."""
    columns = {name: type_ for name, type_, *_ in connection.execute(f'describe main."{table}"').fetchall()}
    month_work = "".join(f" where \"{name}\" = '{month}'" for name in _MONTH_COLUMNS if name in columns)
    rows = f'(select * from main."{table}"{month_work} order by all)'  # noqa: S608  names come from the release, the month is checked
    if target.suffix == f".{Format.CSV}":
        spelled = [_spelled(f'"{name}"', type_) for name, type_ in columns.items()]
        # Quotes tell an empty text from none, and an id from a number.
        texts = ", ".join(f'"{name}"' for name, type_ in columns.items() if _is_text(type_))
        options = "format csv, header" + (f", force_quote ({texts})" if texts else "")
    else:
        spelled = [_instant(f'"{name}"', type_) for name, type_ in columns.items()]
        options = "format parquet, compression zstd"
    named = ", ".join(f'{value} as "{name}"' for name, value in zip(columns, spelled, strict=True))
    place = str(target).replace("'", "''")
    try:
        copied = connection.execute(f"copy (select {named} from {rows}) to '{place}' ({options})")  # noqa: S608
        [(count,)] = copied.fetchall()
    except duckdb.IOException as error:
        raise StorageFailed(
            f"The disk refused to write {target}: {error}. Make room or make it writable, then run again."
        ) from error
    return ExportedFile(target.name, table, count, target.stat().st_size, sha256(target))


def harmless(text: str) -> str:
    """Return the SQL of a text, itself SQL, with an apostrophe before what a spreadsheet would take for a formula."""
    return f"case when regexp_matches({text}, '{_FORMULA}', 's') then '''' || {text} else {text} end"


def _is_text(type_: str) -> bool:
    return type_ == "VARCHAR" or any(part in type_ for part in _NESTED)


def _instant(column: str, type_: str) -> str:
    """Return a column with its time zone: a timestamp without one is in UTC, as FOCUS has them."""
    return f"timezone('UTC', {column})" if type_ == "TIMESTAMP" else column


def _spelled(column: str, type_: str) -> str:
    """Return how a column is spelled in CSV: instants in UTC by ISO 8601, numbers without exponents, no formulas."""
    if type_.startswith("TIMESTAMP"):
        in_utc = column if type_ == "TIMESTAMP" else f"timezone('UTC', {column})"
        return f"replace(cast({in_utc} as varchar), ' ', 'T') || 'Z'"
    if type_ == "DOUBLE":
        return f"coalesce(cast(try_cast({column} as decimal(38, 18)) as varchar), cast({column} as varchar))"
    if _is_text(type_):
        text = column if type_ == "VARCHAR" else f"cast(to_json({column}) as varchar)"
        return harmless(text)
    return column


def _manifest(month: str, stamped: Iterable[ReleaseStamp], files: Iterable[ExportedFile]) -> str:
    """Return what tells whose figures the files are, and how to see that none was changed."""
    told = {
        "bill_month": month,
        "seals": [{"sentence": stamp.sentence, **asdict(stamp)} for stamp in stamped],
        "files": [asdict(file) for file in files],
    }
    return json.dumps(told, indent=2, ensure_ascii=False, default=str) + "\n"
