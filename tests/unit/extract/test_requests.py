"""How often the service is asked: every page once, and nothing again after a kill but what was in flight."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

from dataclasses import replace
from decimal import Decimal

import pytest

from pipelines.endpoints import DATASETS
from pipelines.errors import CorruptFile, StorageFailed
from pipelines.extract.listing import IN_FLIGHT
from pipelines.pages import Proof, Slice
from tests.unit.extract.conftest import Extractor
from tests.unit.matrix import check_all
from tests.unit.service import BY_PRODUCT, SHORT, SUMMARY, Service, fewest_requests, lines, service

COUNTS = {"1": 0, "2": 1, "3": 2, "4": 3, "5": 4, "6": 6, "7": 20}
"""No rows, less than a page, a full page, a page and a bit, two full pages, many."""


def books() -> Service:
    """Return a service with those customers."""
    return service({customer: lines(count) for customer, count in COUNTS.items()})


def test_each_page_is_asked_once_and_the_first_again(tmp_path: Path) -> None:
    """Pages are asked once; one more if the last is full; the first again if there is more than one."""

    def check(count: int, pages: list[int]) -> None:
        api = service({"1": lines(count)})
        pulled = Extractor(tmp_path / str(count)).ask(api, "1")
        assert api.asked(SHORT) == pages
        assert len(pages) == fewest_requests([count])
        assert [row["Id"] for row in pulled.rows] == [f"line {number}" for number in range(count)]
        assert pulled.customers["1"].proof is Proof.PROVEN
        assert pulled.customers["1"].rows == pulled.customers["1"].expected_rows == count

    cases = [(0, [1]), (2, [1]), (3, [1, 2]), (4, [1, 2, 1]), (5, [1, 2, 1]), (6, [1, 2, 3, 1]), (8, [1, 2, 3, 1])]
    check_all(check, cases)


def test_many_customers_cost_no_request_more(extractor: Extractor) -> None:
    """Requests of several customers and datasets are exactly the fewest that prove them."""
    api = books()
    extractor.ask_all(api, *COUNTS, datasets=(SUMMARY, BY_PRODUCT, SHORT))
    assert len(api.asked(SHORT)) == fewest_requests(COUNTS.values())
    assert len(api.asked(SUMMARY)) == len(api.asked(BY_PRODUCT)) == len(COUNTS)


def test_requests_carry_month_customer_and_page(extractor: Extractor) -> None:
    """Each request names the month and the customer in the parameters that its action has for them."""
    api = service({"100": lines(1)})
    extractor.ask_all(api, "100", datasets=(SHORT, BY_PRODUCT))
    assert sorted((request.action, request.parameters) for request in api.requests) == [
        ("DescribeBillSummaryByProduct", {"BillMonth": "2026-10", "CustomerUin": 100}),
        ("DescribeCustomerBillDetail", {"Month": "2026-10", "CustomerUin": 100, "Page": 1, "PageSize": 3}),
    ]


FILLED_IN = [
    # dataset, key, subject, parameters
    ("customer_bill_by_day", "2026-10-05", Slice("100"), {"Date": "2026-10-05", "CustomerUin": 100}),
    (
        "customer_bill_unpaid",
        "2026-10",
        Slice("100"),
        {"Month": "2026-10", "CustomerUin": 100, "IsConfirmed": "2"},
    ),
    (
        "own_cost_explorer_filters",
        "2026-02",
        Slice(),
        {"StartTime": "2026-02-01 00:00:00", "EndTime": "2026-02-28 23:59:59", "PeriodType": "day"},
    ),
    (
        "own_cost_explorer",
        "2026-12",
        Slice.of(None, {"Dimension": "Tag", "FeeType": "totalCost", "TagKey": "env"}),
        {
            "StartTime": "2026-12-01 00:00:00",
            "EndTime": "2026-12-31 23:59:59",
            "PeriodType": "day",
            "BillType": 1,
            "Dimension": "Tag",
            "FeeType": "totalCost",
            "TagKey": "env",
            "Page": 1,
            "PageSize": 200,
        },
    ),
    (
        "own_bill_summary",
        "2026-10",
        Slice.of(None, {"GroupType": "tag", "TagKey": ("env",)}),
        {"Month": "2026-10", "GroupType": "tag", "TagKey": ["env"]},
    ),
    ("customers", "2026-11-20", Slice(), {"Page": 1, "PageSize": 100}),
    ("account_verification", "2026-11-20", Slice("100"), {"ClientUin": 100}),
    (
        "indirect_customers",
        "2026-11-20",
        Slice.of(None, {"SubAgentUin": 7}),
        {"SubAgentUin": 7, "Page": 1, "PageSize": 100},
    ),
    ("voucher_amounts", "2026-11-20", Slice.of(None, {"ClientUins": [1, 2]}), {"ClientUins": [1, 2]}),
]


def test_requests_are_filled_in_from_the_catalogue(tmp_path: Path) -> None:
    """Fixed parameters, the partition's key or its first and last second, the customer and the subject's own."""

    def check(name: str, key: str, slice_: Slice, parameters: dict[str, Any]) -> None:
        dataset = DATASETS[name]
        api = Service({dataset.action.name: {slice_.customer_uin: [{}]}})
        pulled = Extractor(tmp_path / f"{name} {slice_}").ask_about(api, dataset, slice_, partition_key=key)
        assert pulled.slices[slice_].proof is Proof.PROVEN
        assert [request.parameters for request in api.requests] == [parameters]

    check_all(check, FILLED_IN)


def test_a_fixed_list_is_sent_as_one(extractor: Extractor) -> None:
    """The catalogue's tuples are lists to the API."""
    dataset = replace(DATASETS["own_bill_summary"], fixed={"TagKey": ("env", "team")})
    api = Service({dataset.action.name: {None: []}})
    extractor.ask_about(api, dataset, Slice())
    assert api.requests[0].parameters == {"Month": "2026-10", "TagKey": ["env", "team"]}


