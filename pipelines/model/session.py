"""DuckDB as the build uses it: one connection in memory, in UTC+8, that cannot reach for extensions.

The file that is built is attached to it; what is run in it belongs to `build`.
"""

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
"""The storage of what is built: analysts' tools are older than our DuckDB, and could not open its own default."""

_MOST_MEMORY = 2_500_000_000
"""Bytes that DuckDB may hold: by itself it keeps all that it wrote while there is room. What it and Python need besides
is about a gigabyte.
"""

_REFUSED = re.compile(
    r"no space left|quota exceeded|read-only file system|could not write|write failed|failed to create directory"
    r"|max_temp_directory_size",
    re.IGNORECASE,
)
"""What DuckDB says where the disk refused a write; the last, where it took all the room that it left itself."""


@contextmanager
def session(
    spill: Path, *, threads: int | None = None, memory_limit: str | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a connection; `spill` is the folder for what does not fit into `memory_limit` (such as '2GB').

    Without a limit it may hold 2.5 GB, or four fifths of a smaller machine's memory. The folder is its owner's alone,
    and what is spilled is gone at the end. Raises StorageFailed if the folder cannot be made or emptied.
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
    """Make the folder, or empty the one that is there: rows in it, a killed build's too, are not masked yet.

    A link is followed, and what stands there is kept: people put the folder on a bigger disk.
    """
    folder = spill.resolve()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        _empty(folder)
    except OSError as error:
        raise StorageFailed(
            f"The disk refused the build in {spill}: {error}. Readers keep the last release; make room, or make it "
            "yours and writable, then run again."
        ) from error
    try:
        yield
    finally:
        with suppress(OSError):
            _empty(folder)
            if not spill.is_symlink():
                folder.rmdir()


def _empty(folder: Path) -> None:
    """Remove what DuckDB spilled there, and nothing that anyone else may have put beside it."""
    for spilled in folder.glob("duckdb_temp_*"):
        spilled.unlink()


def _physical_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def reader(path: Path) -> duckdb.DuckDBPyConnection:
    """Open a published or built file to read it. Raises CorruptFile for one that cannot be opened."""
    try:
        return duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise _unreadable(str(path), error) from error


def is_refusal(error: duckdb.Error) -> bool:
    """Whether what DuckDB says is that the disk refused a write."""
    return _REFUSED.search(str(error)) is not None


@contextmanager
def release_faults(read: Callable[[], Path | None]) -> Iterator[None]:
    """Turn what DuckDB says into what to do about it; `read` gives the release that is read, None if none is.

    Raises SettingError for a release of other code, which lacks what is asked for, BuildFailed where that is no reason,
    StorageFailed if the disk refuses to write, and CorruptFile for a damaged release.
    """
    try:
        yield
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        told = _first_line(error)
        release = read()
        if release and not _is_of_this_code(release):
            raise SettingError(f"The release was built by other code than this, run make rebuild: {told}") from error
        raise BuildFailed(f"A query of this code is wrong, which only a change of the code mends: {told}.") from error
    except duckdb.Error as error:
        if is_refusal(error):
            raise StorageFailed(
                f"The disk refused a write: {_first_line(error)}. Readers keep the last release; make room or make it "
                "writable, then run again."
            ) from error
        if isinstance(error, duckdb.IOException) or "Corrupt database file" in str(error):
            raise _unreadable("The release", error) from error
        raise


def _is_of_this_code(release: Path) -> bool:
    """Whether the release was made by this SQL; one that cannot tell was not."""
    try:
        with reader(release) as connection:
            models = dict(connection.execute("select model_name, digest from meta.models").fetchall())
    except (duckdb.Error, CorruptFile):
        return False
    return models == read_project().digests


def _unreadable(what: str, error: duckdb.Error) -> CorruptFile:
    return CorruptFile(
        f"{what} cannot be read: {_first_line(error)}. If it is damaged, run make rebuild, which makes another of all "
        "that is landed."
    )


def _first_line(error: duckdb.Error) -> str:
    return str(error).partition("\n")[0].rstrip(".")
