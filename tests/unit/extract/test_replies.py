"""What a reply says: rows in every declared shape, totals of every spelling, and what stands beside them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.extract.conftest import Pulled

import pytest

from pipelines.endpoints import DATASETS
from pipelines.pages import Proof, Slice
from tests.unit.extract.conftest import Extractor
from tests.unit.matrix import check_all
from tests.unit.service import DETAIL, SHORT, SUMMARY, Service, lines, service

EXPLORER = DATASETS["own_cost_explorer"]
FILTERS = DATASETS["own_cost_explorer_filters"]
QUOTA = DATASETS["own_billing_quota"]
USAGE = DATASETS["customer_voucher_usage"]
VOUCHERS = DATASETS["voucher_lists"]


def ask(extractor: Extractor, api: Service, dataset: Any, *slices: Slice, **changes: Any) -> Pulled:
    """Ask a dataset about the whole account, or these subjects."""
    pulled = extractor.ask_about(api, dataset, *(slices or (Slice(),)), **changes)
    if isinstance(pulled, Exception):
        raise pulled
    return pulled


@pytest.mark.parametrize("dataset", [FILTERS, QUOTA])
def test_an_object_in_the_place_of_rows_is_one_row(extractor: Extractor, dataset: Any) -> None:
    """Where the definition has one object, it is the row; its lists are JSON text."""
    first, *_ = dataset.columns
    api = Service({dataset.action.name: {None: [{first: [{"Key": "k", "Value": 1.50}]}]}})
    pulled = ask(extractor, api, dataset)
    (row,) = pulled.rows
    assert json.loads(row[first]) == [{"Key": "k", "Value": "1.5"}]
    assert pulled.customers[None].proof is Proof.PROVEN


def test_a_null_object_is_no_row(extractor: Extractor) -> None:
    """Null in the object's place is no row, not one of nulls."""
    pulled = ask(extractor, Service({QUOTA.action.name: {}}), QUOTA)
    assert (pulled.rows, pulled.customers[None].rows) == ([], 0)


@pytest.mark.parametrize(("dataset", "rows"), [(QUOTA, [{}]), (QUOTA, "none"), (VOUCHERS, {}), (VOUCHERS, [None])])
def test_another_shape_than_the_declared_one_is_told(extractor: Extractor, dataset: Any, rows: Any) -> None:
    """A list for an object, or an object for a list, is no reply of this API."""
    api = Service({dataset.action.name: {}})
    api.on_answer.append(lambda request, answer: answer.update(Data=rows))
    result = extractor.ask_about(api, dataset, Slice())
    assert result.code == "UnknownShape"


