"""What extract is asked, how far it is, and what it hands over: values, and pages that are still in the ledger."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from pipelines.pages import EXTRA, FetchedFile, Page, Proof, Slice, SliceResult

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from decimal import Decimal
    from pathlib import Path

    from pipelines.endpoints.shapes import Dataset, Paging
    from pipelines.extract.ledger import Ledger


@dataclass(frozen=True, slots=True)
class ExtractRequest:
    """What to ask for one account and partition: its datasets, and each of which `slices` (by the dataset's name).

    `listed`: the customers that are the account's now; others had bills in that month before.

    `known_costs` are summary costs landed before, by (dataset, customer), for a pull that does not ask them itself.
    `is_issued`: the month's bill is out, so that detail must equal summary. `day` is today in UTC+8: a ledger of
    another day is not carried on, because its open months have moved since. `paging` is the user's own, by action.
    `folders`, by dataset, are where downloaded files go; `ready_within`: seconds that a dataset's files are waited for.
    """

    account: str
    datasets: tuple[Dataset, ...]
    partition_key: str
    slices: Mapping[str, tuple[Slice, ...]]
    listed: frozenset[str]
    ledgers: Mapping[str, Path]
    is_issued: bool
    day: str
    known_costs: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)
    paging: Mapping[str, Paging] = field(default_factory=dict)
    folders: Mapping[str, Path] = field(default_factory=dict)
    ready_within: float = 300.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a dataset's pull is: pages done of those known so far, and requests answered by now."""

    account: str
    dataset: Dataset
    done: int
    known: int
    asked: int = 0


@dataclass(frozen=True, slots=True)
class PulledSlice:
    """What came of one subject: of a listing the attempt whose pages count, of a file what was downloaded."""

    pull: SliceResult
    attempt: int = 0
    file: FetchedFile | None = None


class DatasetPull:
    """What came of one dataset: an outcome per subject, and their pages, still in the ledger, or their files.

    Close it (the ledger stays, for a run that carries on) or remove it (its pages are landed).
    """

    def __init__(self, dataset: Dataset, ledger: Ledger, outcomes: Sequence[PulledSlice]) -> None:
        outcomes = sorted(outcomes, key=lambda outcome: (outcome.pull.customer_uin or "", outcome.pull.slice_params))
        self.dataset = dataset
        self.results = [outcome.pull for outcome in outcomes]
        self.files = tuple(outcome.file for outcome in outcomes if outcome.file)
        self.requested_from = ledger.requested_from
        self.requested_to = datetime.now(UTC)
        self.page_count = ledger.page_count()
        self._ledger = ledger
        self._attempts = {outcome.pull.slice: outcome.attempt for outcome in outcomes}

    def pages(self) -> Iterator[Page]:
        """Give every pulled page once, by subject and number, one in memory at a time; none of a dataset of files."""
        columns = pa.schema([(name, pa.string()) for name in (*self.dataset.columns, EXTRA)])
        for pull in self.results:
            if pull.proof is not Proof.FAILED:
                yield from self._ledger.pages(pull.slice, self._attempts[pull.slice], columns)

    def close(self) -> None:
        """Keep the pages for a run that carries on."""
        self._ledger.close()

    def remove(self) -> None:
        """Forget the pages: they are landed."""
        self._ledger.remove()
