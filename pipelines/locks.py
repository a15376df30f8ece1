"""One lock per account and partition, one for the build. The system releases a lock when its holder dies.

The lock guards writers against each other; readers never take one.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from pipelines.errors import Busy, StorageFailed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def held(path: Path, what: str, wait: float = 0.0) -> Iterator[None]:
    """Hold the lock at `path` while the block runs, after waiting at most `wait` seconds for it.

    Raises Busy, naming `what` is being worked on, if another run holds it; StorageFailed if the file cannot be made.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(path, timeout=wait)
        lock.acquire()
    except Timeout:
        raise Busy(f"Another run is working on {what} (it holds {path}). Wait for it to end, then run again.") from None
    except OSError as error:
        raise StorageFailed(
            f"Cannot make the lock {path}: {error.strerror or error}. Mend the disk, then run again."
        ) from error
    try:
        yield
    finally:
        lock.release()


def is_held(path: Path) -> bool:
    """Tell whether a run holds the lock at `path` right now; what a killed run held is free."""
    if not path.exists():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True
