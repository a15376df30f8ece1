"""DuckDB connections: the one of a build (in memory, UTC+8, no downloads), readers of releases, and their errors."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import duckdb

from pipelines.errors import BuildFailed, CorruptFile, SettingError, StorageFailed
from pipelines.model.project import read_project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

STORAGE_VERSION = "v1.4.0"
"""Storage version of releases: analysts' tools are older than our DuckDB and cannot open its default version."""

_MOST_MEMORY = 2_500_000_000
"""DuckDB's memory limit in bytes; without one it keeps all that it wrote while there is room.

DuckDB and Python need about a gigabyte on top of it.
"""

_REFUSED = re.compile(
    r"no space left|quota exceeded|read-only file system|could not write|write failed|failed to create directory"
    r"|max_temp_directory_size",
    re.IGNORECASE,
)
"""Parts of DuckDB's messages for a refused write. The last one means that its own limit for spilling is reached."""


@contextmanager
def session(
    spill: Path, *, threads: int | None = None, memory_limit: str | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an in-memory connection that spills to the folder `spill` beyond `memory_limit` (such as '2GB').

    The default limit is 2.5 GB, or four fifths of the memory of a smaller machine. The folder is readable by its owner
    only and is emptied at the end. Raises StorageFailed if the folder cannot be created or emptied.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",  # a missing extension is an error, not a download
        "autoload_known_extensions": "false",
        "preserve_insertion_order": "false",  # rows have no order; keeping one costs time and memory
        "temp_directory": str(spill),
        # Merging the row groups left by a replaced month takes four times as long as the month itself (measured).
        # Without it the file grows by half at most, since a row group is freed with its last row.
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
    """Create or empty the spill folder, and empty it again at the end: rows in it are not masked yet.

    A link is followed and kept: people put the folder on a bigger disk.
    """
    folder = spill.resolve()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        _empty(folder)
    except OSError as error:
        raise StorageFailed(
            f"The disk refused the build in {spill}: {error}. Readers keep the last release. Free some space, or "
            "make it yours and writable, then run again."
        ) from error
    try:
        yield
    finally:
        with suppress(OSError):
            _empty(folder)
            if not spill.is_symlink():
                folder.rmdir()


def _empty(folder: Path) -> None:
    """Remove the files that DuckDB spilled, and no others."""
    for spilled in folder.glob("duckdb_temp_*"):
        spilled.unlink()


def _physical_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def reader(path: Path) -> duckdb.DuckDBPyConnection:
    """Open a release or build file read-only. Raises CorruptFile if it cannot be opened."""
    try:
        return duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise _unreadable(str(path), error) from error


def is_refusal(error: duckdb.Error) -> bool:
    """Return whether DuckDB's error means that the disk refused a write."""
    return _REFUSED.search(str(error)) is not None


@contextmanager
def release_faults(read: Callable[[], Path | None]) -> Iterator[None]:
    """Turn DuckDB's errors into errors that say what to do. `read` returns the release in use, None if there is none.

    Raises SettingError if a table or column is missing because other code built the release, BuildFailed if it is
    missing for another reason, StorageFailed if the disk refuses a write, and CorruptFile for a damaged release.
    """
    try:
        yield
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        message = _first_line(error)
        release = read()
        if release and not _is_of_this_code(release):
            raise SettingError(
                f"The release was built by another version of the code, run make rebuild: {message}"
            ) from error
        raise BuildFailed(
            f"A query of this code is wrong, which only a change of the code can fix: {message}."
        ) from error
    except duckdb.Error as error:
        if is_refusal(error):
            raise StorageFailed(
                f"The disk refused a write: {_first_line(error)}. Readers keep the last release. Free some space or "
                "make it writable, then run again."
            ) from error
        if isinstance(error, duckdb.IOException) or "Corrupt database file" in str(error):
            raise _unreadable("The release", error) from error
        raise


def _is_of_this_code(release: Path) -> bool:
    """Return whether the release was built with this SQL; false if it cannot be read."""
    try:
        with reader(release) as connection:
            models = dict(connection.execute("select model_name, digest from meta.models").fetchall())
    except (duckdb.Error, CorruptFile):
        return False
    return models == read_project().digests


def _unreadable(what: str, error: duckdb.Error) -> CorruptFile:
    return CorruptFile(
        f"{what} cannot be read: {_first_line(error)}. If it is damaged, run make rebuild, which builds another from "
        "all landed files."
    )


def _first_line(error: duckdb.Error) -> str:
    return str(error).partition("\n")[0].rstrip(".")
