"""Writing of landed files: aside, synced, then moved into place in one step, readable by their owner only.

A reader sees the old file or the new one, never a part of one. If the disk refuses a write, the old file is untouched.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from pipelines.errors import StorageFailed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ASIDE = ".aside"


class HashedFile:
    """A file open for writing, with the SHA-256 of the bytes written so far."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the bytes written so far."""
        return self._hash.hexdigest()

    @property
    def closed(self) -> bool:
        """Whether the file is closed; pyarrow reads this."""
        return self._file.closed

    def write(self, data: bytes) -> int:
        """Write all of `data`."""
        self._hash.update(data)
        return self._file.write(data)

    def tell(self) -> int:
        """Return the number of bytes written."""
        return self._file.tell()

    def flush(self) -> None:
        """Pass buffered bytes to the operating system."""
        self._file.flush()


def open_for_writing(path: Path) -> IO[bytes]:
    """Open a new file that only its owner can read. Tests replace this with a full or read-only disk."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


@contextmanager
def written_aside(path: Path) -> Iterator[tuple[Path, HashedFile]]:
    """Open a file beside `path` for writing. When the block ends it stays, synced; if the block fails it is removed.

    `put_in_place` then moves it to `path`. Raises StorageFailed.
    """
    aside = path.with_name(path.name + _ASIDE)
    with storage_failures(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with open_for_writing(aside) as file:
                yield aside, HashedFile(file)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            discard(aside)
            raise


def put_in_place(aside: Path, path: Path) -> None:
    """Replace `path` by the file written aside, in one atomic step. Raises StorageFailed."""
    with storage_failures(path):
        try:
            aside.replace(path)
        except OSError:
            discard(aside)
            raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def discard(aside: Path) -> None:
    """Remove a file written aside. If the disk refuses, it stays, and the next landing overwrites it."""
    try:
        aside.unlink(missing_ok=True)
    except OSError:
        return


@contextmanager
def storage_failures(path: Path) -> Iterator[None]:
    """Turn an OSError while `path` is written into StorageFailed, with what to do."""
    try:
        yield
    except OSError as error:
        raise StorageFailed(
            f"Cannot write {path}: {error.strerror or error}. The file that was there before is unchanged. "
            "Make room or make it writable, then run again: the pages already fetched are kept."
        ) from error