class TestTotals:
    """A total may stand inside another member, be a text, or null."""

    def explorer(self, count: int) -> Service:
        """Return a service with so many rows of cost explorer."""
        rows = [{"Name": f"name {number}", "SumCost": "1.10"} for number in range(count)]
        return Service({EXPLORER.action.name: {None: rows}})

    @pytest.mark.parametrize("count", [0, 5, 200, 450])
    def test_a_total_inside_another_member(self, extractor: Extractor, count: int) -> None:
        """Its path has dots."""
        pulled = ask(extractor, self.explorer(count), EXPLORER)
        outcome = pulled.customers[None]
        assert (outcome.proof, outcome.rows, outcome.expected_rows) == (Proof.PROVEN, count, count)

    def test_a_total_that_is_null_is_not_known(self, tmp_path: Path) -> None:
        """Without a total, a listing ends with an empty page, and its first is asked again as ever."""

        def check(total: dict[str, Any], count: int, pages: list[int]) -> None:
            api = self.explorer(count)
            api.on_answer.append(lambda request, answer: answer.update(total))
            outcome = ask(Extractor(tmp_path / f"{total} {count}"), api, EXPLORER).customers[None]
            assert (outcome.proof, outcome.rows, outcome.expected_rows) == (Proof.PROVEN, count, None)
            assert api.asked(EXPLORER) == pages

        totals = ({"TotalDetail": None}, {"TotalDetail": {"TotalCount": None}})
        counts = ((0, [1]), (5, [1, 2]), (450, [1, 2, 3, 4, 1]))
        check_all(check, ((total, *count) for total in totals for count in counts))

    def test_a_null_total_hides_no_listing_that_moved(self, extractor: Extractor) -> None:
        """Without a total the first page, asked again, still tells."""
        api = self.explorer(450)
        rows = api.rows[EXPLORER.action.name][None]
        api.on_answer.append(lambda request, answer: answer.update(TotalDetail=None))
        api.on_request.append(lambda request: rows.insert(0, {"Name": "new"}) if request.index == 3 else None)
        outcome = ask(extractor, api, EXPLORER).customers[None]
        assert (outcome.proof, outcome.rows) == (Proof.PROVEN, 451)
        assert len(api.requests) == 10

    @pytest.mark.parametrize("total", [{"TotalDetail": {}}, {"TotalDetail": "5"}, {"TotalDetail": {"TotalCount": "x"}}])
    def test_a_total_of_another_shape_is_told(self, extractor: Extractor, total: Any) -> None:
        """A member that is not there, or counts nothing, is no null."""
        api = self.explorer(5)
        api.on_answer.append(lambda request, answer: answer.update(total))
        assert extractor.ask_about(api, EXPLORER, Slice()).code == "UnknownShape"

    def test_a_null_total_on_some_pages_is_a_moved_listing(self, extractor: Extractor) -> None:
        """Pages that do not agree whether there is a total are not of one listing."""
        api = service({"1": lines(8)})
        api.on_answer.append(lambda request, answer: answer.update(Total=None) if request.index == 1 else None)
        assert extractor.ask(api, "1").customers["1"].proof is Proof.PROVEN
        assert len(api.requests) == 8

    def test_a_page_without_a_total_among_others_that_all_have_one_is_not_proven(self, extractor: Extractor) -> None:
        """Where it stays so, it is said."""
        api = service({"1": lines(8)})
        api.on_answer.append(lambda request, answer: answer.update(Total=None) if request.page == 2 else None)
        outcome = extractor.ask(api, "1").customers["1"]
        assert outcome.proof is Proof.UNPROVEN
        assert outcome.reason

    def test_a_months_vouchers_are_counted_by_the_month(self, extractor: Extractor) -> None:
        """The total is that of the month; the count over all months stands beside the rows."""
        name = USAGE.action.name
        api = Service({name: {"1": [{"Id": number, "Amount": 1.5} for number in range(3)]}})
        api.on_answer.append(lambda request, answer: answer.update(TotalRecordsCount=7, Month="2026-10"))
        slice_ = Slice.of("1", {"VoucherId": 9})
        pulled = ask(extractor, api, USAGE, slice_)
        assert pulled.slices[slice_].expected_rows == 3
        assert pulled.slices[slice_].proof is Proof.PROVEN
        assert pulled.pages[0].reply == '{"TotalRecordsCount":"7","Month":"2026-10"}'
        assert api.requests[0].parameters == {
            "CustomerUin": 1,
            "Month": "2026-10",
            "VoucherId": 9,
            "Page": 1,
            "PageSize": 100,
        }


class TestBesideRows:
    """What a reply holds beside its rows goes with the page, as it was sent."""

    def test_nothing_beside_rows_is_none(self, extractor: Extractor) -> None:
        """Rows, a plain total and the RequestId are kept elsewhere."""
        pulled = extractor.ask(service({"1": lines(4)}), "1")
        assert [page.reply for page in pulled.pages] == [None, None]

    def test_a_member_around_the_total_is_kept_whole(self, extractor: Extractor) -> None:
        """A total inside another member is left where it stood."""
        api = Service({EXPLORER.action.name: {None: []}})
        api.on_answer.append(
            lambda request, answer: answer.update(
                DimensionName="Région \U0001f600", TotalDetail={"TotalCount": 0, "SumCost": "0.10"}
            )
        )
        (page,) = ask(extractor, api, EXPLORER).pages
        assert page.reply == '{"TotalDetail":{"TotalCount":"0","SumCost":"0.10"},"DimensionName":"Région \U0001f600"}'

    def test_every_digit_and_half_an_emoji_are_kept(self, extractor: Extractor) -> None:
        """Numbers stay the text that was sent; what no file can hold stays the escape that was sent."""
        api = service({"1": lines(1)})
        api.on_answer.append(lambda request, answer: answer.update(New="\ud83d", Odd=[1.10, None, True]))
        (page,) = extractor.ask(api, "1").pages
        assert page.reply == '{"New":"\\ud83d","Odd":["1.1",null,true]}'
        assert json.loads(page.reply)["New"] == "\ud83d"

    def test_a_reply_that_is_its_own_row_has_nothing_beside_it(self, extractor: Extractor) -> None:
        """Where the reply itself is the row, nothing is kept twice."""
        api = service({"1": lines(1)})
        api.on_answer.append(lambda request, answer: answer.update(Other="x"))
        pages = extractor.ask_all(api, "1", datasets=(SUMMARY,))[SUMMARY.name].pages
        assert [page.reply for page in pages] == [None]
        assert pages[0].fields == {"TotalCost", "Other"}

    def test_fields_are_those_of_any_row(self, extractor: Extractor) -> None:
        """A page knows the names that came, null or not, known or new; an empty one knows none."""
        api = service({"1": [{"Id": "1"}, {"TotalCost": None, "New": 1}], "2": []})
        pages = {page.slice: page for page in extractor.ask(api, "1", "2").pages}
        assert pages[Slice("1")].fields == {"Id", "TotalCost", "New"}
        assert pages[Slice("2")].fields == frozenset()