def test_subjects_of_one_customer_are_listings_of_their_own(extractor: Extractor) -> None:
    """What is asked in two ways is proven, kept and carried on by itself."""
    usage = DATASETS["customer_voucher_usage"]
    api = Service({usage.action.name: {"1": [{"Amount": 1}]}})
    slices = [Slice.of("1", {"VoucherId": number}) for number in (7, 8)]
    pulled = extractor.ask_about(api, usage, *slices)
    assert {slice_: outcome.cost for slice_, outcome in pulled.slices.items()} == dict.fromkeys(slices, Decimal(1))
    assert [page.slice for page in pulled.pages] == slices
    extractor.ask_about(api, usage, *slices, Slice.of("1", {"VoucherId": 9}))
    assert [request.parameters["VoucherId"] for request in api.requests] == [7, 8, 9]


def test_a_datasets_requests_run_side_by_side_within_a_bound(extractor: Extractor) -> None:
    """Many requests of a dataset are under way at once, but never more than so many."""
    api = service({str(number): lines(20) for number in range(1, 6)})
    extractor.ask(api, *"12345")
    assert api.most_in_flight == IN_FLIGHT


@pytest.mark.parametrize(
    "name", ["customer_bill_detail_files", "credit_by_uin", "customers", "credit_allocation_history"]
)
def test_a_dataset_about_nobody_is_empty(extractor: Extractor, name: str) -> None:
    """Without subjects there is nothing to ask, and an empty pull to hand over."""
    api = Service({})
    pulled = extractor.ask_about(api, DATASETS[name])
    assert (pulled.customers, pulled.pages, pulled.files) == ({}, [], ())
    assert api.requests == []


def test_no_customers_need_no_request(extractor: Extractor) -> None:
    """An account without customers has a pull without rows, and asks nothing."""
    api = service({})
    assert extractor.ask(api).customers == {}
    assert api.requests == []


def test_a_run_ended_at_any_request_carries_on(tmp_path: Path) -> None:
    """Ended at any request, the next run asks only what was in flight, and has the rows of a run never ended."""
    whole = Extractor(tmp_path / "whole").ask(books(), *COUNTS)
    needed = fewest_requests(COUNTS.values())
    for index in range(needed):
        api = books()
        extractor = Extractor(tmp_path / str(index))
        extractor.die_at(api, index, *COUNTS)
        in_flight = len(api.requests) - api.answered
        assert api.answered == index
        assert 1 <= in_flight <= IN_FLIGHT
        pulled = extractor.ask(api, *COUNTS)
        assert len(api.requests) <= needed + in_flight
        assert pulled.rows == whole.rows
        assert [c.proof for c in pulled.customers.values()] == [Proof.PROVEN] * len(COUNTS)


