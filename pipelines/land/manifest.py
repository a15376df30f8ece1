"""The manifest of a landed file: its rows, sums and slices, kept in its Parquet footer.

Both are in one file, so that replacing the file commits rows and manifest together.
`landing` writes the rows, `merging` decides which rows a landing replaces.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import struct
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import paths
from pipelines.errors import Busy, CorruptFile, SettingError, StorageFailed
from pipelines.pages import Slice

if TYPE_CHECKING:
    from pathlib import Path

_TRAILER = struct.Struct("<I4s")
"""The last bytes of a Parquet file: the length of the footer, and the magic number."""
_BLOCK = 1 << 20

FOOTER_KEY = "bill_etl.manifest"
"""The name of the manifest in the Parquet footer's key-value metadata."""

UNREADABLE = (OSError, ValueError, pa.ArrowException)
"""Exceptions that pyarrow raises for a file that it cannot read."""

UNREADABLE_DIGEST = "unreadable"
"""Stands for the digest of a landed file that cannot be read."""

_WHAT_TO_DO = (
    "It is set aside, and its partition counts as missing: run the partition again, or put the file back from a backup."
)


@dataclass(frozen=True, slots=True)
class SliceState:
    """State of one slice in a landed file: its rows, how far they are proven, and the result of its last pull.

    All times are ISO 8601 in UTC.
    """

    customer_uin: str | None
    """The customer of `slice`; None if the slice is not of one customer."""
    rows: int
    expected_rows: int | None
    """The API's total; None if it gives none."""
    cost: str | None
    """The exact sum of the dataset's cost column; None if it has none."""
    proof: str
    """The `pages.Proof` of the last pull. If it is not proven, the rows may be of an earlier landing (`carried`)."""
    proven_at: str | None
    """When the rows in the file were last proven; None if never."""
    reason: str = ""
    """Why the last pull is not proven; empty if it is."""
    code: str | None = None
    """The API's error code, if the last pull failed."""
    request_id: str | None = None
    """The API's id of the failed request."""
    listed: bool = True
    """Whether the customer was on the account's list when the last pull was made."""
    carried: bool = False
    """Whether the rows were carried over from an earlier landing."""
    proven_issued: bool = False
    """Whether the month's bill was issued when the rows were last proven."""
    slice_params: str = ""
    """The request parameters of `slice`, as in `pages.Slice`."""
    digest: str = ""
    """The `SliceResult.digest` of the pull that the rows are from."""
    changed_at: str | None = None
    """When a pull with this digest first landed.

    None if no rows have landed, or if the first landing had no cost and nothing has changed since.
    """
    direct: bool = True
    """Whether the customer was the account's own, and not a second-level reseller's."""
    first_landed_at: str | None = None
    """When rows of the slice first landed; None: not yet."""
    first_issued_at: str | None = None
    """When rows of the slice first landed after the month's bill was issued; None: not yet."""

    @property
    def slice(self) -> Slice:
        """The slice."""
        return Slice(self.customer_uin, self.slice_params)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults. The others are left out: slices may be thousands."""
        items = zip(SliceState.__slots__, _values(self), _DEFAULTS, strict=True)
        return {name: value for name, value, default in items if value != default}

    @property
    def is_excused(self) -> bool:
        """Whether a failed pull leaves the partition whole, because the customer is no longer the account's."""
        return self.proof == "failed" and not self.listed


_DEFAULTS = tuple(member.default for member in fields(SliceState))
_values = attrgetter(*SliceState.__slots__)


