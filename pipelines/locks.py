"""Locks that keep writers apart: one per account and partition, one for the build.

Readers never take a lock. The lock's file says who took it last. The operating system releases it when the process
dies.
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
"""Minimum seconds to try for a lock: `is_held` takes it for an instant, and that must not look like another run."""


@contextmanager
def held(path: Path, what: str, wait: float = 0.0) -> Iterator[None]:
    """Hold the lock at `path` while the block runs, after waiting at most `wait` seconds for it.

    Raises Busy if another run holds it; the message names that run and `what` it is working on. Raises StorageFailed
    if the file cannot be written.
    """
    lock = FileLock(path, timeout=max(wait, _PROBE), mode=0o600, thread_local=False)
    with _storage_errors(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout:
            raise Busy(
                f"Another run ({path.read_text() or 'just started'}) is working on {what}; it holds {path}. "
                "Wait for it to end, then run again."
            ) from None
    try:
        with _storage_errors(path):
            path.write_text(f"process {os.getpid()}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
        yield
    finally:
        lock.release()


def is_held(path: Path) -> bool:
    """Return whether a run holds the lock at `path` right now. A killed run holds none."""
    if not path.exists():
        return False
    with _storage_errors(path):
        try:
            with FileLock(path, timeout=0):
                return False
        except Timeout:
            return True


@contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    """Turn errors of the disk into StorageFailed."""
    try:
        yield
    except OSError as error:
        raise StorageFailed(
            f"Cannot use the lock {path}: {error.strerror or error}. Check the disk, then run again."
        ) from error
