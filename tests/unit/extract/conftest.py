"""What the tests of extract share: asking a question of a stand-in, and looking at what came."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from pipelines import extract
from pipelines.pages import Slice
from tests.unit.service import SHORT, SUMMARY

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.endpoints.shapes import Dataset
    from pipelines.pages import Page, SliceResult
    from tests.unit.service import Service


class Pulled:
    """One dataset's pull, read and closed."""

    def __init__(self, pull: extract.DatasetPull) -> None:
        self.customers: dict[str | None, SliceResult] = {customer.customer_uin: customer for customer in pull.results}
        self.slices: dict[Slice, SliceResult] = {customer.slice: customer for customer in pull.results}
        assert list(self.slices) == sorted(self.slices, key=lambda slice_: (slice_[0] or "", slice_[1]))
        self.files = pull.files
        self.pages: list[Page] = list(pull.pages())
        self.requested_from = pull.requested_from
        self.requested_to = pull.requested_to
        self.page_count = pull.page_count
        pull.close()

    @property
    def rows(self) -> list[dict[str, str | None]]:
        """All rows, in order."""
        return [row for page in self.pages for row in page.rows.to_pylist()]


class Waiting:
    """A clock that sleeping moves on, in no time."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.sleeps: list[float] = []
        self.clock = extract.Clock(lambda: self.time, self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        until = self.time + seconds
        for _ in range(50):  # whoever has something to do does it before time goes on
            await asyncio.sleep(0)
        self.time = max(self.time, until)


class Extractor:
    """Asks questions whose ledgers are kept in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.progress: list[extract.Progress] = []
        self.waiting = Waiting()

    def question(
        self, customers: tuple[str, ...], datasets: tuple[Dataset, ...] = (SHORT,), **changes: object
    ) -> extract.ExtractRequest:
        """Make a question about an open month: of customers, and of the whole account where none are asked for."""
        values = {
            "account": "acme",
            "datasets": datasets,
            "partition_key": "2026-10",
            "slices": {
                dataset.name: tuple(map(Slice, customers)) if dataset.customer_parameter else (Slice(),)
                for dataset in datasets
            },
            "folders": {dataset.name: self.folder / "files" / dataset.name for dataset in datasets if dataset.file},
            "listed": frozenset(customers),
            "ledgers": {dataset.name: self.ledger(dataset) for dataset in datasets},
            "is_issued": False,
            "day": "2026-11-20",
        }
        return extract.ExtractRequest(**values | changes)

    def ledger(self, dataset: Dataset) -> Path:
        """The ledger of a dataset."""
        return self.folder / dataset.name / "2026-10.sqlite"

    async def results(self, request: extract.ExtractRequest, service: Service) -> dict[str, Pulled | Exception]:
        """Ask, and read everything that came."""
        found: dict[str, Pulled | Exception] = {}
        async with aclosing(extract.pull(request, service, self.progress.append, self.waiting.clock)) as results:
            async for dataset, result in results:
                assert dataset.name not in found
                found[dataset.name] = result if isinstance(result, Exception) else Pulled(result)
        return found

    def ask(self, service: Service, *customers: str, **changes: object) -> Pulled:
        """Ask for the bill lines of customers of an open month."""
        result = asyncio.run(self.results(self.question(customers, **changes), service))[SHORT.name]
        if isinstance(result, Exception):
            raise result
        return result

    def ask_about(self, service: Service, dataset: Dataset, *slices: Slice, **changes: object) -> Pulled | Exception:
        """Ask a dataset about these subjects."""
        request = self.question((), (dataset,), **{"slices": {dataset.name: slices}} | changes)
        return asyncio.run(self.results(request, service))[dataset.name]

    def ask_all(self, service: Service, *customers: str, **changes: object) -> dict[str, Pulled | Exception]:
        """Ask for summaries and bill lines."""
        request = self.question(customers, **{"datasets": (SUMMARY, SHORT)} | changes)
        return asyncio.run(self.results(request, service))

    def die_at(self, service: Service, index: int, *customers: str, **changes: object) -> None:
        """Ask, and be ended when the request of that index and all after it hang."""
        service.hangs_from = index

        async def run() -> None:
            task = asyncio.create_task(self.results(self.question(customers, **changes), service))
            before = None
            while before != (before := (len(service.requests), service.answered)):
                for _ in range(50):
                    await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        asyncio.run(run())
        service.hangs_from = 10**9


@pytest.fixture
def extractor(tmp_path: Path) -> Extractor:
    """Somebody who asks, with ledgers of their own."""
    return Extractor(tmp_path / "ledgers")