@dataclass(frozen=True, slots=True)
class Manifest:
    """Description of one landed partition, kept in the footer of its file. All times are ISO 8601 in UTC."""

    dataset: str
    account: str
    kind: str
    """The `PartitionKind`: month, day or snapshot day."""
    partition_key: str
    month_state: str | None
    """The `MonthState` when the requests were made; None for a snapshot."""
    rows: int
    requested_from: str
    """When the pull of this landing began."""
    requested_to: str
    """When the pull of this landing ended."""
    rows_digest: str
    """SHA-256 (hex) of all bytes of the file before the footer."""
    code_version: str
    run_id: str
    """The run that landed the file."""
    costs: dict[str, str]
    """The exact sum of the cost column as text, by currency ('' where rows have no currency)."""
    slices: tuple[SliceState, ...]
    changes: tuple[str, ...] = ()
    """File names of the change log entries since the first landing, oldest first."""
    fields: dict[str, str] = field(default_factory=dict)
    """Status of each field in the rows of this landing's own pull, such as `drift.FILLED`; empty without rows."""
    unknown_values: dict[str, list[str]] = field(default_factory=dict)
    """Values that no document enumerates, by field, in the rows of this landing's own pull."""

    @property
    def first_landed_at(self) -> str:
        """When the partition first landed."""
        return min(filter(None, (self.requested_to, *(state.first_landed_at for state in self.slices))))

    @property
    def state(self) -> str:
        """`partial` if a slice failed, else `unproven` if a slice is not proven, else `whole`.

        Failed slices of customers that have left the account's list do not count.
        """
        proofs = {state.proof for state in self.slices if not state.is_excused}
        if "failed" in proofs:
            return "partial"
        return "unproven" if "unproven" in proofs else "whole"

    @property
    def expected_rows(self) -> int | None:
        """The sum of the API's totals of all slices, None if one of them has none."""
        expected = [state.expected_rows for state in self.slices]
        return None if None in expected else sum(filter(None, expected))

    def to_json(self) -> str:
        """Return the text to keep in the footer."""
        slices = [state.to_dict() for state in self.slices]
        own = {name: getattr(self, name) for name in Manifest.__slots__}
        return json.dumps(own | {"slices": slices}, ensure_ascii=False, sort_keys=True)

    @property
    def digest(self) -> str:
        """Identity of this landing: SHA-256 (hex) of the manifest, which covers every row by its `rows_digest`."""
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


@dataclass(frozen=True, slots=True)
class SetAsideFile:
    """A partition whose landed file was set aside: the file's path relative to the home, and why it is unreadable."""

    path: str
    dataset: str
    account: str
    kind: str
    partition_key: str
    reason: str


def read_manifest(path: Path) -> Manifest:
    """Read the manifest of a landed file.

    Raises CorruptFile if the content is damaged, StorageFailed if the system refuses to read it, and SettingError
    if another version of the code landed it.
    """
    try:
        metadata = pq.read_metadata(path).metadata or {}
        document = json.loads(metadata[FOOTER_KEY.encode()])
        slices = document.pop("slices")
    except (*UNREADABLE, KeyError, TypeError, AttributeError) as error:
        raise_if_refused(path, error)
        raise CorruptFile(f"{path} cannot be read as a landed file ({type(error).__name__}). {_WHAT_TO_DO}") from error
    try:
        states = tuple(SliceState(**state) for state in slices)
        return replace(Manifest(**document, slices=states), changes=tuple(document["changes"]))
    except (TypeError, KeyError) as error:
        raise SettingError(
            f"{path} was landed by another version of the code ({error}): use that version with this home."
        ) from error


def raise_if_refused(path: Path, error: Exception) -> None:
    """Raise StorageFailed for an error of the system, such as a missing permission: it says nothing of the content."""
    if isinstance(error, OSError) and error.errno is not None:
        raise StorageFailed(f"{path} cannot be read: {error}. Mend that, then run again.") from error


def verify_bytes(path: Path, manifest: Manifest) -> None:
    """Check that the bytes before the footer have the digest that the manifest gives. Raises CorruptFile.

    Nothing is decoded, so this reads at the disk's speed.
    """
    try:
        with path.open("rb") as file:
            file.seek(-_TRAILER.size, os.SEEK_END)
            remaining = file.tell() - _TRAILER.unpack(file.read())[0]
            file.seek(0)
            digest = hashlib.sha256()
            while remaining > 0 and (block := file.read(min(remaining, _BLOCK))):
                digest.update(block)
                remaining -= len(block)
    except (OSError, struct.error) as error:
        if not isinstance(error, OSError) or error.errno != errno.EINVAL:  # a file shorter than its trailer
            raise_if_refused(path, error)
        raise corrupt(path, f"it cannot be read ({type(error).__name__})") from error
    if digest.hexdigest() != manifest.rows_digest:
        raise corrupt(path, "its rows are not those that landed")


