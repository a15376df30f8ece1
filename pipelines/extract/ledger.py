"""The ledger of a pull: every page is stored as it arrives, so that a run after a kill does not request it again.

There is one SQLite file per account, dataset and partition, removed once the rows have landed. Rows are kept as
compressed Arrow batches of text, with a checksum. Of a downloaded file only name and digest are kept, never its link.
`listing` judges what a set of pages proves.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipelines.endpoints.shapes import Paging
from pipelines.errors import CorruptFile, StorageFailed
from pipelines.pages import FetchedFile, Page, Slice

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ORIGIN = "create table if not exists origin (fingerprint text not null, requested_from text not null)"
_SLICE_COLUMNS = "customer_uin text not null, slice_params text not null"
_TABLES = {
    "pages": f"""
        {_SLICE_COLUMNS}, attempt integer not null, number integer not null,
        request_id text not null, fetched_at text not null, total integer, rows integer not null,
        cost text, digest text not null, reply text, fields text not null,
        size integer not null, checksum integer not null, body blob not null,
        primary key (customer_uin, slice_params, attempt, number)
    """,
    "confirmations": f"""
        {_SLICE_COLUMNS}, attempt integer not null, stood_still integer not null,
        primary key (customer_uin, slice_params, attempt)
    """,
    "pagings": f"""
        {_SLICE_COLUMNS}, attempt integer not null,
        size integer not null, first integer not null, settled integer not null,
        primary key (customer_uin, slice_params, attempt)
    """,
    "files": f"""
        {_SLICE_COLUMNS}, name text not null, digest text not null, size integer not null,
        request_id text not null, fetched_at text not null,
        primary key (customer_uin, slice_params)
    """,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored page without its rows. `total` is the API's, None if it gives none; `cost` is the rows' exact sum."""

    number: int
    total: int | None
    rows: int
    cost: Decimal | None
    digest: str
    fetched_at: datetime


