"""Releases: read-only copies of the built file, and the link to the one that readers open.

`model` builds the file; `summary` reads what commands print about a release.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import UTC
from time import monotonic
from typing import TYPE_CHECKING

import duckdb

from pipelines import locks, paths
from pipelines.errors import CorruptFile, StorageFailed
from pipelines.land.manifest import UNREADABLE_DIGEST, landed_digests, landed_files, set_aside_unreadable
from pipelines.model.build import ReleaseIdentity, build, run_checks
from pipelines.model.closes import closed_months
from pipelines.model.masking import mask_id
from pipelines.model.project import Project, read_project
from pipelines.model.session import reader
from pipelines.publish import disk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from pipelines.land.manifest import LandedFile
    from pipelines.model.build import Built
    from pipelines.model.closes import ClosedMonth

KEPT = 5
"""Releases that are kept, including the current one."""

BUILD_WAIT = 600.0
"""Seconds that a build waits for a running one. Most then find that nothing is left to do."""

_SECRET_BYTES = 32
_SECRET = re.compile(rf"[0-9a-f]{{{2 * _SECRET_BYTES}}}")

_INPUTS = f"""
    select path, digest from meta.files
    union select path, digest from meta.closed_months
    union select path, '{UNREADABLE_DIGEST}' from meta.unreadable_files
"""  # noqa: S608  a constant


@dataclass(frozen=True, slots=True)
class Release:
    """A published release.

    `months` are the months that were built again, `tables` the row counts by full table name, `seconds` the time from
    taking the lock to swapping the link. `warnings` has the findings of checks that only warn, by the check's name.
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
    masked: bool = True,
    full: bool = False,
    threads: int | None = None,
    memory_limit: str | None = None,
) -> Release | None:
    """Build what changed since the current release and publish the result; return None if nothing changed.

    `now` is the billing clock's time. `masked`: publish masks instead of e-mail addresses and phone numbers. `full`:
    build everything again in any case. `memory_limit` is DuckDB's, such as '2GB'.

    A landed file that cannot be read is set aside and counts as missing.

    Raises BuildFailed (a model or a structural check), CorruptFile (a closed month), StorageFailed, and Busy if another
    build did not end in time. After any of these readers keep the current release.
    """
    with locks.held(paths.build_lock(home), f"the build of {home}", wait=BUILD_WAIT):
        started = monotonic()
        set_aside_unreadable(home)
        landed, closed, project = landed_files(home), closed_months(home), read_project()
        digests = _digests(landed)
        inputs = landed_digests(home) | _digests(closed)
        secret = _mask_secret(home) if masked else None
        if not full and _inputs_of_current(home) == (inputs, project.digests, mask_id(secret)):
            return None
        stamp = ReleaseIdentity(_free_id(home, now, inputs, project), now, code_version, secret)
        built = build(
            paths.build_file(home),
            home,
            landed,
            digests,
            project=project,
            stamp=stamp,
            closed=closed,
            full=full,
            threads=threads,
            memory_limit=memory_limit,
        )
        path = _publish(home, stamp.release_id)
        return _release(stamp, path, built, monotonic() - started)


@dataclass(frozen=True, slots=True)
class ReleaseState:
    """State of the current release: its flags, and what the checks that only warn find in it, by the check's name."""

    is_complete: bool
    is_reconciled: bool
    warnings: dict[str, str]


def release_state(home: Path) -> ReleaseState:
    """Return the state of the current release. Raises CorruptFile if it cannot be read."""
    with reader(paths.current_release(home)) as connection:
        [(is_complete, is_reconciled)] = connection.execute(
            "select is_complete, is_reconciled from meta.release"
        ).fetchall()
        warnings = run_checks(connection, [check for check in read_project().checks if check.warns])
    return ReleaseState(is_complete, is_reconciled, warnings)


def is_current(home: Path, *, masked: bool = True) -> bool:
    """Return whether a build would change nothing: same landed files and closed months, same SQL, same masks.

    Also true if nothing has been landed yet. Takes no lock. Raises CorruptFile, and StorageFailed if the secret for
    masks cannot be read.
    """
    digests = landed_digests(home) | _digests(closed_months(home))
    if not digests:
        return True
    masks = mask_id(_kept_secret(home)) if masked else None
    return (masks is not None) == masked and _inputs_of_current(home) == (digests, read_project().digests, masks)


def _mask_secret(home: Path) -> str:
    """Return the secret for the home's masks; made once, since masks of two secrets do not join."""
    if secret := _kept_secret(home):
        return secret
    secret = secrets.token_hex(_SECRET_BYTES)
    disk.write_into_place(secret.encode(), paths.mask_secret(home))
    return secret


def _kept_secret(home: Path) -> str | None:
    """Return the home's secret for masks, None if there is none yet. Raises StorageFailed for a damaged file."""
    path = paths.mask_secret(home)
    if not path.exists():
        return None
    try:
        secret = path.read_text(encoding="ascii").strip()
        if not _SECRET.fullmatch(secret):
            raise ValueError(f"it does not hold {2 * _SECRET_BYTES} hexadecimal digits")  # noqa: TRY301  one message for both
    except (OSError, ValueError) as error:
        raise StorageFailed(
            f"{path} cannot be read ({error}). Masks of personal data are made with it: put it back from a backup, or "
            "move it away, and new masks will be made, which do not join with those of older releases."
        ) from error
    return secret


def _inputs_of_current(home: Path) -> tuple[dict[str, str], dict[str, str], str | None]:
    """Return what the current release was built from: digests of files and of SQL, by name, and the id of its masks."""
    try:
        with reader(paths.current_release(home)) as connection:
            files = dict(connection.execute(_INPUTS).fetchall())
            models = dict(connection.execute("select model_name, digest from meta.models").fetchall())
            [(masks,)] = connection.execute("select mask_id from meta.release").fetchall()
    except (duckdb.Error, CorruptFile):  # no release yet, or one that cannot be opened: the next build replaces it
        return {}, {}, None
    return files, models, masks


def _digests(inputs: Sequence[LandedFile | ClosedMonth]) -> dict[str, str]:
    return {item.path: item.digest for item in inputs}


def _free_id(home: Path, now: datetime, digests: Mapping[str, str], project: Project) -> str:
    """Return an unused release id from time (UTC) and a digest of the inputs. A used one may be open in a reader."""
    inputs = sorted([*digests.items(), *project.digests.items()])
    digest = hashlib.sha256(repr(inputs).encode()).hexdigest()[:8]
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
    # A writable session may have left its log beside the link; readers of the new release would apply it.
    disk.remove(link.with_name(f"{link.name}.wal"))
    disk.point(link, path)
    _remove_old(home, path)
    return path


def _remove_old(home: Path, current: Path) -> None:
    newest = sorted(
        paths.releases_folder(home).glob("*.duckdb"), key=lambda path: path.stat().st_mtime_ns, reverse=True
    )
    others = [path for path in newest if path != current]
    for old in others[KEPT - 1 :]:
        disk.remove(old)
        disk.remove(old.with_name(f"{old.name}.wal"))


def _release(stamp: ReleaseIdentity, path: Path, built: Built, seconds: float) -> Release:
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
