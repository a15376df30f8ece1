"""What the tests of land share: pulls made of plain rows, and a lake to land them in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import land
from pipelines.endpoints import DATASETS
from pipelines.pages import CustomerPull, Page, Proof, amount, exact_sum, text_rows
from pipelines.periods import MonthState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pipelines.endpoints.shapes import Dataset

DETAIL = DATASETS["customer_bill_detail"]
CUSTOMERS = DATASETS["customers"]
AT = datetime(2026, 11, 20, 4, tzinfo=UTC)
Row = dict[str, Any]


def line(line_id: str | None, cost: str = "1.10", **fields: Any) -> Row:
    """Return a bill line."""
    return {"Id": line_id, "TotalCost": cost, "Currency": "USD", **fields}


class Pull:
    """What came of one customer: rows in pages, and how well they are proven."""

    def __init__(
        self, rows: Iterable[Row] = (), proof: Proof = Proof.PROVEN, expected: int | None = None, page_size: int = 2
    ) -> None:
        self.rows = list(rows)
        self.proof = proof
        self.expected = len(self.rows) if expected is None and proof is not Proof.FAILED else expected
        self.page_size = page_size

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
            )
            for number, start in enumerate(starts, 1)
        ]

    def outcome(self, customer: str | None, dataset: Dataset, at: datetime) -> CustomerPull:
        """What extract says of it."""
        failed = self.proof is Proof.FAILED
        return CustomerPull(
            customer_uin=customer,
            proof=self.proof,
            rows=len(self.rows),
            expected_rows=self.expected,
            cost=exact_sum(amount(row.get(dataset.cost)) for row in self.rows) if dataset.cost and not failed else None,
            proven_at=at if self.proof is Proof.PROVEN else None,
            reason="" if self.proof is Proof.PROVEN else f"it is {self.proof}",
            code="Refused" if failed else None,
            request_id="r-9" if failed else None,
        )


FAILED = Pull(proof=Proof.FAILED)


class Lake:
    """A lake of one account."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.hour = 0

    def target(
        self, dataset: Dataset = DETAIL, key: str = "2026-10", state: MonthState | None = MonthState.OPEN
    ) -> land.Target:
        """Name a partition."""
        return land.Target(self.home, dataset, "acme", key, state)

    def pulled(
        self, dataset: Dataset, pulls: dict[str | None, Pull], listed: Iterable[str] | None = None
    ) -> land.Pulled:
        """Say what was pulled, an hour after the pull before."""
        self.hour += 1
        at = AT + timedelta(hours=self.hour)
        customers = [pull.outcome(customer, dataset, at) for customer, pull in pulls.items()]
        return land.Pulled(
            customers=customers,
            pages=[
                page
                for customer, pull in pulls.items()
                if pull.proof is not Proof.FAILED
                for page in pull.pages(customer, dataset.columns, at)
            ],
            listed=frozenset(filter(None, pulls) if listed is None else listed),
            asked_from=at - timedelta(minutes=5),
            asked_to=at,
            code_version="0.1.0+abc",
            run_id=f"run {self.hour}",
        )

    def land(
        self,
        pulls: dict[str | None, Pull],
        dataset: Dataset = DETAIL,
        state: MonthState | None = MonthState.OPEN,
        listed: Iterable[str] | None = None,
    ) -> land.LandedFile:
        """Land a pull."""
        return land.land(self.target(dataset, state=state), self.pulled(dataset, pulls, listed))

    def table(self, dataset: Dataset = DETAIL) -> pa.Table:
        """Read what is landed."""
        return pq.ParquetFile(self.target(dataset).path).read()

    def rows(self, *columns: str, dataset: Dataset = DETAIL) -> list[tuple[Any, ...]]:
        """Read some columns of what is landed."""
        return list(zip(*(self.table(dataset).column(name).to_pylist() for name in columns), strict=True))

    def changes(self, file: land.LandedFile) -> list[list[Row]]:
        """Read the entries of the change log that a landed file cites."""
        folder = self.target().changes
        return [pq.ParquetFile(folder / name).read().to_pylist() for name in file.manifest.changes]

    def files(self) -> set[str]:
        """All files of the lake, relative to the home."""
        return {file.relative_to(self.home).as_posix() for file in self.home.rglob("*") if file.is_file()}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty lake."""
    return Lake(tmp_path / "home")
