"""How the shape of the API's rows changes: fields that are new, gone or empty, and values that nobody documents.

Each landing says in its manifest what shape its own rows had. Beside the lake, one small file for each dataset and
account keeps since when each change is seen. Nothing is refused here: what drifted has landed; a check tells of it.
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
"""What a manifest says of a field: some row has it, it came as null only, it did not come, the catalogue has it not."""

_VALUES_TOLD = 20
_NOTHING = ("", "-")
"""How the API spells an absent value, besides null."""
_TAG = "tag_key:"
"""Columns of a file that are called so are the account's own tags, not the API's doing."""
_WAIT = 60.0
"""Seconds to wait for another partition's landing to have noted its own."""


class Shape:
    """What shape the rows of a landing have, page by page."""

    def __init__(self, dataset: Dataset) -> None:
        self._columns = dataset.columns
        self._known = self._missing = frozenset(dataset.columns)
        self._came: set[str] = set()
        self._new: set[str] = set()
        self._enumerated = [field for field in dataset.fields if field.values and not field.personal]
        self._unknown: defaultdict[str, set[str]] = defaultdict(set)
        self._any = False

    def add(self, page: Page) -> None:
        """Take in a page that has rows."""
        self._any = True
        rows = page.rows
        self._missing = frozenset(name for name in self._missing if rows.column(name).null_count == rows.num_rows)
        self._came |= page.fields or self._known
        self._new |= (page.fields or _extras(page)) - self._known
        for field in self._enumerated:
            found = pc.unique(rows.column(field.name)).to_pylist()
            self._unknown[field.name].update(text for text in found if text and text not in (*field.values, *_NOTHING))

    @property
    def fields(self) -> dict[str, str]:
        """What is to be said of each field; nothing if no rows came."""
        if not self._any:
            return {}
        told = {name: EMPTY if name in self._came else ABSENT for name in self._missing}
        known = {name: told.get(name, FILLED) for name in self._columns}
        return known | {name: NEW for name in sorted(self._new) if not name.casefold().startswith(_TAG)}

    @property
    def unknown_values(self) -> dict[str, list[str]]:
        """The values that no document enumerates, by field: of many the first in order."""
        return {name: sorted(values)[:_VALUES_TOLD] for name, values in self._unknown.items() if values}


def _extras(page: Page) -> frozenset[str]:
    """Return the names of unknown fields, of a page that does not say which fields came."""
    extras = pc.unique(page.rows.column(EXTRA).drop_null()).to_pylist()
    return frozenset(name for text in extras for name in json.loads(text))


@dataclass(frozen=True, slots=True)
class Sighting:
    """One change of shape: its kind, the field, and the value if it is one; instants are ISO 8601 in UTC.

    `kind`: `new_field`, `lost_field` (no row has it any more), `empty_field` (it comes as null only) or
    `unknown_value`. `first_key` is the month or day that it was first seen in.
    """

    kind: str
    field: str
    value: str | None
    first_seen_at: str
    last_seen_at: str
    first_key: str


@dataclass(frozen=True, slots=True)
class _Known:
    """What is kept of a dataset of an account: the first key that each field was filled in, and the sightings."""

    filled: dict[str, str]
    sightings: dict[tuple[str, str, str | None], Sighting]


def note_drift(home: Path, manifest: Manifest) -> None:
    """Keep what a landing shows of its rows' shape. Raises StorageFailed, CorruptFile and Busy."""
    if not manifest.fields:
        return
    path = paths.drift_file(home, manifest.dataset, manifest.account)
    lock = paths.partition_lock(home, manifest.account, f"drift-{manifest.dataset}")
    with locks.held(lock, f"the drift of '{manifest.account}', {manifest.dataset}", wait=_WAIT):
        before = _read(path)
        after = _noted(before, manifest)
        if after != before:
            _write(path, after)


def drift_of(home: Path, file: LandedFile) -> tuple[Sighting, ...]:
    """Return the changes of shape that a landing shows, each with when it was first seen. Raises CorruptFile."""
    manifest = file.manifest
    known = _read(paths.drift_file(home, manifest.dataset, manifest.account))
    return tuple(known.sightings.get(seen) or _first(manifest, *seen) for seen in _seen(manifest, known.filled))


def sightings(home: Path) -> Iterator[tuple[str, str, Sighting]]:
    """Give the dataset, the account and each sighting of everything in the lake. Raises CorruptFile."""
    for path in sorted((paths.lake(home) / "drift").glob("*/account=*.json")):
        for sighting in _read(path).sightings.values():
            yield path.parent.name, path.stem.removeprefix("account="), sighting


def _noted(known: _Known, manifest: Manifest) -> _Known:
    filled = dict(known.filled)
    for name, status in manifest.fields.items():
        if status == FILLED:
            filled[name] = min(manifest.partition_key, filled.get(name, manifest.partition_key))
    found = dict(known.sightings)
    for seen in _seen(manifest, filled):
        first = _first(manifest, *seen)
        before = found.get(seen, first)
        found[seen] = replace(before, last_seen_at=max(before.last_seen_at, first.last_seen_at))
    return _Known(filled, found)


def _seen(manifest: Manifest, filled: Mapping[str, str]) -> Iterator[tuple[str, str, str | None]]:
    """Give kind, field and value of what a landing shows; what was never filled so early cannot be lost."""
    for name, status in manifest.fields.items():
        if status == NEW:
            yield "new_field", name, None
        elif status != FILLED and name in filled and filled[name] <= manifest.partition_key:
            yield ("lost_field" if status == ABSENT else "empty_field"), name, None
    for name, values in manifest.unknown_values.items():
        yield from (("unknown_value", name, value) for value in values)


def _first(manifest: Manifest, kind: str, field: str, value: str | None) -> Sighting:
    return Sighting(kind, field, value, manifest.requested_to, manifest.requested_to, manifest.partition_key)


def _read(path: Path) -> _Known:
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        told = [Sighting(**sighting) for sighting in document["sightings"]]
        return _Known(dict(document["filled"]), {(one.kind, one.field, one.value): one for one in told})
    except FileNotFoundError:
        return _Known({}, {})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptFile(
            f"{path} cannot be read ({type(error).__name__}). Move it away and run again: since when the API's rows "
            "have their shape is then told anew."
        ) from error


def _write(path: Path, known: _Known) -> None:
    told = [asdict(known.sightings[seen]) for seen in sorted(known.sightings, key=str)]
    document = {"filled": dict(sorted(known.filled.items())), "sightings": told}
    with disk.written_aside(path) as (aside, file):
        file.write(json.dumps(document, ensure_ascii=False, indent=1).encode())
    disk.put_in_place(aside, path)
