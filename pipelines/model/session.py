"""DuckDB as the build uses it: one connection in memory, in UTC+8, that cannot reach for extensions.

The file that is built is attached to it; what is run in it belongs to `build`.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb

from pipelines.errors import CorruptFile, SettingError, StorageFailed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STORAGE_VERSION = "v1.4.0"
"""The storage of what is built: analysts' tools are older than our DuckDB, and could not open its own default."""

_MOST_MEMORY = 2_500_000_000
"""Bytes that DuckDB may hold: by itself it keeps all that it wrote while there is room. What it and Python need besides
is about a gigabyte.
"""


@contextmanager
def session(
    spill: Path, *, threads: int | None = None, memory_limit: str | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a connection; `spill` is the folder for what does not fit into `memory_limit` (such as '2GB').

    Without a limit it may hold 2.5 GB, or four fifths of a smaller machine's memory. The folder is its owner's alone,
    begins empty and is gone at the end. Raises StorageFailed if it cannot be made.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",  # a missing extension is an error, not a download
        "autoload_known_extensions": "false",
        "preserve_insertion_order": "false",  # rows have no order; keeping one costs time and memory
        "temp_directory": str(spill),
        # Merging the row groups that a replaced month leaves costs four times the month itself (measured); without it
        # the file stays within half as much again, since a row group goes when its last row does.
        "max_vacuum_tasks": "0",
        "memory_limit": memory_limit or f"{min(_MOST_MEMORY, _physical_memory() * 4 // 5)}B",
    }
    if threads is not None:
        config["threads"] = str(threads)
    with _private(spill), duckdb.connect(":memory:", config=config) as connection:
        connection.execute("set TimeZone = 'Asia/Shanghai'")
        connection.execute("set enable_progress_bar = false")
        yield connection


@contextmanager
def _private(spill: Path) -> Iterator[None]:
    """Make the folder anew: rows in it are as they landed, not masked yet, those of a killed build too."""
    shutil.rmtree(spill, ignore_errors=True)
    try:
        spill.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise StorageFailed(
            f"The disk refused the build in {spill}: {error.strerror or error}. Readers keep the last release; "
            "make room or make it writable, then run again."
        ) from error
    try:
        yield
    finally:
        shutil.rmtree(spill, ignore_errors=True)


def _physical_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def reader(path: Path) -> duckdb.DuckDBPyConnection:
    """Open a published or built file to read it. Raises CorruptFile for one that cannot be opened."""
    try:
        return duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise _unreadable(str(path), error) from error


@contextmanager
def release_faults() -> Iterator[None]:
    """Turn what DuckDB says while releases are read into what to do about it.

    Raises SettingError for one of other code, which lacks what is asked for, and CorruptFile for a damaged one.
    """
    try:
        yield
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise SettingError(
            f"The release was built by other code than this, run make rebuild: {_first_line(error)}"
        ) from error
    except duckdb.Error as error:
        if isinstance(error, duckdb.IOException) or "Corrupt database file" in str(error):
            raise _unreadable("The release", error) from error
        raise


def _unreadable(what: str, error: duckdb.Error) -> CorruptFile:
    return CorruptFile(
        f"{what} cannot be read: {_first_line(error)}. If it is damaged, run make rebuild, which makes another of all "
        "that is landed."
    )


def _first_line(error: duckdb.Error) -> str:
    return str(error).partition("\n")[0].rstrip(".")
