"""What the tests of extract share: asking a question of a stand-in, and looking at what came."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from pipelines import extract
from tests.unit.service import SHORT, SUMMARY

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.endpoints.shapes import Dataset
    from pipelines.pages import CustomerPull, Page
    from tests.unit.service import Service


class Pulled:
    """One dataset's pull, read and closed."""

    def __init__(self, pull: extract.DatasetPull) -> None:
        self.customers: dict[str | None, CustomerPull] = {
            customer.customer_uin: customer for customer in pull.customers
        }
        self.pages: list[Page] = list(pull.pages())
        self.asked_from = pull.asked_from
        self.asked_to = pull.asked_to
        self.page_count = pull.page_count
        pull.close()

    @property
    def rows(self) -> list[dict[str, str | None]]:
        """All rows, in order."""
        return [row for page in self.pages for row in page.rows.to_pylist()]


class Asker:
    """Asks questions whose ledgers are kept in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.progress: list[extract.Progress] = []

    def question(
        self, customers: tuple[str, ...], datasets: tuple[Dataset, ...] = (SHORT,), **changes: object
    ) -> extract.Question:
        """Make a question about an open month."""
        values = {
            "account": "acme",
            "datasets": datasets,
            "key": "2026-10",
            "customers": customers,
            "listed": frozenset(customers),
            "ledgers": {dataset.name: self.ledger(dataset) for dataset in datasets},
            "is_closed": False,
            "day": "2026-11-20",
        }
        return extract.Question(**values | changes)

    def ledger(self, dataset: Dataset) -> Path:
        """The ledger of a dataset."""
        return self.folder / dataset.name / "2026-10.sqlite"

    async def results(self, question: extract.Question, service: Service) -> dict[str, Pulled | Exception]:
        """Ask, and read everything that came."""
        found: dict[str, Pulled | Exception] = {}
        async with aclosing(extract.pull(question, service, self.progress.append)) as results:
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

    def ask_all(self, service: Service, *customers: str, **changes: object) -> dict[str, Pulled | Exception]:
        """Ask for summaries and bill lines."""
        question = self.question(customers, **{"datasets": (SUMMARY, SHORT)} | changes)
        return asyncio.run(self.results(question, service))

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
def asker(tmp_path: Path) -> Asker:
    """Somebody who asks, with ledgers of their own."""
    return Asker(tmp_path / "ledgers")
