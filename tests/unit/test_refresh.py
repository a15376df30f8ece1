"""Refreshing a partition: who is asked, what is asked again, and what one failure leaves of the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipelines.endpoints.shapes import Action, Dataset
    from tests.unit.service import Request, Service

import asyncio
import threading
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Never

import pyarrow.parquet as pq
import pytest

from pipelines import land, locks, paths, refresh
from pipelines.endpoints import DATASETS
from pipelines.endpoints.shapes import Role
from pipelines.errors import (
    Busy,
    CorruptFile,
    CredentialRefused,
    RequestRefused,
    RequestUnanswered,
    StorageFailed,
)
from pipelines.periods import BILLING_ZONE, BillingClock, BillMonth
from tests.unit.service import BY_PRODUCT, CUSTOMERS, DETAIL, SUMMARY, line, lines, refuse, service

MONTH = BillMonth("2026-10")
ASKED = (SUMMARY, DETAIL)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nobody."""
    monkeypatch.setattr(locks, "_PROBE", 0.0)
    monkeypatch.setattr(refresh, "_LIST_POLL", 0.0)


@dataclass
class Books:
    """Refreshes partitions of one home."""

    home: Path
    now: str = "2026-11-20T12:00:00"

    def run(self, run_id: str = "run 1") -> refresh.Run:
        """Name a run at the time of the books."""
        clock = BillingClock(datetime.fromisoformat(self.now).replace(tzinfo=BILLING_ZONE))
        return refresh.Run(self.home, clock, "0.1.0", run_id, lambda progress: None)

    def source(self, api: Service, account: str = "acme", role: Role = Role.RESELLER) -> refresh.Source:
        """Name a source."""
        return refresh.Source(account, role, api, {})

    async def _outcomes(self, run: refresh.Run, sources: Any, datasets: Any, month: Any) -> list[refresh.Outcome]:
        async with aclosing(refresh.refresh(run, sources, datasets, month)) as outcomes:
            return [outcome async for outcome in outcomes]

    def refresh(self, *apis: Any, datasets: Any = ASKED, month: Any = MONTH, run_id: str = "run 1") -> Any:
        """Refresh, and return outcomes by dataset: of one account, or of each in a list."""
        sources = [api if isinstance(api, refresh.Source) else self.source(api) for api in apis]
        outcomes = asyncio.run(self._outcomes(self.run(run_id), sources, datasets, month))
        found = [{o.dataset.name: o for o in outcomes if o.account == source.account} for source in sources]
        assert len(outcomes) == sum(map(len, found))
        return found[0] if len(found) == 1 else found

    def manifest(self, dataset: Dataset, key: str = "2026-10", account: str = "acme") -> land.Manifest:
        """Return what is landed."""
        kind = dataset.partition.value
        return land.read_manifest(paths.raw_file(self.home, dataset.name, account, kind, key))

    def customers(self, dataset: Dataset = DETAIL, account: str = "acme") -> dict[str | None, str]:
        """Return whose rows are landed, and how they are proven."""
        return {c.customer_uin: c.proof for c in self.manifest(dataset, account=account).customers}


@pytest.fixture
def books(tmp_path: Path) -> Books:
    """Empty books on 20 November."""
    return Books(tmp_path / "home")


def refused(action: Action, error: Any = RequestRefused) -> Callable[[Request], None]:
    """Refuse every request of an action."""

    def act(request: Request) -> None:
        if request.action == action.name:
            raise error("it is refused", action=request.action, code="Refused")

    return act


