"""Releases: read-only copies of the built file, and the link that says which one readers open.

How a release is built is `model`'s business; what is printed of it is `summary`'s.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC
from time import monotonic
from typing import TYPE_CHECKING

import duckdb

from pipelines import locks, paths
from pipelines.land.manifest import landed_digests, landed_files
from pipelines.model.build import Stamp, build
from pipelines.model.project import Project, read_project
from pipelines.model.session import reader
from pipelines.publish import disk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from pipelines.land.manifest import LandedFile
    from pipelines.model.build import Built

KEPT = 5
"""How many releases are kept, the current one among them."""

BUILD_WAIT = 600.0
"""Seconds that a build waits for the one before it; most then find that nothing is left to do."""


@dataclass(frozen=True, slots=True)
class Release:
    """A published release.

    `months` are those that were made again, `tables` the rows of every table by its full name, `seconds` the time from
    having the lock to the swapped link. `warnings` says, by name, what checks found that only warn.
    """

    release_id: str
    path: Path
    built_at: datetime
    is_complete: bool
    is_reconciled: bool
    full: bool
    months: tuple[str, ...]
    seconds: float
    tables: dict[str, int]
    warnings: dict[str, str]


def build_and_publish(
    home: Path,
    *,
    now: datetime,
    code_version: str,
    full: bool = False,
    threads: int | None = None,
    memory_limit: str | None = None,
) -> Release | None:
    """Build what changed since the current release and make the result current; return None if nothing did.

    `now` is the billing clock's. `full` builds everything again in any case; `memory_limit` is DuckDB's, such as '2GB'.
    Raises BuildFailed (a model or a structural check), CorruptFile (a landed file), StorageFailed, and Busy if another
    build did not end in time. Whichever it is, readers keep the current release.
    """
    with locks.held(paths.build_lock(home), f"the build of {home}", wait=BUILD_WAIT):
        started = monotonic()
        landed, project = landed_files(home), read_project()
        digests = _digests(landed)
        if not full and _contents(home) == (digests, project.digests):
            return None
        stamp = Stamp(_free_id(home, now, digests, project), now, code_version)
        built = build(
            paths.build_file(home),
            home,
            landed,
            digests,
            project=project,
            stamp=stamp,
            full=full,
            threads=threads,
            memory_limit=memory_limit,
        )
        path = _publish(home, stamp.release_id)
        return _release(stamp, path, built, monotonic() - started)


def is_current(home: Path) -> bool:
    """Whether the current release is what a build would make: of every landed file, nothing else, and this SQL.

    True too where nothing is landed yet. Takes no lock. Raises CorruptFile.
    """
    digests = landed_digests(home)
    return not digests or _contents(home) == (digests, read_project().digests)


def _contents(home: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Return what the current release was made from: files and SQL, by digest; nothing if there is no release."""
    try:
        with reader(paths.current_release(home)) as connection:
            files = dict(connection.execute("select path, digest from meta.files").fetchall())
            models = dict(connection.execute("select model_name, digest from meta.models").fetchall())
    except duckdb.Error:  # none yet, or one that cannot be opened: either way the next build mends it
        return {}, {}
    return files, models


def _digests(landed: Sequence[LandedFile]) -> dict[str, str]:
    return {file.path: file.digest for file in landed}


def _free_id(home: Path, now: datetime, digests: Mapping[str, str], project: Project) -> str:
    """Name a release by its time in UTC and what it is made from; never one that is there, since it may be open."""
    made_from = sorted([*digests.items(), *project.digests.items()])
    digest = hashlib.sha256(repr(made_from).encode()).hexdigest()[:8]
    name = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{digest}"
    free = name
    number = 2
    while _file(home, free).exists():
        free = f"{name}-{number}"
        number += 1
    return free


def _file(home: Path, release_id: str) -> Path:
    return paths.releases_folder(home) / f"{release_id}.duckdb"


def _publish(home: Path, release_id: str) -> Path:
    path, link = _file(home, release_id), paths.current_release(home)
    disk.copy_into_place(paths.build_file(home), path)
    # Someone's writable session may have left its log beside the link, and readers of the new release would apply it.
    disk.remove(link.with_name(f"{link.name}.wal"))
    disk.point(link, path)
    _prune(home, path)
    return path


def _prune(home: Path, current: Path) -> None:
    newest = sorted(
        paths.releases_folder(home).glob("*.duckdb"), key=lambda path: path.stat().st_mtime_ns, reverse=True
    )
    others = [path for path in newest if path != current]
    for old in others[KEPT - 1 :]:
        disk.remove(old)
        disk.remove(old.with_name(f"{old.name}.wal"))


def _release(stamp: Stamp, path: Path, built: Built, seconds: float) -> Release:
    return Release(
        release_id=stamp.release_id,
        path=path,
        built_at=stamp.built_at,
        is_complete=built.is_complete,
        is_reconciled=built.is_reconciled,
        full=built.full,
        months=built.months,
        seconds=seconds,
        tables=built.tables,
        warnings=built.warnings,
    )