def corrupt(path: Path, what: str) -> CorruptFile:
    """Return the error for a corrupt landed file, with what to do."""
    return CorruptFile(f"{path} is corrupt: {what}. {_WHAT_TO_DO}")


def landed_files(home: Path) -> list[LandedFile]:
    """List every landed file of a home whose manifest can be read, sorted by path."""
    files = []
    for path in _data_files(home):
        with suppress(CorruptFile):
            files.append(LandedFile(path.relative_to(home).as_posix(), read_manifest(path)))
    return files


def unreadable_files(home: Path) -> list[SetAsideFile]:
    """List the partitions whose landed file was set aside, and that have not landed again, sorted by path."""
    found: dict[str, SetAsideFile] = {}
    for why in sorted(paths.raw_root(home).glob("*/account=*/*=*/unreadable-*.txt")):
        path = why.with_name("data.parquet")
        if not path.exists():
            dataset, account, partition = path.relative_to(paths.raw_root(home)).parts[:3]
            kind, _, key = partition.partition("=")
            name, reason = path.relative_to(home).as_posix(), why.read_text(encoding="utf-8")
            found[name] = SetAsideFile(name, dataset, account.removeprefix("account="), kind, key, reason)
    return list(found.values())


def set_aside_unreadable(home: Path) -> None:
    """Set aside every landed file whose manifest cannot be read. Raises StorageFailed and SettingError."""
    for path in _data_files(home):
        try:
            read_manifest(path)
        except CorruptFile as error:
            set_aside(path, str(error), UNREADABLE_DIGEST)


def set_aside(path: Path, reason: str, digest: str) -> None:
    """Rename a damaged landed file, so that its partition counts as missing and lands anew.

    `digest` is that of the file that was found to be damaged. It stays in its folder, with the reason, until somebody
    deletes it. To restore the partition from a backup, put the file back under its name.

    Raises Busy if another file has landed meanwhile, and StorageFailed.
    """
    try:
        now = path.stat()
        if _digest_or_unreadable(path) not in {digest, UNREADABLE_DIGEST}:
            raise Busy(f"{path} landed anew while it was read. Run again.")
        aside = paths.set_aside_file(path, now.st_mtime_ns)
        why = reason.removesuffix(_WHAT_TO_DO).strip().replace(str(path), "The file")
        aside.with_suffix(".txt").write_text(why, encoding="utf-8")
        aside.with_suffix(".txt").chmod(0o600)
        path.replace(aside)
        if aside.stat().st_ino != now.st_ino and not path.exists():  # landed between the two lines before
            aside.replace(path)
            aside.with_suffix(".txt").unlink()
    except FileNotFoundError:
        return  # another process was quicker
    except OSError as error:
        raise StorageFailed(f"{reason} It cannot be renamed either: {error}.") from error


def landed_digests(home: Path) -> dict[str, str]:
    """Return the digest of every landed file of a home, by path; a file that has not changed is not read again.

    That of a file that cannot be read is UNREADABLE_DIGEST, whether it has been set aside or not.
    """
    digests = {file.path: UNREADABLE_DIGEST for file in unreadable_files(home)}
    for path in _data_files(home):
        digests[path.relative_to(home).as_posix()] = _digest_or_unreadable(path)
    return digests


def _digest_or_unreadable(path: Path) -> str:
    stat = path.stat()
    try:
        return _digest(path, stat.st_ino, stat.st_mtime_ns, stat.st_size)
    except CorruptFile:
        return UNREADABLE_DIGEST


@cache
def _digest(path: Path, *_version: int) -> str:
    return read_manifest(path).digest


def _data_files(home: Path) -> list[Path]:
    return sorted(paths.raw_root(home).glob("*/account=*/*=*/data.parquet"))