class TestDigests:
    """Two pulls with equal rows have equal digests."""

    def test_it_is_that_of_the_pages(self, extractor: Extractor) -> None:
        """The digest is the SHA-256 of the filled pages' own, in their order."""
        pulled = extractor.ask(service({"1": lines(4)}), "1")
        digests = "".join(page.digest for page in pulled.pages)
        assert pulled.customers["1"].digest == hashlib.sha256(digests.encode()).hexdigest()

    def test_it_moves_with_the_rows_only(self, extractor: Extractor) -> None:
        """A changed amount, or another order, is another digest; another day is not."""
        found = []
        rows = lines(6)
        for number, api in enumerate(
            [service({"1": rows}), service({"1": rows}), service({"1": rows[::-1]}), service({"1": lines(6, "2")})]
        ):
            extractor = Extractor(extractor.folder / str(number))
            found.append(extractor.ask(api, "1", day=f"2026-11-2{number}").customers["1"].digest)
        assert found[0] == found[1]
        assert len(set(found)) == 3

    def test_an_empty_last_page_makes_no_difference(self, extractor: Extractor) -> None:
        """Whether a listing ended with a full page, and was asked on, is nothing of its rows."""
        full = extractor.ask(service({"1": lines(3)}), "1")
        assert [page.rows.num_rows for page in full.pages] == [3, 0]
        assert full.customers["1"].digest == hashlib.sha256(full.pages[0].digest.encode()).hexdigest()

    def test_unproven_rows_have_one_and_failed_ones_none(self, extractor: Extractor) -> None:
        """Rows that were kept have a digest, whatever speaks against them."""
        api = service({"1": lines(2), "2": lines(2)})
        api.on_answer.append(lambda request, answer: answer.update(Total=9) if request.customer == "1" else None)
        api.on_answer.append(lambda request, answer: answer.pop("Total") if request.customer == "2" else None)
        customers = extractor.ask(api, "1", "2").customers
        assert (customers["1"].proof, len(customers["1"].digest)) == (Proof.UNPROVEN, 64)
        assert (customers["2"].proof, customers["2"].digest) == (Proof.FAILED, "")

    def test_no_rows_have_one(self, extractor: Extractor) -> None:
        """Emptiness is a state, with a digest of its own."""
        digests = {c.digest for c in extractor.ask(service({"1": [], "2": []}), "1", "2").customers.values()}
        assert digests == {hashlib.sha256(b"").hexdigest()}


def test_every_dataset_can_be_read(extractor: Extractor) -> None:
    """Each action's rows, total and paging, as the catalogue has them, go through: nothing is special-cased."""
    read = 0
    for dataset in DATASETS.values():
        if dataset.file is None and dataset is not DETAIL:
            row = dict.fromkeys(dataset.columns, "1")
            api = Service({dataset.action.name: {None: [row]}})
            key = "2026-10-05" if dataset.key_parameter == "Date" else "2026-10"
            pulled = ask(Extractor(extractor.folder / dataset.name), api, dataset, partition_key=key)
            assert [{name: row[name] for name in dataset.columns} for row in pulled.rows] == [row]
            assert pulled.customers[None].proof is Proof.PROVEN
            assert len(api.requests) == 1
            read += 1
    assert read > 30
    assert SHORT.name == DETAIL.name
