"""What the tests of land share: pulls made of plain rows, and a lake to land them in."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import land
from pipelines.endpoints import DATASETS
from pipelines.pages import Page, Proof, SliceResult, exact_sum, parse_amount, text_rows
from pipelines.periods import MonthState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pipelines.endpoints.shapes import Dataset

DETAIL = DATASETS["customer_bill_detail"]
CUSTOMERS = DATASETS["customers"]
AT = datetime(2026, 11, 20, 4, tzinfo=UTC)
Row = dict[str, Any]
Pulls = Mapping[str | None, "Pull | Sequence[Pull]"]
"""Pulls by customer; several of one customer where they are of different parts."""


def line(line_id: str | None, cost: str = "1.10", **fields: Any) -> Row:
    """Return a bill line."""
    return {"Id": line_id, "TotalCost": cost, "Currency": "USD", **fields}


class Pull:
    """What came of one subject: rows in pages, and how well they are proven.

    `fields`: the names that the pages say came; by default they do not know.
    """

    def __init__(
        self,
        rows: Iterable[Row] = (),
        proof: Proof = Proof.PROVEN,
        expected: int | None = None,
        page_size: int = 2,
        *,
        slice_params: str = "",
        reply: str | None = None,
        fields: Iterable[str] = (),
        file: str | None = None,
    ) -> None:
        self.rows = list(rows)
        self.proof = proof
        self.expected = len(self.rows) if expected is None and proof is not Proof.FAILED else expected
        self.page_size = page_size
        self.slice_params = slice_params
        self.reply = reply
        self.fields = frozenset(fields)
        self.file = file

    def pages(self, customer: str | None, columns: tuple[str, ...], at: datetime) -> list[Page]:
        """The rows, page by page, an empty page at the end as where the last one is full."""
        starts = range(0, len(self.rows) + 1, self.page_size)
        return [
            Page(
                customer,
                number,
                f"request {customer} {number}",
                at,
                text_rows(self.rows[start : start + self.page_size], columns),
                slice_params=self.slice_params,
                reply=self.reply,
                fields=self.fields,
                file=self.file,
            )
            for number, start in enumerate(starts, 1)
        ]

    def outcome(self, customer: str | None, dataset: Dataset, at: datetime) -> SliceResult:
        """What extract says of it."""
        failed = self.proof is Proof.FAILED
        counted = dataset.file is None and not failed
        return SliceResult(
            customer_uin=customer,
            slice_params=self.slice_params,
            proof=self.proof,
            rows=len(self.rows) if counted else 0,
            expected_rows=self.expected if dataset.file is None else None,
            cost=exact_sum(parse_amount(row.get(dataset.cost)) for row in self.rows)
            if dataset.cost and counted
            else None,
            proven_at=at if self.proof is Proof.PROVEN else None,
            reason="" if self.proof is Proof.PROVEN else f"it is {self.proof}",
            code="Refused" if failed else None,
            request_id="r-9" if failed else None,
            digest="" if failed else hashlib.sha256(repr(self.rows).encode()).hexdigest(),
        )


FAILED = Pull(proof=Proof.FAILED)


class Lake:
    """A lake of one account."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.hour = 0

    def partition(
        self, dataset: Dataset = DETAIL, key: str = "2026-10", state: MonthState | None = MonthState.OPEN
    ) -> land.Partition:
        """Name a partition."""
        return land.Partition(self.home, dataset, "acme", key, state)

    def pulled(
        self, dataset: Dataset, pulls: Pulls, listed: Iterable[str] | None = None, direct: Iterable[str] | None = None
    ) -> land.Pulled:
        """Say what was pulled, an hour after the pull before."""
        self.hour += 1
        at = AT + timedelta(hours=self.hour)
        slices = [(uin, pull) for uin, some in pulls.items() for pull in ([some] if isinstance(some, Pull) else some)]
        return land.Pulled(
            results=[pull.outcome(customer, dataset, at) for customer, pull in slices],
            pages=[
                page
                for customer, pull in slices
                if pull.proof is not Proof.FAILED
                for page in pull.pages(customer, dataset.columns, at)
            ],
            listed=frozenset(filter(None, pulls) if listed is None else listed),
            requested_from=at - timedelta(minutes=5),
            requested_to=at,
            code_version="0.1.0+abc",
            run_id=f"run {self.hour}",
            direct=None if direct is None else frozenset(direct),
        )

    def land(
        self,
        pulls: Pulls,
        dataset: Dataset = DETAIL,
        state: MonthState | None = MonthState.OPEN,
        listed: Iterable[str] | None = None,
        key: str = "2026-10",
        direct: Iterable[str] | None = None,
    ) -> land.LandedFile:
        """Land a pull."""
        return land.land(self.partition(dataset, key, state), self.pulled(dataset, pulls, listed, direct))

    def table(self, dataset: Dataset = DETAIL) -> pa.Table:
        """Read what is landed."""
        return pq.ParquetFile(self.partition(dataset).path).read()

    def rows(self, *columns: str, dataset: Dataset = DETAIL) -> list[tuple[Any, ...]]:
        """Read some columns of what is landed."""
        return list(zip(*(self.table(dataset).column(name).to_pylist() for name in columns), strict=True))

    def changes(self, file: land.LandedFile) -> list[list[Row]]:
        """Read the entries of the change log that a landed file cites."""
        folder = self.partition().changes
        return [pq.ParquetFile(folder / name).read().to_pylist() for name in file.manifest.changes]

    def files(self) -> set[str]:
        """All files of the lake, relative to the home."""
        return {file.relative_to(self.home).as_posix() for file in (self.home / "lake").rglob("*") if file.is_file()}


@pytest.fixture(autouse=True)
def _no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for the disk; that, and when, files are synced is for `test_disk`."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty lake."""
    return Lake(tmp_path / "home")


@pytest.fixture
def no_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the change log unwritten, which is nine tenths of the work of landing again; `test_changes` is about it."""
    monkeypatch.setattr("pipelines.land.landing.write_changes", lambda *_: None)
