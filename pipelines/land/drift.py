"""Drift of the API's rows: fields that are new, lost or newly empty, and values that no document enumerates.

Each landing notes in its manifest which fields and unknown values its rows had. One small file for each dataset and
account keeps when each drift was first and last seen. Rows land whether they drift or not; a check warns of drift.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from pipelines import locks, paths
from pipelines.errors import CorruptFile
from pipelines.land import disk
from pipelines.pages import EXTRA

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pipelines.endpoints.shapes import Dataset
    from pipelines.land.manifest import LandedFile, Manifest
    from pipelines.pages import Page

FILLED, EMPTY, ABSENT, NEW = "filled", "empty", "absent", "new"
"""Status of a field in a manifest: filled in some row, null in all rows, in no row, or unknown to the catalogue."""

_MOST_VALUES = 20
"""Unknown values that a manifest lists of one field."""
_NO_VALUE = ("", "-")
"""Texts that the API sends for an absent value, apart from null."""
_TAG = "tag_key:"
"""Prefix of a file's columns that hold the account's own tags: they are not drift."""
_WAIT = 60.0
"""Seconds to wait while the landing of another partition notes its drift."""


class Shape:
    """Fields and unknown values in the rows of a landing, collected page by page."""

    def __init__(self, dataset: Dataset) -> None:
        self._columns = dataset.columns
        self._known = self._missing = frozenset(dataset.columns)
        self._received: set[str] = set()
        self._new: set[str] = set()
        self._enumerated = [field for field in dataset.fields if field.values and not field.personal]
        self._unknown: defaultdict[str, set[str]] = defaultdict(set)
        self._has_rows = False

    def add(self, page: Page) -> None:
        """Add a page that has rows."""
        self._has_rows = True
        rows = page.rows
        self._missing = frozenset(name for name in self._missing if rows.column(name).null_count == rows.num_rows)
        self._received |= page.fields or self._known
        self._new |= (page.fields or _extras(page)) - self._known
        for field in self._enumerated:
            found = pc.unique(rows.column(field.name)).to_pylist()
            self._unknown[field.name].update(text for text in found if text and text not in (*field.values, *_NO_VALUE))

    @property
    def fields(self) -> dict[str, str]:
        """The status of each field, by name; empty if there were no rows."""
        if not self._has_rows:
            return {}
        empty = {name: EMPTY if name in self._received else ABSENT for name in self._missing}
        known = {name: empty.get(name, FILLED) for name in self._columns}
        return known | {name: NEW for name in sorted(self._new) if not name.casefold().startswith(_TAG)}

    @property
    def unknown_values(self) -> dict[str, list[str]]:
        """Values that no document enumerates, by field; at most the first `_MOST_VALUES` in order."""
        return {name: sorted(values)[:_MOST_VALUES] for name, values in self._unknown.items() if values}


def _extras(page: Page) -> frozenset[str]:
    """Return the names of a page's unknown fields, for a page that does not list its fields."""
    extras = pc.unique(page.rows.column(EXTRA).drop_null()).to_pylist()
    return frozenset(name for text in extras for name in json.loads(text))


@dataclass(frozen=True, slots=True)
class Sighting:
    """One drift of a dataset of an account, and when it was first and last seen (ISO 8601, UTC).

    `kind` is `new_field`, `lost_field` (no row has it any more), `empty_field` (null in all rows) or `unknown_value`;
    `value` is set for the last only. `first_key` is the month or day of the partition where it was first seen.
    """

    kind: str
    field: str
    value: str | None
    first_seen_at: str
    last_seen_at: str
    first_key: str


@dataclass(frozen=True, slots=True)
class _DriftFile:
    """Content of a drift file: the earliest partition key where each field was filled, and all sightings."""

    filled: dict[str, str]
    sightings: dict[tuple[str, str, str | None], Sighting]


def note_drift(home: Path, manifest: Manifest) -> None:
    """Add the drift of a landing to the drift file. Raises StorageFailed, CorruptFile and Busy."""
    if not manifest.fields:
        return
    path = paths.drift_file(home, manifest.dataset, manifest.account)
    lock = paths.partition_lock(home, manifest.account, f"drift-{manifest.dataset}")
    with locks.held(lock, f"the drift of '{manifest.account}', {manifest.dataset}", wait=_WAIT):
        before = _read(path)
        after = _updated(before, manifest)
        if after != before:
            _write(path, after)


def drift_of(home: Path, file: LandedFile) -> tuple[Sighting, ...]:
    """Return the drift of a landed file, each with when it was first seen. Raises CorruptFile."""
    manifest = file.manifest
    known = _read(paths.drift_file(home, manifest.dataset, manifest.account))
    return tuple(known.sightings.get(drift) or _sighting(manifest, *drift) for drift in _drifts(manifest, known.filled))


def sightings(home: Path) -> Iterator[tuple[str, str, Sighting]]:
    """Give every sighting in the lake, with its dataset and account. Raises CorruptFile."""
    for path in sorted((paths.lake(home) / "drift").glob("*/account=*.json")):
        for sighting in _read(path).sightings.values():
            yield path.parent.name, path.stem.removeprefix("account="), sighting


def _updated(known: _DriftFile, manifest: Manifest) -> _DriftFile:
    filled = dict(known.filled)
    for name, status in manifest.fields.items():
        if status == FILLED:
            filled[name] = min(manifest.partition_key, filled.get(name, manifest.partition_key))
    found = dict(known.sightings)
    for drift in _drifts(manifest, filled):
        new = _sighting(manifest, *drift)
        before = found.get(drift, new)
        found[drift] = replace(before, last_seen_at=max(before.last_seen_at, new.last_seen_at))
    return _DriftFile(filled, found)


def _drifts(manifest: Manifest, filled: Mapping[str, str]) -> Iterator[tuple[str, str, str | None]]:
    """Give kind, field and value of each drift of a landing.

    A field is lost or empty only if it was filled in a partition of the same key or an earlier one.
    """
    for name, status in manifest.fields.items():
        if status == NEW:
            yield "new_field", name, None
        elif status != FILLED and name in filled and filled[name] <= manifest.partition_key:
            yield ("lost_field" if status == ABSENT else "empty_field"), name, None
    for name, values in manifest.unknown_values.items():
        yield from (("unknown_value", name, value) for value in values)


def _sighting(manifest: Manifest, kind: str, field: str, value: str | None) -> Sighting:
    return Sighting(kind, field, value, manifest.requested_to, manifest.requested_to, manifest.partition_key)


def _read(path: Path) -> _DriftFile:
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found = [Sighting(**sighting) for sighting in document["sightings"]]
        return _DriftFile(dict(document["filled"]), {(each.kind, each.field, each.value): each for each in found})
    except FileNotFoundError:
        return _DriftFile({}, {})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptFile(
            f"{path} cannot be read ({type(error).__name__}). Move it away and run again: the times when "
            "drift was first seen then start anew."
        ) from error


def _write(path: Path, known: _DriftFile) -> None:
    entries = [asdict(known.sightings[drift]) for drift in sorted(known.sightings, key=str)]
    document = {"filled": dict(sorted(known.filled.items())), "sightings": entries}
    with disk.written_aside(path) as (aside, file):
        file.write(json.dumps(document, ensure_ascii=False, indent=1).encode())
    disk.put_in_place(aside, path)