class Ledger:
    """The stored pages and files of one pull of one dataset.

    A ledger of another request or day, so with another `fingerprint`, is emptied when opened. All methods raise
    CorruptFile if the ledger cannot be read (it is moved aside, so that the next run starts anew), and StorageFailed if
    the disk refuses.
    """

    def __init__(self, path: Path, fingerprint: dict[str, Any]) -> None:
        self._path = path
        self._codec = pa.Codec("zstd", compression_level=1)
        with self._failures():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            with self._failures():
                self._db.execute("pragma journal_mode = wal")
                self._db.execute("pragma synchronous = normal")
                self._db.execute("pragma wal_autocheckpoint = 0")  # the file is removed once its pages have landed
                self._db.execute(_ORIGIN)
                self.requested_from = self._begin(json.dumps(fingerprint | {"tables": _TABLES}, sort_keys=True))
        except BaseException:
            self._db.close()
            raise

    def _begin(self, fingerprint: str) -> datetime:
        origin = self._db.execute("select fingerprint, requested_from from origin").fetchone()
        if origin and origin[0] == fingerprint:
            return datetime.fromisoformat(origin[1])
        now = datetime.now(UTC)
        self._db.execute("begin immediate")
        self._db.execute("delete from origin")
        for table, columns in _TABLES.items():
            self._db.execute(f"drop table if exists {table}")
            self._db.execute(f"create table {table} ({columns}) without rowid")
        self._db.execute("insert into origin values (?, ?)", (fingerprint, now.isoformat()))
        self._db.execute("commit")
        return now

    def store(self, page: Page, attempt: int, total: int | None, cost: Decimal | None) -> Entry:
        """Store a page. Once this returns, the page survives a kill."""
        entry = Entry(page.number, total, page.rows.num_rows, cost, page.digest, page.fetched_at)
        body = page.rows.serialize()
        stored = self._codec.compress(body, asbytes=True)
        fields = json.dumps(sorted(page.fields))
        row = (
            *_key(page.slice),
            attempt,
            page.number,
            page.request_id,
            page.fetched_at.isoformat(),
            total,
            entry.rows,
            None if cost is None else str(cost),
            entry.digest,
            page.reply,
            fields,
            body.size,
            _checksum(stored, page.reply, fields),
            stored,
        )
        self._put("pages", row)
        return entry

    def confirm(self, slice_: Slice, attempt: int, *, stood_still: bool) -> None:
        """Store whether a slice's listing stood still while it was paged: its first page was the same at the end."""
        self._put("confirmations", (*_key(slice_), attempt, stood_still))

    def confirmation(self, slice_: Slice, attempt: int) -> bool | None:
        """Return whether the listing stood still, None if that has not been checked yet."""
        query = "select stood_still from confirmations where customer_uin = ? and slice_params = ? and attempt = ?"
        row = self._one(query, (*_key(slice_), attempt))
        return None if row is None else bool(row[0])

    def entries(self, slice_: Slice, attempt: int) -> dict[int, Entry]:
        """Return the stored pages of an attempt, without their rows, by page number."""
        query = """
            select number, total, rows, cost, digest, fetched_at from pages
            where customer_uin = ? and slice_params = ? and attempt = ? order by number
        """
        with self._failures():
            found = self._db.execute(query, (*_key(slice_), attempt)).fetchall()
        return {
            number: Entry(
                number, total, rows, None if cost is None else Decimal(cost), digest, datetime.fromisoformat(fetched_at)
            )
            for number, total, rows, cost, digest, fetched_at in found
        }

    def pages(self, slice_: Slice, attempt: int, columns: pa.Schema) -> Iterator[Page]:
        """Give the pages of an attempt in order, one in memory at a time."""
        query = """
            select number, request_id, fetched_at, reply, fields, size, checksum, body from pages
            where customer_uin = ? and slice_params = ? and attempt = ? order by number
        """
        with self._failures():
            found = self._db.execute(query, (*_key(slice_), attempt))
            for number, request_id, fetched_at, reply, fields, size, checksum, body in found:
                yield Page(
                    slice_.customer_uin,
                    number,
                    request_id,
                    datetime.fromisoformat(fetched_at),
                    self._rows(body, size, checksum, columns, reply, fields),
                    slice_params=slice_.slice_params,
                    reply=reply,
                    fields=frozenset(json.loads(fields)),
                )

    def settle(self, slice_: Slice, attempt: int, paging: Paging, *, anew: bool = False) -> None:
        """Store how a listing is paged from an attempt on; `Paging.documented` marks that this is final.

        `anew` deletes that attempt's pages in the same transaction, so that pages of two sizes are never mixed.
        """
        with self._failures():
            self._db.execute("begin immediate")
            if anew:
                query = "delete from pages where customer_uin = ? and slice_params = ? and attempt = ?"
                self._db.execute(query, (*_key(slice_), attempt))
            row = (*_key(slice_), attempt, paging.size, paging.first, paging.documented)
            self._db.execute("insert or replace into pagings values (?, ?, ?, ?, ?, ?)", row)
            self._db.execute("commit")

    def paging(self, slice_: Slice, attempt: int) -> Paging | None:
        """Return the paging stored for an attempt or the last one before it, None if there is none."""
        query = """
            select size, first, settled from pagings
            where customer_uin = ? and slice_params = ? and attempt <= ? order by attempt desc limit 1
        """
        row = self._one(query, (*_key(slice_), attempt))
        return Paging(size=row[0], first=row[1], documented=bool(row[2])) if row else None

    def keep_file(self, file: FetchedFile) -> None:
        """Store a downloaded file by its name, without its folder."""
        with self._failures():
            size = file.path.stat().st_size
        row = (*_key(file.slice), file.path.name, file.digest, size, file.request_id, file.fetched_at.isoformat())
        self._put("files", row)

    def file(self, slice_: Slice, folder: Path) -> FetchedFile | None:
        """Return the file downloaded to `folder` for a slice, None if there is none or it has been removed."""
        query = """
            select name, digest, size, request_id, fetched_at from files where customer_uin = ? and slice_params = ?
        """
        row = self._one(query, _key(slice_))
        if row is None:
            return None
        name, digest, size, request_id, fetched_at = row
        path = folder / name
        with self._failures():
            if not path.is_file() or path.stat().st_size != size:
                return None
            return FetchedFile(slice_, path, digest, request_id, datetime.fromisoformat(fetched_at))

    def _put(self, table: str, row: tuple[Any, ...]) -> None:
        with self._failures():
            places = ", ".join("?" * len(row))
            self._db.execute(f"insert or replace into {table} values ({places})", row)  # noqa: S608  our own table

    def _one(self, query: str, values: tuple[Any, ...]) -> Any:
        with self._failures():
            return self._db.execute(query, values).fetchone()

    def _rows(self, body: bytes, size: int, checksum: int, columns: pa.Schema, *texts: str | None) -> pa.RecordBatch:
        try:
            if _checksum(body, *texts) == checksum:
                return pa.ipc.read_record_batch(self._codec.decompress(body, decompressed_size=size), columns)
        except OSError as error:  # raised by pyarrow if it cannot decompress
            raise ValueError(str(error)) from error
        raise ValueError("a stored page is damaged")

    def page_count(self) -> int:
        """Return the number of stored pages of all attempts."""
        with self._failures():
            return int(self._db.execute("select count(*) from pages").fetchone()[0])

    def close(self) -> None:
        """Close the file and keep it for a later run."""
        self._db.close()

    def remove(self) -> None:
        """Remove the file, whose pages have landed."""
        self._db.close()
        with self._failures():
            for name in (self._path.name, f"{self._path.name}-wal", f"{self._path.name}-shm"):
                self._path.with_name(name).unlink(missing_ok=True)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.ProgrammingError, sqlite3.IntegrityError):  # a bug, not a damaged file
            raise
        except sqlite3.OperationalError as error:
            raise self._refused(str(error)) from error
        except OSError as error:
            raise self._refused(error.strerror or str(error)) from error
        except (sqlite3.DatabaseError, pa.ArrowInvalid, ValueError) as error:
            raise self._corrupt(error) from error

    def _refused(self, reason: str) -> StorageFailed:
        return StorageFailed(
            f"Cannot store pages in {self._path}: {reason}. Make room or make it writable, then run again: "
            "the pages already stored are not requested again."
        )

    def _corrupt(self, error: Exception) -> CorruptFile:
        self._db.close()
        aside = self._path.with_name(self._path.name + ".corrupt")
        try:
            self._path.replace(aside)
            for suffix in ("-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        except OSError as refusal:
            return CorruptFile(
                f"The ledger {self._path} can neither be read ({error}) nor moved away ({refusal.strerror}). "
                "Delete it and run again: its pages will be requested once more."
            )
        return CorruptFile(
            f"The ledger {self._path} cannot be read ({error}); it was moved to {aside.name}. "
            "Run again: its pages will be requested once more."
        )


def _key(slice_: Slice) -> tuple[str, str]:
    return slice_.customer_uin or "", slice_.slice_params


def _checksum(body: bytes, *texts: str | None) -> int:
    return zlib.crc32(json.dumps(texts).encode(), zlib.crc32(body))
