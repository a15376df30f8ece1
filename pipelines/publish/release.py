"""Releases: read-only copies of the built file, and the link that says which one readers open.

How a release is built is `model`'s business; what is printed of it is `summary`'s.
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
from pipelines.land.manifest import landed_digests, landed_files
from pipelines.model.build import ReleaseIdentity, build
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
"""How many releases are kept, the current one among them."""

BUILD_WAIT = 600.0
"""Seconds that a build waits for the one before it; most then find that nothing is left to do."""

_SECRET_BYTES = 32
_SECRET = re.compile(rf"[0-9a-f]{{{2 * _SECRET_BYTES}}}")

_MADE_OF = "select path, digest from meta.files union select path, digest from meta.closed_months"


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
    masked: bool = True,
    full: bool = False,
    threads: int | None = None,
    memory_limit: str | None = None,
) -> Release | None:
    """Build what changed since the current release and make the result current; return None if nothing did.

    `now` is the billing clock's. `masked`: e-mail addresses and phone numbers are published as masks. `full` builds
    everything again in any case; `memory_limit` is DuckDB's, such as '2GB'. Raises BuildFailed (a model or a structural
    check), CorruptFile (a landed file), StorageFailed, and Busy if another build did not end in time. Whichever it is,
    readers keep the current release.
    """
    with locks.held(paths.build_lock(home), f"the build of {home}", wait=BUILD_WAIT):
        started = monotonic()
        landed, closed, project = landed_files(home), closed_months(home), read_project()
        digests = _digests(landed)
        made_of = digests | _digests(closed)
        secret = _mask_secret(home) if masked else None
        if not full and _contents(home) == (made_of, project.digests, mask_id(secret)):
            return None
        stamp = ReleaseIdentity(_free_id(home, now, made_of, project), now, code_version, secret)
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


def is_current(home: Path, *, masked: bool = True) -> bool:
    """Whether the current release is what a build would make: of all that is landed and frozen, this SQL, these masks.

    True too where nothing is landed yet. Takes no lock. Raises CorruptFile, and StorageFailed if the secret that masks
    are made with cannot be read.
    """
    digests = landed_digests(home) | _digests(closed_months(home))
    if not digests:
        return True
    masks = mask_id(_kept_secret(home)) if masked else None
    return (masks is not None) == masked and _contents(home) == (digests, read_project().digests, masks)


def _mask_secret(home: Path) -> str:
    """Return the secret of the home's masks, made at the first need: with another, old masks would join no more."""
    if kept := _kept_secret(home):
        return kept
    secret = secrets.token_hex(_SECRET_BYTES)
    disk.write_into_place(secret.encode(), paths.mask_secret(home))
    return secret


def _kept_secret(home: Path) -> str | None:
    """Return the home's secret, None if none was made yet. Raises StorageFailed for a file that holds none."""
    path = paths.mask_secret(home)
    if not path.exists():
        return None
    try:
        secret = path.read_text(encoding="ascii").strip()
        if not _SECRET.fullmatch(secret):
            raise ValueError(f"it does not hold {2 * _SECRET_BYTES} hexadecimal digits")  # noqa: TRY301  one text for all
    except (OSError, ValueError) as error:
        raise StorageFailed(
            f"{path} cannot be read ({error}). Masks of personal data are made with it: put it back from a backup, or "
            "move it away, and new masks will be made, which do not join with those of older releases."
        ) from error
    return secret


def _contents(home: Path) -> tuple[dict[str, str], dict[str, str], str | None]:
    """Return what the current release was made of: files and SQL, by digest, and masks; nothing without a release."""
    try:
        with reader(paths.current_release(home)) as connection:
            files = dict(connection.execute(_MADE_OF).fetchall())
            models = dict(connection.execute("select model_name, digest from meta.models").fetchall())
            [(masks,)] = connection.execute("select mask_id from meta.release").fetchall()
    except (duckdb.Error, CorruptFile):  # none yet, or one that cannot be opened: either way the next build mends it
        return {}, {}, None
    return files, models, masks


def _digests(parts: Sequence[LandedFile | ClosedMonth]) -> dict[str, str]:
    return {part.path: part.digest for part in parts}


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
