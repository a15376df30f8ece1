"""The one place that writes landed files: aside, synced, then replaced in one step, readable by their owner only.

A reader sees the old file or the new one, never a part; after a refusal of the disk the old one is untouched.
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
    """A file open for writing that keeps the SHA-256 of all bytes written so far."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the bytes written so far."""
        return self._hash.hexdigest()

    @property
    def closed(self) -> bool:
        """Whether the file is closed; pyarrow asks."""
        return self._file.closed

    def write(self, data: bytes) -> int:
        """Write all of `data`."""
        self._hash.update(data)
        return self._file.write(data)

    def tell(self) -> int:
        """Return how many bytes were written."""
        return self._file.tell()

    def flush(self) -> None:
        """Hand buffered bytes to the system."""
        self._file.flush()


def open_for_writing(path: Path) -> IO[bytes]:
    """Open a new file that only its owner can read. Tests put a full or read-only disk here."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


@contextmanager
def written_aside(path: Path) -> Iterator[tuple[Path, HashedFile]]:
    """Give a file beside `path` to write; leave it there, synced, when the block ends; remove it if the block fails.

    `put_in_place` then makes it the file. Raises StorageFailed if the disk refuses.
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
    """Replace `path` by the file written aside, in one step that a crash cannot halve. Raises StorageFailed."""
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
    """Remove a file written aside, if the disk allows it; a leftover is overwritten by the next landing."""
    try:
        aside.unlink(missing_ok=True)
    except OSError:
        return


@contextmanager
def storage_failures(path: Path) -> Iterator[None]:
    """Turn what the disk says while `path` is written into StorageFailed, which says what to do."""
    try:
        yield
    except OSError as error:
        raise StorageFailed(
            f"The disk refused to write {path}: {error.strerror or error}. What was there before is unchanged; "
            "make room or make it writable, then run again: the pages already fetched are kept."
        ) from error
