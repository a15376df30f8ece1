"""Input and output of extract: the request for a pull, its progress, and the pulled datasets."""

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
    """Request to pull the slices of datasets, for one account and one partition key."""

    account: str
    datasets: tuple[Dataset, ...]
    partition_key: str
    slices: Mapping[str, tuple[Slice, ...]]
    """The slices to pull, by dataset name."""
    listed: frozenset[str]
    """The customers on the account's lists now. Other customers may have had bills in the month."""
    ledgers: Mapping[str, Path]
    """The ledger file, by dataset name."""
    is_issued: bool
    """Whether the month's bill is issued, so that the sum of a customer's bill lines must equal its summary."""
    day: str
    """Today in UTC+8. A ledger of another day is emptied: open months have changed since."""
    known_costs: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)
    """Summary costs landed before, by dataset name and customer, for a pull that does not include the summary."""
    paging: Mapping[str, Paging] = field(default_factory=dict)
    """Paging set by the user, by action."""
    folders: Mapping[str, Path] = field(default_factory=dict)
    """The folder for downloaded files, by dataset name."""
    ready_within: float = 300.0
    """Seconds to wait until the service has made a dataset's files."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a dataset's pull: pages done, pages known to exist so far, and requests answered."""

    account: str
    dataset: Dataset
    done: int
    known: int
    answered: int = 0


@dataclass(frozen=True, slots=True)
class PulledSlice:
    """Result of one slice, with the attempt whose pages count or the downloaded file."""

    result: SliceResult
    attempt: int = 0
    file: FetchedFile | None = None


class DatasetPull:
    """A pulled dataset: a result per slice, and their pages, which are still in the ledger, or their files.

    Call `close` to keep the ledger for a later run, or `remove` once the pages have landed.
    """

    def __init__(self, dataset: Dataset, ledger: Ledger, slices: Sequence[PulledSlice]) -> None:
        slices = sorted(slices, key=lambda pulled: (pulled.result.customer_uin or "", pulled.result.slice_params))
        self.dataset = dataset
        self.results = [pulled.result for pulled in slices]
        self.files = tuple(pulled.file for pulled in slices if pulled.file)
        self.requested_from = ledger.requested_from
        self.requested_to = datetime.now(UTC)
        self.page_count = ledger.page_count()
        self._ledger = ledger
        self._attempts = {pulled.result.slice: pulled.attempt for pulled in slices}

    def pages(self) -> Iterator[Page]:
        """Give every pulled page in order, with one in memory at a time; none for a dataset of files."""
        columns = pa.schema([(name, pa.string()) for name in (*self.dataset.columns, EXTRA)])
        for result in self.results:
            if result.proof is not Proof.FAILED:
                yield from self._ledger.pages(result.slice, self._attempts[result.slice], columns)

    def close(self) -> None:
        """Close the ledger and keep its pages for a later run."""
        self._ledger.close()

    def remove(self) -> None:
        """Remove the ledger, whose pages have landed."""
        self._ledger.remove()