def test_a_run_ended_after_its_last_request_asks_nothing_again(extractor: Extractor) -> None:
    """With everything in the ledger, a further run asks nothing, whatever the last pages were like."""
    api = books()
    before = extractor.ask_all(api, *COUNTS, is_issued=True)
    api.requests.clear()
    after = extractor.ask_all(api, *COUNTS, is_issued=True)
    assert api.requests == []
    assert after[SHORT.name].rows == before[SHORT.name].rows
    assert after[SHORT.name].requested_from == before[SHORT.name].requested_from
    assert after[SHORT.name].customers == before[SHORT.name].customers


def test_a_run_can_be_ended_many_times(extractor: Extractor) -> None:
    """Ended again and again, each run goes on where the one before was."""
    api = books()
    needed = fewest_requests(COUNTS.values())
    for _ in range(4):
        extractor.die_at(api, len(api.requests) + 5, *COUNTS)
    extractor.ask(api, *COUNTS)
    assert len(api.requests) <= needed + 4 * IN_FLIGHT


def test_a_repeated_attempt_carries_on_too(extractor: Extractor) -> None:
    """Ended while a customer is pulled again, the next run goes on with that attempt."""
    api = service({"1": lines(9)})
    api.on_answer.append(lambda request, answer: answer["DetailSet"].pop() if request.index == 1 else None)
    extractor.die_at(api, 7, "1")
    pulled = extractor.ask(api, "1")
    assert pulled.customers["1"].proof is Proof.PROVEN
    assert len(api.requests) <= 2 * fewest_requests([9]) + IN_FLIGHT


@pytest.mark.parametrize(
    "change", [{"day": "2026-11-21"}, {"is_issued": True}, {"partition_key": "2026-11"}, {"account": "other"}]
)
def test_a_ledger_of_another_day_or_state_starts_anew(extractor: Extractor, change: dict[str, Any]) -> None:
    """Pages of another day, of before the close, or of another partition are not taken for today's."""
    api = service({"1": lines(5, cost="1.10")})
    extractor.ask(api, "1")
    api.requests.clear()
    api.rows[SHORT.action.name]["1"] = lines(5, cost="2.20")
    pulled = extractor.ask_all(api, "1", **change)[SHORT.name]
    assert api.asked(SHORT) == [1, 2, 1]
    assert {row["TotalCost"] for row in pulled.rows} == {"2.20"}
    assert pulled.page_count == 2


def test_progress_counts_to_its_end(extractor: Extractor) -> None:
    """Pages done never pass pages known, and at the end all that is known is done."""
    extractor.ask(books(), *COUNTS)
    assert all(step.done <= step.known for step in extractor.progress)
    assert extractor.progress[-1].done == extractor.progress[-1].known == fewest_requests(COUNTS.values())
    assert all(step.dataset is SHORT and step.account == "acme" for step in extractor.progress)


def test_a_corrupt_ledger_is_told_and_the_next_run_starts_anew(extractor: Extractor) -> None:
    """A ledger that cannot be read fails its dataset once, says so, and is out of the way of the next run."""
    file = extractor.ledger(SHORT)
    file.parent.mkdir(parents=True)
    file.write_bytes(b"this is no database, " * 100)
    with pytest.raises(CorruptFile, match=re.escape(str(file))) as failure:
        extractor.ask(books(), *COUNTS)
    assert "2026-10.sqlite.corrupt" in str(failure.value)
    assert extractor.ask(books(), *COUNTS).customers["7"].rows == 20


def test_a_ledger_that_cannot_be_kept_fails_its_dataset_only(extractor: Extractor) -> None:
    """A folder that refuses one dataset's ledger leaves the other datasets."""
    extractor.folder.mkdir()
    (extractor.folder / SHORT.name).write_text("a file where a folder should be")
    results = extractor.ask_all(books(), *COUNTS)
    assert isinstance(results[SHORT.name], StorageFailed)
    assert results[SUMMARY.name].customers["7"].proof is Proof.PROVEN
