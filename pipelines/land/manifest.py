"""What a landed file says of itself: its manifest, kept in the Parquet footer so that one replace commits both.

What does not belong here: writing rows, deciding what a landing replaces (`landing`).
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from dataclasses import dataclass, field, fields, replace
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import paths
from pipelines.errors import CorruptFile
from pipelines.pages import Slice

if TYPE_CHECKING:
    from pathlib import Path

_TRAILER = struct.Struct("<I4s")
"""How a Parquet file ends: the footer's length, and a mark."""
_BLOCK = 1 << 20

FOOTER_KEY = "bill_etl.manifest"
"""The name of the manifest in the Parquet footer's key-value metadata."""

UNREADABLE = (OSError, ValueError, pa.ArrowException)
"""What pyarrow raises for a file that it cannot read."""


@dataclass(frozen=True, slots=True)
class SliceState:
    """One subject's rows in a landed file (`customer_uin` None: not of one customer; `slice_params` as in `pages.Subject`).

    `proof` is a `pages.Proof` and tells of the last pull. `cost` is the exact sum of the cost column as text.
    `proven_at`: when the rows that are here were last proven, ISO 8601 in UTC; `proven_issued`: and whether the month's
    bill was out by then. `carried`: the rows are those of an earlier landing. `listed`: the customer was on the
    account's list when asked, `direct`: it was one of the account's own. `reason` is empty for proven rows; `code` and
    `request_id` are the API's. `digest` is that of the pull that the rows here are of, `changed_at` when one first came
    with this digest, ISO 8601 in UTC (None: nothing came, or only what cost nothing, from the first, or they landed
    before this was kept). `first_landed_at` and `first_issued_at` say when something of it first landed, and first
    since the month's bill was out, ISO 8601 in UTC (None: not yet, or not again since this is kept).
    """

    customer_uin: str | None
    rows: int
    expected_rows: int | None
    cost: str | None
    proof: str
    proven_at: str | None
    reason: str = ""
    code: str | None = None
    request_id: str | None = None
    listed: bool = True
    carried: bool = False
    proven_issued: bool = False
    slice_params: str = ""
    digest: str = ""
    changed_at: str | None = None
    direct: bool = True
    first_landed_at: str | None = None
    first_issued_at: str | None = None

    @property
    def slice(self) -> Slice:
        """What was asked about."""
        return Slice(self.customer_uin, self.slice_params)

    def told(self) -> dict[str, Any]:
        """What the manifest says of it: nothing of what is as it mostly is, since there may be thousands."""
        told = zip(SliceState.__slots__, _members(self), _USUAL, strict=True)
        return {name: value for name, value, usual in told if value != usual}

    @property
    def is_excused(self) -> bool:
        """Whether a failed pull is no fault of the partition: the customer is no longer the account's."""
        return self.proof == "failed" and not self.listed


