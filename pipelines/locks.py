"""One lock per account and partition, one for the build. The system releases a lock when its holder dies.

The lock guards writers against each other; readers never take one. Its file says who took it last.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from pipelines.errors import Busy, StorageFailed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


_PROBE = 0.3
"""Seconds to try for a lock at least: `is_held` takes one for an instant, and that is no other run."""


@contextmanager
def held(path: Path, what: str, wait: float = 0.0) -> Iterator[None]:
    """Hold the lock at `path` while the block runs, after waiting at most `wait` seconds for it.

    Raises Busy, naming `what` is being worked on and by whom, if another run holds it; StorageFailed if the file
    cannot be made.
    """
    lock = FileLock(path, timeout=max(wait, _PROBE), mode=0o600, thread_local=False)
    with _failures(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout:
            raise Busy(
                f"Another run ({path.read_text() or 'just started'}) is working on {what}; it holds {path}. "
                "Wait for it to end, then run again."
            ) from None
    try:
        with _failures(path):
            path.write_text(f"process {os.getpid()}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
        yield
    finally:
        lock.release()


def is_held(path: Path) -> bool:
    """Tell whether a run holds the lock at `path` right now; what a killed run held is free."""
    if not path.exists():
        return False
    with _failures(path):
        try:
            with FileLock(path, timeout=0):
                return False
        except Timeout:
            return True


@contextmanager
def _failures(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFailed(
            f"Cannot make the lock {path}: {error.strerror or error}. Mend the disk, then run again."
        ) from error