class TestMonth:
    """A month of one account."""

    def test_it_lands_every_dataset(self, books: Books) -> None:
        """Each dataset asked for gets a file and an outcome that says where it is; the customer list comes besides."""
        api = service({"1": lines(3), "2": []})
        outcomes = books.refresh(api)
        assert outcomes.keys() == {"customers", SUMMARY.name, DETAIL.name}
        for outcome in outcomes.values():
            assert outcome.error is None
            assert outcome.file.manifest.state == "whole"
            assert (books.home / outcome.file.path).is_file()
        assert books.customers() == {"1": "proven", "2": "proven"}
        assert books.manifest(DETAIL).month_state == "closed"
        assert books.manifest(DETAIL).costs == {"USD": "3.30"}
        assert len(api.requests) == 1 + 2 + 2

    def test_ledgers_are_gone_once_landed(self, books: Books) -> None:
        """What is landed needs no checkpoint any more."""
        books.refresh(service({"1": lines(3)}))
        assert [file for file in (books.home / "state" / "ledgers").rglob("*") if file.is_file()] == []

    def test_the_days_list_is_taken_once(self, books: Books) -> None:
        """The customer list is taken if the day's is not there, and not again for the next month."""
        api = service({"1": lines(1)})
        assert "customers" in books.refresh(api)
        assert "customers" not in books.refresh(api, month=MONTH.next, run_id="run 2")
        assert len(api.asked(CUSTOMERS)) == 1

    def test_the_next_days_list_is_taken_anew(self, books: Books) -> None:
        """A list of yesterday is not today's."""
        api = service({"1": lines(1)})
        books.refresh(api)
        books.now = "2026-11-21T00:00:00"
        api.rows[CUSTOMERS.action.name][None].append({"CustomerUin": "2"})
        books.refresh(api, run_id="run 2")
        assert books.customers() == {"1": "proven", "2": "proven"}

    def test_those_seen_before_are_asked_too(self, books: Books) -> None:
        """Customers asked are those listed now and those that any dataset of the month has had before."""
        books.refresh(service({"1": lines(1), "2": lines(2)}), datasets=(SUMMARY,))
        books.now = "2026-11-21T12:00:00"
        api = service({"1": lines(1), "2": lines(2)})
        api.rows[CUSTOMERS.action.name][None] = [{"CustomerUin": "1"}, {"CustomerUin": "3"}]
        books.refresh(api, run_id="run 2")
        assert {request.customer for request in api.requests} == {None, "1", "2", "3"}
        listed = {customer.customer_uin: customer.listed for customer in books.manifest(DETAIL).customers}
        assert listed == {"1": True, "2": False, "3": True}

    def test_a_customer_seen_in_another_month_is_not_asked(self, books: Books) -> None:
        """Who left is asked for the months they were seen in, and for no other."""
        books.refresh(service({"1": lines(1), "2": lines(2)}))
        books.now = "2026-11-21T12:00:00"
        api = service({"1": lines(1)})
        books.refresh(api, month=MONTH.next, run_id="run 2")
        assert "2" not in {request.customer for request in api.requests}

    def test_who_left_and_is_refused_leaves_the_month_whole(self, books: Books) -> None:
        """A customer that is no longer listed, and refused, keeps its rows; the month is whole without it."""
        books.refresh(service({"1": lines(1), "2": lines(2)}))
        books.now = "2026-11-21T12:00:00"
        api = service({"1": lines(1)})
        api.on_request.append(refuse("2"))
        outcome = books.refresh(api, run_id="run 2")[DETAIL.name]
        assert books.customers() == {"1": "proven", "2": "failed"}
        assert outcome.file.manifest.rows == 3
        assert outcome.file.manifest.state == "whole"

    def test_a_list_of_what_is_no_uin_asks_nobody(self, books: Books) -> None:
        """A customer list with what cannot be asked fails the month, naming it, before any bill is asked."""
        api = service({"1": lines(1)})
        api.rows[CUSTOMERS.action.name][None] += [{"CustomerUin": None}, {"CustomerUin": "x1"}]
        outcomes = books.refresh(api)
        for dataset in ASKED:
            assert isinstance(outcomes[dataset.name].error, RequestUnanswered)
            assert "holds what is no UIN: None, x1" in str(outcomes[dataset.name].error)
        assert len(api.requests) == 1

    def test_a_list_that_may_be_short_asks_no_month_until_a_whole_one_is_taken(self, books: Books) -> None:
        """A customer left out of the list would be missing unseen: the month fails, and the next run takes it again."""
        api = service({"1": lines(3), "2": lines(2)})

        def shorten(request: Request, response: dict[str, Any]) -> None:
            if request.action == CUSTOMERS.action.name:
                response["Data"].pop()

        api.on_answer.append(shorten)
        outcomes = books.refresh(api)
        assert {outcome.error.code for name, outcome in outcomes.items() if name != CUSTOMERS.name} == {"UnprovenList"}
        assert api.asked(DETAIL) == []
        api.on_answer.clear()
        outcomes = books.refresh(api, run_id="run 2")
        assert not any(outcome.error for outcome in outcomes.values())
        assert set(books.customers()) == {"1", "2"}

    def test_a_damaged_list_is_told(self, books: Books) -> None:
        """A landed customer list that cannot be read is named, not tripped over."""
        api = service({"1": lines(1)})
        books.refresh(api, datasets=(CUSTOMERS,), month=None)
        file = paths.raw_file(books.home, "customers", "acme", "snapshot_date", "2026-11-20")
        file.write_bytes(b"nothing to read")
        outcomes = books.refresh(api)
        assert all(isinstance(outcome.error, CorruptFile) for outcome in outcomes.values())
        assert str(file) in str(outcomes[DETAIL.name].error)

    def test_without_a_list_nothing_is_asked(self, books: Books) -> None:
        """Where the list cannot be had, every dataset of the month fails with that reason."""
        api = service({"1": lines(1)})
        api.on_request.append(refused(CUSTOMERS.action))
        outcomes = books.refresh(api)
        assert outcomes.keys() == {"customers", SUMMARY.name, DETAIL.name}
        assert all(isinstance(outcome.error, RequestRefused) for outcome in outcomes.values())
        assert len(api.requests) == 1

    def test_a_closed_month_is_compared_with_its_summary(self, books: Books) -> None:
        """For a closed month a difference between lines and summary is landed, flagged."""
        api = service({"1": lines(3)})
        api.on_answer.append(
            lambda request, answer: answer.update(TotalCost="9") if request.action == SUMMARY.action.name else None
        )
        manifest = books.refresh(api)[DETAIL.name].file.manifest
        assert (manifest.state, manifest.rows) == ("unproven", 3)

    @pytest.mark.parametrize(("costs", "state"), [("1.10", "whole"), ("1.20", "unproven")])
    def test_lines_alone_are_compared_with_the_summary_landed_before(
        self, books: Books, costs: str, state: Any
    ) -> None:
        """Lines pulled without the summary are proven by the one that is landed since the close."""
        books.refresh(service({"1": lines(3)}), datasets=(SUMMARY,))
        outcomes = books.refresh(service({"1": lines(3, costs)}), datasets=(DETAIL,), run_id="run 2")
        assert outcomes[DETAIL.name].file.manifest.state == state

    def test_a_summary_of_before_the_close_proves_nothing(self, books: Books) -> None:
        """A summary that was landed while the month ran does not prove its bill."""
        books.now = "2026-10-20T12:00:00"
        books.refresh(service({"1": lines(3)}), datasets=(SUMMARY,))
        books.now = "2026-11-20T12:00:00"
        outcomes = books.refresh(service({"1": lines(3)}), datasets=(DETAIL,), run_id="run 2")
        (customer,) = outcomes[DETAIL.name].file.manifest.customers
        assert customer.reason == "there is no customer_bill_summary to prove it by"

    def test_a_month_that_closes_meanwhile_counts_as_asked_before(
        self, books: Books, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Rows asked for just before the close are not the bill, even if they land just after."""
        times = iter(["2026-11-05T00:59:59"] + ["2026-11-05T01:00:01"] * 1000)
        run = books.run()

        class Clock(BillingClock):
            def now(self) -> datetime:
                return datetime.fromisoformat(next(times)).replace(tzinfo=BILLING_ZONE)

        monkeypatch.setattr(books, "run", lambda run_id: refresh.replace(run, clock=Clock()))
        assert books.refresh(service({"1": lines(3)}))[DETAIL.name].file.manifest.month_state == "provisional"


class TestAgain:
    """A run that is executed again, or after it was ended."""

    def test_what_the_run_landed_whole_is_not_asked_again(self, books: Books) -> None:
        """Executed again under its own name, a run asks only what it has not landed whole, and tells of all."""
        api = service({"1": lines(3), "2": lines(1)})
        api.on_request.append(refused(DETAIL.action))
        first = books.refresh(api, datasets=(SUMMARY, BY_PRODUCT, DETAIL))
        assert isinstance(first[DETAIL.name].error, RequestRefused)
        api.on_request.clear()
        api.requests.clear()
        again = books.refresh(api, datasets=(SUMMARY, BY_PRODUCT, DETAIL))
        assert {request.action for request in api.requests} == {DETAIL.action.name}
        assert all(outcome.file.manifest.state == "whole" for outcome in again.values())
        assert again[SUMMARY.name].file == first[SUMMARY.name].file
        api.requests.clear()
        books.refresh(api, datasets=(SUMMARY, BY_PRODUCT, DETAIL))
        assert api.requests == []

    def test_another_run_asks_all_again(self, books: Books) -> None:
        """Another run takes nothing from the one before."""
        api = service({"1": lines(3)})
        books.refresh(api)
        api.requests.clear()
        books.refresh(api, run_id="run 2")
        assert {request.action for request in api.requests} == {SUMMARY.action.name, DETAIL.action.name}

    def test_what_is_partial_is_asked_again(self, books: Books) -> None:
        """What the run landed in part it asks again."""
        api = service({"1": lines(3), "2": lines(1)})
        api.on_request.append(refuse("2"))
        assert books.refresh(api)[DETAIL.name].file.manifest.state == "partial"
        api.on_request.clear()
        assert books.refresh(api)[DETAIL.name].file.manifest.state == "whole"
        assert books.customers() == {"1": "proven", "2": "proven"}

    def test_what_was_landed_before_the_close_is_asked_again(self, books: Books) -> None:
        """Executed again after the close, a run of before it takes nothing for granted."""
        books.now = "2026-11-05T00:59:00"
        api = service({"1": lines(3)})
        books.refresh(api)
        books.now = "2026-11-05T01:00:00"
        api.requests.clear()
        assert books.refresh(api)[DETAIL.name].file.manifest.month_state == "closed"
        assert {request.action for request in api.requests} == {SUMMARY.action.name, DETAIL.action.name}

    def test_pages_that_could_not_be_landed_are_not_asked_again(
        self, books: Books, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """After a full disk the next run lands the pages it has, without asking for them."""

        def full(target: Any, pulled: Any) -> Never:
            raise StorageFailed("the disk is full")

        api = service({"1": lines(3)})
        books.refresh(api, datasets=(CUSTOMERS,), month=None)
        with monkeypatch.context() as patch:
            patch.setattr(land, "land", full)
            failed = books.refresh(api)
        assert [str(outcome.error) for outcome in failed.values()] == ["the disk is full"] * 2
        api.requests.clear()
        books.refresh(api, run_id="run 2")
        assert api.requests == []
        assert books.manifest(DETAIL).rows == 3

    def test_a_rerun_changes_no_row(self, books: Books) -> None:
        """A second run over unchanged books leaves equal rows and says that nothing changed."""
        api = service({"1": lines(3)})
        books.refresh(api)
        file = paths.raw_file(books.home, DETAIL.name, "acme", "bill_month", "2026-10")
        before = pq.ParquetFile(file).read(columns=[*DETAIL.columns])
        books.refresh(api, run_id="run 2")
        assert pq.ParquetFile(file).read(columns=[*DETAIL.columns]).equals(before)
        (entry,) = books.manifest(DETAIL).changes
        folder = paths.changes_folder(books.home, DETAIL.name, "acme", "bill_month", "2026-10")
        assert pq.read_metadata(folder / entry).num_rows == 0


class TestCustomers:
    """The customer list by itself."""

    def test_it_is_a_snapshot_of_the_day(self, books: Books) -> None:
        """The list lands under today in UTC+8; a second one on a day replaces the first."""
        books.now = "2026-11-21T00:30:00"
        outcome = books.refresh(service({"1": [], "2": []}), datasets=(CUSTOMERS,), month=None)["customers"]
        assert outcome.file.path == "lake/raw/customers/account=acme/snapshot_date=2026-11-21/data.parquet"
        books.refresh(service({"3": []}), datasets=(CUSTOMERS,), month=None, run_id="run 2")
        assert books.manifest(CUSTOMERS, "2026-11-21").rows == 1

    def test_a_failure_is_its_outcome(self, books: Books) -> None:
        """A list that is refused is told, and nothing lands."""
        api = service({"1": []})
        api.on_request.append(refused(CUSTOMERS.action, CredentialRefused))
        outcome = books.refresh(api, datasets=(CUSTOMERS,), month=None)["customers"]
        assert isinstance(outcome.error, CredentialRefused)
        assert outcome.file is None
        assert not (books.home / "lake").exists()


class TestAccounts:
    """Several accounts at once."""

    def test_one_accounts_failure_leaves_the_other(self, books: Books) -> None:
        """An account whose key is refused fails with every dataset; the other lands whole."""
        bad, good = service({"1": lines(1)}), service({"2": lines(2)})
        bad.on_request.append(refused(SUMMARY.action, CredentialRefused))
        failed, landed = books.refresh(books.source(bad, "bad"), books.source(good, "good"))
        assert isinstance(failed[SUMMARY.name].error, CredentialRefused)
        assert isinstance(failed[DETAIL.name].error, CredentialRefused)
        assert failed["customers"].error is None
        assert all(outcome.file.manifest.state == "whole" for outcome in landed.values())
        assert books.customers(account="good") == {"2": "proven"}

    def test_accounts_do_not_mix(self, books: Books) -> None:
        """The same customer at two accounts has two files, each with its account's name."""
        books.refresh(books.source(service({"1": lines(1)}), "a"), books.source(service({"1": lines(2)}), "b"))
        for account, count in (("a", 1), ("b", 2)):
            file = paths.raw_file(books.home, DETAIL.name, account, "bill_month", "2026-10")
            assert pq.ParquetFile(file).read().column("_account").to_pylist() == [account] * count

    def test_what_a_role_may_not_ask_is_left_out(self, books: Books) -> None:
        """An end customer's account is not asked for what only partners may ask, list included; it has no outcome."""
        own, partner = service({"1": lines(1)}), service({"2": lines(2)})
        left, landed = books.refresh(books.source(own, "own", Role.CUSTOMER), books.source(partner, "partner"))
        assert left == {}
        assert own.requests == []
        assert landed.keys() == {"customers", SUMMARY.name, DETAIL.name}
        assert books.refresh(books.source(own, "own", Role.CUSTOMER), datasets=(CUSTOMERS,), month=None) == {}
        assert own.requests == []

    def test_datasets_of_a_role(self) -> None:
        """Of all datasets, a role's are those whose action it may call."""
        everything = tuple(DATASETS.values())
        assert refresh.asked_of(Role.RESELLER, everything) == everything
        assert refresh.asked_of(Role.CUSTOMER, everything) == ()

    def test_a_mistake_in_the_code_is_raised_after_the_others_landed(self, books: Books) -> None:
        """An error that is nobody's but ours comes out as it is, once the other accounts have landed."""

        def stumble(request: Request) -> Never:
            raise ZeroDivisionError

        bad, good = service({"1": lines(1)}), service({"2": lines(2)})
        bad.on_request.append(stumble)
        with pytest.raises(ZeroDivisionError):
            books.refresh(books.source(bad, "bad"), books.source(good, "good"))
        assert books.customers(account="good") == {"2": "proven"}


class TestFailures:
    """A failure stays with its dataset."""

    def test_a_dataset_that_fails_leaves_the_others(self, books: Books) -> None:
        """One refused action fails its dataset; the others land."""
        api = service({"1": lines(1)})
        api.on_request.append(refused(BY_PRODUCT.action))
        outcomes = books.refresh(api, datasets=(SUMMARY, BY_PRODUCT, DETAIL))
        assert isinstance(outcomes[BY_PRODUCT.name].error, RequestRefused)
        assert outcomes[DETAIL.name].file.manifest.state == "whole"

    def test_a_damaged_file_fails_its_dataset_and_asks_nothing_for_it(self, books: Books) -> None:
        """A landed file that cannot be read fails its own dataset, before anything is asked; the others land."""
        api = service({"1": lines(1)})
        books.refresh(api)
        file = paths.raw_file(books.home, SUMMARY.name, "acme", "bill_month", "2026-10")
        file.write_bytes(b"nothing to read")
        api.requests.clear()
        outcomes = books.refresh(api, datasets=(SUMMARY, BY_PRODUCT, DETAIL), run_id="run 2")
        assert isinstance(outcomes[SUMMARY.name].error, CorruptFile)
        assert str(file) in str(outcomes[SUMMARY.name].error)
        assert outcomes[BY_PRODUCT.name].file.manifest.state == "whole"
        assert outcomes[DETAIL.name].file.manifest.rows == 1
        assert SUMMARY.action.name not in {request.action for request in api.requests}

    def test_usage_is_told_of_success_and_failure(self, books: Books) -> None:
        """What a dataset cost is told whether it landed or not; the share is of the limit that applies."""
        api = service({"1": lines(1)})
        api.on_request.append(refused(SUMMARY.action))
        tally = SimpleNamespace(requests=11, throttled=1, first_sent=100.0, last_sent=105.0)
        api.tallies = {DETAIL.action.name: tally, SUMMARY.action.name: tally}
        source = refresh.Source("acme", Role.RESELLER, api, {SUMMARY.action.name: 4})
        outcomes = books.refresh(source)
        assert outcomes[DETAIL.name].usage == refresh.Usage(pages=1, requests=11, throttled=1, seconds=5.0, share=0.4)
        assert outcomes[SUMMARY.name].usage == refresh.Usage(pages=0, requests=11, throttled=1, seconds=5.0, share=0.5)


class TestLocks:
    """One run at a time for an account and partition."""

    def test_a_month_somebody_works_on_is_busy(self, books: Books) -> None:
        """While another run holds the month, every dataset is refused with Busy, naming account and month."""
        api = service({"1": lines(1)})
        with locks.held(paths.partition_lock(books.home, "acme", "2026-10"), "it"):
            outcomes = books.refresh(api)
        for dataset in ASKED:
            assert isinstance(outcomes[dataset.name].error, Busy)
            assert "account 'acme', month 2026-10" in str(outcomes[dataset.name].error)
        assert api.requests == []

    def test_other_months_and_accounts_are_free(self, books: Books) -> None:
        """The lock of one month keeps out no other, and no other account."""
        with locks.held(paths.partition_lock(books.home, "acme", "2026-10"), "it"):
            assert books.refresh(service({"1": lines(1)}), month=MONTH.previous)[DETAIL.name].file
            assert books.refresh(books.source(service({"1": lines(1)}), "other"))[DETAIL.name].file

    def test_a_list_somebody_takes_is_busy(self, books: Books) -> None:
        """While another run takes the list, taking it by itself is refused."""
        with locks.held(paths.partition_lock(books.home, "acme", "customers"), "it"):
            outcome = books.refresh(service({}), datasets=(CUSTOMERS,), month=None)["customers"]
        assert isinstance(outcome.error, Busy)

    def test_a_month_waits_for_a_list_that_another_takes(self, books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
        """A month that needs the list which another run is taking waits for it, and does not ask for it."""
        waited = []
        api = service({"1": lines(1)})
        lock = locks.held(paths.partition_lock(books.home, "acme", "customers"), "it")
        lock.__enter__()
        sleep = asyncio.sleep

        async def wait(seconds: Any) -> None:
            if seconds == "poll":
                waited.append(seconds)
                if len(waited) == 3:
                    lock.__exit__(None, None, None)
                    await refresh.refresh_customers(books.run("another"), books.source(service({"1": []})))
            await sleep(0)

        monkeypatch.setattr(refresh, "_LIST_POLL", "poll")
        monkeypatch.setattr(asyncio, "sleep", wait)
        assert books.refresh(api)[DETAIL.name].file.manifest.rows == 1
        assert len(waited) == 3
        assert api.asked(CUSTOMERS) == []

    def test_a_month_does_not_wait_for_ever(self, books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
        """If the other run does not come to an end, the month is given up as busy."""
        monkeypatch.setattr(refresh, "_LIST_WAIT", -1.0)
        with locks.held(paths.partition_lock(books.home, "acme", "customers"), "it"):
            assert isinstance(books.refresh(service({"1": []}))[DETAIL.name].error, Busy)

    def test_locks_are_free_afterwards(self, books: Books) -> None:
        """A refresh gives its locks back, whether it landed or failed."""
        api = service({"1": lines(1)})
        books.refresh(api)
        api.on_request.append(refused(DETAIL.action))
        books.refresh(api, run_id="run 2")
        found = list(paths.locks_folder(books.home).rglob("*.lock"))
        assert len(found) == 2
        assert not any(map(locks.is_held, found))

    def test_the_lock_is_kept_until_a_landing_under_way_has_ended(
        self, books: Books, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Ended while a file is written, a refresh holds its lock until that is done: no other run can meet it."""
        lock = paths.partition_lock(books.home, "acme", "2026-10")
        writing, go_on = threading.Event(), threading.Event()
        held_at_the_end = []
        real = land.land

        def slow(target: Any, pulled: Any) -> land.LandedFile:
            if target.dataset is DETAIL:
                writing.set()
                assert go_on.wait(30)
                held_at_the_end.append(locks.is_held(lock))
            return real(target, pulled)

        monkeypatch.setattr(land, "land", slow)

        async def be_ended() -> None:
            source = books.source(service({"1": lines(1)}))
            task = asyncio.create_task(books._outcomes(books.run(), [source], (DETAIL,), MONTH))
            await asyncio.to_thread(writing.wait, 30)
            task.cancel()
            asyncio.get_running_loop().call_later(0.01, go_on.set)
            await asyncio.gather(task, return_exceptions=True)
            assert not locks.is_held(lock)

        asyncio.run(be_ended())
        assert held_at_the_end == [True]
        assert books.manifest(DETAIL).rows == 1

    def test_a_run_that_is_ended_carries_on(self, books: Books) -> None:
        """Ended with requests in flight, a refresh frees its locks, lands nothing, and asks only those again."""
        api = service({"1": [line(number) for number in range(1000)]})
        api.hangs_from = 4

        async def be_ended() -> None:
            task = asyncio.create_task(books._outcomes(books.run(), [books.source(api)], (DETAIL,), MONTH))
            for _ in range(1000):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        asyncio.run(be_ended())
        assert not any(map(locks.is_held, paths.locks_folder(books.home).rglob("*.lock")))
        in_flight = len(api.requests) - api.answered
        api.hangs_from = 10**9
        assert books.refresh(api, datasets=(DETAIL,))[DETAIL.name].file.manifest.rows == 1000
        assert len(api.requests) == 1 + (5 + 1 + 1) + in_flight