_USUAL = tuple(member.default for member in fields(SliceState))
_members = attrgetter(*SliceState.__slots__)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A landed partition of one account. Instants are ISO 8601 in UTC; `month_state` is that of when it was asked;
    `costs` maps currency ('' where rows carry none) to the exact sum as text; `changes` names the entries of the change
    log that led here, oldest first. `fields` and `unknown_values` say what shape the rows of this landing's own pull
    had (`drift`); empty where it brought none.
    """

    dataset: str
    account: str
    kind: str
    partition_key: str
    month_state: str | None
    rows: int
    requested_from: str
    requested_to: str
    rows_digest: str
    code_version: str
    run_id: str
    costs: dict[str, str]
    slices: tuple[SliceState, ...]
    changes: tuple[str, ...] = ()
    fields: dict[str, str] = field(default_factory=dict)
    unknown_values: dict[str, list[str]] = field(default_factory=dict)

    @property
    def first_landed_at(self) -> str:
        """When the partition first landed; where that was not kept, the earliest time that is told of its rows."""
        told = (slice_.first_landed_at or slice_.changed_at or slice_.proven_at for slice_ in self.slices)
        return min(filter(None, (self.requested_to, *told)))

    @property
    def state(self) -> str:
        """`whole` if every customer still listed is proven, `unproven` if the rows of all are there, else `partial`."""
        proofs = {slice_.proof for slice_ in self.slices if not slice_.is_excused}
        if "failed" in proofs:
            return "partial"
        return "unproven" if "unproven" in proofs else "whole"

    @property
    def expected_rows(self) -> int | None:
        """The API's total over all customers, None if it gave none."""
        expected = [slice_.expected_rows for slice_ in self.slices]
        return None if None in expected else sum(filter(None, expected))

    def to_json(self) -> str:
        """The manifest as the text kept in the footer."""
        slices = [slice_.told() for slice_ in self.slices]
        own = {name: getattr(self, name) for name in Manifest.__slots__}
        return json.dumps(own | {"slices": slices}, ensure_ascii=False, sort_keys=True)

    @property
    def digest(self) -> str:
        """What identifies this landing: SHA-256 (hex) of the manifest, and through `rows_digest` of every row."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class LandedFile:
    """A landed file: its path relative to the home, and its manifest."""

    path: str
    manifest: Manifest

    @property
    def digest(self) -> str:
        """The manifest's digest."""
        return self.manifest.digest


def read_manifest(path: Path) -> Manifest:
    """Read the manifest of a landed file. Raises CorruptFile if the file or its manifest cannot be read."""
    try:
        metadata = pq.read_metadata(path).metadata or {}
        document = json.loads(metadata[FOOTER_KEY.encode()])
        slices = tuple(SliceState(**slice_) for slice_ in document.pop("slices"))
        return replace(Manifest(**document, slices=slices), changes=tuple(document["changes"]))
    except (*UNREADABLE, KeyError, TypeError, AttributeError) as error:
        raise CorruptFile(
            f"{path} is not a landed file that can be read ({type(error).__name__}). "
            "Move it away and run its partition again; what was published stays as it is."
        ) from error


def verify_bytes(path: Path, manifest: Manifest) -> None:
    """Compare a file's bytes before the footer with the digest in its manifest: as landed, to the last bit.

    Raises CorruptFile. Reads at the disk's speed and decodes nothing.
    """
    try:
        with path.open("rb") as file:
            file.seek(-_TRAILER.size, os.SEEK_END)
            left = file.tell() - _TRAILER.unpack(file.read())[0]
            file.seek(0)
            digest = hashlib.sha256()
            while left > 0 and (block := file.read(min(left, _BLOCK))):
                digest.update(block)
                left -= len(block)
    except (OSError, struct.error) as error:
        raise corrupt(path, f"it cannot be read ({type(error).__name__})") from error
    if digest.hexdigest() != manifest.rows_digest:
        raise corrupt(path, "its rows are not those that were landed")


def corrupt(path: Path, what: str) -> CorruptFile:
    """Say that a landed file is corrupt, and what to do."""
    return CorruptFile(
        f"{path} is corrupt: {what}. Move it away and run its partition again; readers keep the last release."
    )


def landed_files(home: Path) -> list[LandedFile]:
    """List every landed file of a home, sorted by path. Raises CorruptFile for one that cannot be read."""
    return [LandedFile(path.relative_to(home).as_posix(), read_manifest(path)) for path in _data(home)]


def landed_digests(home: Path) -> dict[str, str]:
    """Return the digest of every landed file of a home, by path; one that did not change is not read again.

    Raises CorruptFile for one that cannot be read.
    """
    digests = {}
    for path in _data(home):
        stat = path.stat()
        digests[path.relative_to(home).as_posix()] = _digest(path, stat.st_ino, stat.st_mtime_ns, stat.st_size)
    return digests


@cache
def _digest(path: Path, *_version: int) -> str:
    return read_manifest(path).digest


def _data(home: Path) -> list[Path]:
    return sorted(paths.raw_root(home).glob("*/account=*/*=*/data.parquet"))
