"""What makes a customer's rows proven, and what is done, and said, where they cannot be."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.service import Request, Row

from decimal import Decimal

import pytest

from pipelines.errors import RequestUnanswered
from pipelines.pages import Proof, Slice
from tests.unit.extract.conftest import Extractor
from tests.unit.matrix import check_all
from tests.unit.service import CUSTOMERS, SHORT, SUMMARY, cost_of, fewest_requests, line, lines, service, withhold

ONCE = fewest_requests([8])
"""Requests for a customer with 8 lines, in pages of 3: three pages and the first again."""


def test_proven_rows_have_the_time_of_their_last_page(extractor: Extractor) -> None:
    """Proven rows carry rows, total, exact cost and when the last page came; there is nothing to say against them."""
    api = service({"1": [line(0, "0.1"), line(1, "-0.30"), line(2, "98765432109876543210.00000001"), line(3, "x")]})
    pulled = extractor.ask(api, "1")
    customer = pulled.customers["1"]
    assert customer.proof is Proof.PROVEN
    assert customer.cost == Decimal("98765432109876543209.80000001")
    assert (customer.reason, customer.code, customer.request_id) == ("", None, None)
    assert customer.proven_at == max(page.fetched_at for page in pulled.pages)


def test_a_listing_that_moved_is_pulled_again(extractor: Extractor) -> None:
    """A row that arrives at the front while pages are asked shifts them; the customer is pulled again, and proven."""
    api = service({"1": lines(7)})
    rows = api.rows[SHORT.action.name]["1"]
    api.on_request.append(lambda request: rows.insert(0, line(100)) if request.index == 1 else None)
    pulled = extractor.ask(api, "1")
    assert pulled.customers["1"].proof is Proof.PROVEN
    assert [row["Id"] for row in pulled.rows] == [row["Id"] for row in rows]
    assert len(api.requests) == fewest_requests([7]) + fewest_requests([8])


def test_a_listing_that_changed_without_growing_is_pulled_again(extractor: Extractor) -> None:
    """A row that replaces another while pages are asked is seen when the first page is asked again."""
    api = service({"1": lines(8)})
    rows = api.rows[SHORT.action.name]["1"]

    def move(request: Request) -> None:
        if request.index == 3:
            rows.insert(0, rows.pop())

    api.on_request.append(move)
    pulled = extractor.ask(api, "1")
    assert pulled.customers["1"].proof is Proof.PROVEN
    assert [row["Id"] for row in pulled.rows] == [row["Id"] for row in rows]
    assert len(api.requests) == 2 * ONCE


def test_a_total_that_changes_between_pages_is_a_moved_listing(extractor: Extractor) -> None:
    """Pages that do not agree about the total are not of one listing, even if the first page stays what it was."""
    api = service({"1": lines(8)})
    api.on_answer.append(lambda request, answer: answer.update(Total=9) if request.index == 2 else None)
    assert extractor.ask(api, "1").customers["1"].proof is Proof.PROVEN
    assert len(api.requests) == 2 * ONCE


def test_rows_withheld_once_are_pulled_again(extractor: Extractor) -> None:
    """A page that comes short is not believed: the customer is pulled again, and proven with all rows."""
    api = service({"1": lines(8)})
    api.on_answer.append(withhold(page=2, times=1))
    pulled = extractor.ask(api, "1")
    assert pulled.customers["1"].proof is Proof.PROVEN
    assert pulled.customers["1"].rows == len(pulled.rows) == 8
    assert len(api.requests) == 2 * ONCE


def test_only_the_customer_in_doubt_is_pulled_again(extractor: Extractor) -> None:
    """Other customers are not asked again."""
    api = service({"1": lines(8), "2": lines(7), "3": lines(2)})
    api.on_answer.append(lambda request, answer: answer["DetailSet"].pop() if request.index == 0 else None)
    extractor.ask(api, "1", "2", "3")
    assert len(api.asked(SHORT, "1")) == 2 * ONCE
    assert len(api.asked(SHORT, "2")) == fewest_requests([7])
    assert len(api.asked(SHORT, "3")) == 1


def test_a_total_that_lags_is_asked_past_and_pulled_again(extractor: Extractor) -> None:
    """Where the total counts fewer rows than there are, all come, and the customer is proven once it caught up."""
    api = service({"1": lines(8)})

    def lag(request: Request, answer: Row) -> None:
        if request.index < 4:
            answer["Total"] = 6

    api.on_answer.append(lag)
    pulled = extractor.ask(api, "1")
    assert pulled.customers["1"].proof is Proof.PROVEN
    assert len(pulled.rows) == 8
    assert api.asked(SHORT)[:4] == [1, 2, 3, 1]


def test_a_total_that_always_lags_leaves_all_rows_unproven(extractor: Extractor) -> None:
    """More rows than the total says are kept, every one, and flagged with both numbers."""
    api = service({"1": lines(8)})
    api.on_answer.append(lambda request, answer: answer.update(Total=6))
    pulled = extractor.ask(api, "1")
    customer = pulled.customers["1"]
    assert (customer.proof, customer.rows, customer.expected_rows) == (Proof.UNPROVEN, 8, 6)
    assert re.findall(r"\d+", customer.reason) == ["8", "6"]
    assert customer.proven_at is None
    assert len(pulled.rows) == 8


def test_rows_that_stay_away_leave_the_best_attempt(extractor: Extractor) -> None:
    """After three attempts the one with most of the rows is kept, unproven, and says how many are missing."""
    api = service({"1": lines(8)})
    short = iter([3, 1, 2])

    def hold_back(request: Request, answer: Row) -> None:
        if request.page == 2:
            del answer["DetailSet"][: next(short)]

    api.on_answer.append(hold_back)
    pulled = extractor.ask(api, "1")
    customer = pulled.customers["1"]
    assert (customer.proof, customer.rows, customer.expected_rows) == (Proof.UNPROVEN, 7, 8)
    assert re.findall(r"\d+", customer.reason)[:2] == ["7", "8"]
    assert len(pulled.rows) == 7
    assert customer.cost == cost_of(pulled.rows)
    assert len(api.requests) <= 3 * ONCE


def test_a_customer_is_pulled_three_times_at_most(extractor: Extractor) -> None:
    """A customer that stays short is asked three times over, not more."""
    api = service({"1": lines(8)})
    api.on_answer.append(withhold(page=2, times=99))
    assert extractor.ask(api, "1").customers["1"].proof is Proof.UNPROVEN
    assert api.asked(SHORT).count(2) == 3


def test_pages_that_repeat_each_other_are_not_believed(extractor: Extractor) -> None:
    """A page that comes in place of another has the right number of rows, and is found out by its rows."""
    api = service({"1": lines(9)})
    rows = api.rows[SHORT.action.name]["1"]

    def repeat(request: Request, answer: Row) -> None:
        if request.page == 3:
            answer["DetailSet"] = rows[3:6]

    api.on_answer.append(repeat)
    customer = extractor.ask(api, "1").customers["1"]
    assert customer.proof is Proof.UNPROVEN
    assert customer.reason


def test_a_service_that_repeats_its_last_page_is_not_asked_for_ever(extractor: Extractor) -> None:
    """Past the end some services give the last page again: asking on stops there."""
    api = service({"1": lines(6)})
    rows = api.rows[SHORT.action.name]["1"]

    def clamp(request: Request, answer: Row) -> None:
        answer["DetailSet"] = answer["DetailSet"] or rows[3:6]

    api.on_answer.append(clamp)
    customer = extractor.ask(api, "1").customers["1"]
    assert customer.proof is Proof.UNPROVEN
    assert len(api.requests) <= 3 * fewest_requests([6])


class TestClosedMonth:
    """For a closed month, bill lines must sum to the summary."""

    def test_detail_that_equals_its_summary_is_proven(self, extractor: Extractor) -> None:
        """Equal sums prove a customer at no request more."""
        api = service({"1": lines(8), "2": [], "3": [line(0, "-5.00"), line(1, "0.1"), line(2, "0.2")]})
        results = extractor.ask_all(api, "1", "2", "3", is_issued=True)
        assert {c.proof for c in results[SHORT.name].customers.values()} == {Proof.PROVEN}
        assert len(api.requests) == 3 + fewest_requests([8, 0, 3])

    def test_the_summary_is_a_double(self, extractor: Extractor) -> None:
        """The API sends the summary as the double nearest to the exact sum: that is equality."""
        rows = [line(0, "1234567890123.12345678"), line(1, "0.00000001")]
        api = service({"1": rows})
        api.on_answer.append(lambda request, answer: answer.update(TotalCost=float(Decimal("1234567890123.12345679"))))
        results = extractor.ask_all(api, "1", is_issued=True)
        assert results[SHORT.name].customers["1"].proof is Proof.PROVEN
        assert results[SHORT.name].customers["1"].cost == Decimal("1234567890123.12345679")

    def test_a_difference_is_unproven_after_the_second_look(self, extractor: Extractor) -> None:
        """A difference that stays is kept as unproven, with both sums, once the service has said the same twice."""
        api = service({"1": lines(8)})
        api.on_answer.append(lambda request, answer: answer.update(TotalCost="8.81") if request.page is None else None)
        results = extractor.ask_all(api, "1", is_issued=True)
        customer = results[SHORT.name].customers["1"]
        assert (customer.proof, customer.rows) == (Proof.UNPROVEN, 8)
        assert [fact for fact in ("8.80", SUMMARY.name, "8.81") if fact not in customer.reason] == []
        assert len(api.asked(SHORT)) == 2 * ONCE
        assert len(results[SHORT.name].rows) == 8

    def test_a_difference_that_goes_away_is_proven(self, extractor: Extractor) -> None:
        """Rows that were withheld together with the total are found by the summary; the second pull has them."""
        api = service({"1": lines(8)})

        def hide(request: Request, answer: Row) -> None:
            if request.page and len(api.asked(SHORT)) <= 3:
                rows = api.rows[SHORT.action.name]["1"][:7]
                answer.update(Total=7, DetailSet=rows[(request.page - 1) * 3 : request.page * 3])

        api.on_answer.append(hide)
        results = extractor.ask_all(api, "1", is_issued=True)
        customer = results[SHORT.name].customers["1"]
        assert (customer.proof, customer.rows, customer.cost) == (Proof.PROVEN, 8, Decimal("8.80"))

    def test_an_open_month_is_not_compared(self, extractor: Extractor) -> None:
        """While a month runs, detail and summary may differ."""
        api = service({"1": lines(8)})
        api.on_answer.append(lambda request, answer: answer.update(TotalCost="0") if request.page is None else None)
        assert extractor.ask_all(api, "1")[SHORT.name].customers["1"].proof is Proof.PROVEN

    @pytest.mark.parametrize(("known", "proof"), [("8.8", Proof.PROVEN), ("8.9", Proof.UNPROVEN)])
    def test_costs_landed_before_prove_a_detail_pulled_alone(
        self, extractor: Extractor, known: str, proof: Proof
    ) -> None:
        """Where the summary is not asked, its cost as landed before is what counts."""
        api = service({"1": lines(8)})
        pulled = extractor.ask(api, "1", is_issued=True, known_costs={(SUMMARY.name, "1"): Decimal(known)})
        assert pulled.customers["1"].proof is proof
        assert api.asked(SUMMARY) == []

    def test_a_summary_of_others_keeps_nobody_waiting(self, extractor: Extractor) -> None:
        """A customer whose summary is not asked in this pull is proven by the one that is known."""
        api = service({"1": lines(8), "2": lines(2)})
        results = extractor.ask_all(
            api,
            slices={SUMMARY.name: (Slice("1"),), SHORT.name: (Slice("1"), Slice("2"))},
            is_issued=True,
            known_costs={(SUMMARY.name, "1"): Decimal(7), (SUMMARY.name, "2"): Decimal("2.2")},
        )
        assert {c.proof for c in results[SHORT.name].customers.values()} == {Proof.PROVEN}

    def test_without_any_summary_nothing_is_proven_nor_asked_twice(self, extractor: Extractor) -> None:
        """No summary is no proof; and no reason to ask the rows again, which cannot change that."""
        api = service({"1": lines(8)})
        customer = extractor.ask(api, "1", is_issued=True).customers["1"]
        assert (customer.proof, customer.rows) == (Proof.UNPROVEN, 8)
        assert SUMMARY.name in customer.reason
        assert len(api.requests) == ONCE


class TestShapes:
    """A reply of another shape than the definition's is an error, never emptiness."""

    def test_a_strange_reply_fails_its_customer(self, tmp_path: Path) -> None:
        """Rows that are no list of objects, or a total that counts nothing, fail the customer and name the request."""

        def check(number: int, change: dict[str, Any]) -> None:
            api = service({"1": lines(2), "2": lines(2)})
            api.on_answer.append(lambda request, answer: answer.update(change) if request.customer == "1" else None)
            customers = Extractor(tmp_path / str(number)).ask(api, "1", "2").customers
            assert (customers["1"].proof, customers["1"].code) == (Proof.FAILED, "UnknownShape")
            assert customers["1"].request_id.startswith("request ")
            assert customers["1"].request_id in customers["1"].reason
            assert customers["2"].proof is Proof.PROVEN

        rows: list[Any] = [{}, "", "none", False, ["row"]]
        totals: list[Any] = ["many", -1, 10**20, 1.5]
        changes = [*({"DetailSet": value} for value in rows), *({"Total": value} for value in totals)]
        check_all(check, enumerate(changes))

    @pytest.mark.parametrize("member", ["DetailSet", "Total"])
    def test_a_reply_without_a_member_fails_its_customer(self, extractor: Extractor, member: str) -> None:
        """A member that is not there is not an empty one."""
        api = service({"1": lines(2), "2": lines(2)})
        api.on_answer.append(lambda request, answer: answer.pop(member) if request.customer == "1" else None)
        assert extractor.ask(api, "1", "2").customers["1"].code == "UnknownShape"

    def test_a_list_that_is_null_is_empty(self, extractor: Extractor) -> None:
        """A null in the place of rows is the API's way to say that there are none."""
        api = service({"1": []})
        api.on_answer.append(lambda request, answer: answer.update(DetailSet=None))
        assert extractor.ask(api, "1").customers["1"].proof is Proof.PROVEN

    def test_null_beside_a_total_is_missing_rows(self, extractor: Extractor) -> None:
        """A null where the total counts rows is not believed."""
        api = service({"1": lines(2)})
        api.on_answer.append(lambda request, answer: answer.update(DetailSet=None))
        customer = extractor.ask(api, "1").customers["1"]
        assert (customer.proof, customer.rows, customer.expected_rows) == (Proof.UNPROVEN, 0, 2)

    def test_a_total_may_be_text(self, extractor: Extractor) -> None:
        """The customer list's total is a string; a count is a count."""
        api = service({"1": [], "2": []})
        api.on_answer.append(lambda request, answer: answer.update(Total=str(answer["Total"])))
        pulled = extractor.ask_all(api, datasets=(CUSTOMERS,))[CUSTOMERS.name]
        assert pulled.customers[None].expected_rows == 2
        assert [row["CustomerUin"] for row in pulled.rows] == ["1", "2"]

    def test_a_strange_reply_to_the_whole_account_fails_the_dataset(self, extractor: Extractor) -> None:
        """A customer list of another shape fails, rather than counting as no customers."""
        api = service({"1": []})
        api.on_answer.append(lambda request, answer: answer.update(Data="nobody"))
        error = extractor.ask_all(api, datasets=(CUSTOMERS,))[CUSTOMERS.name]
        assert isinstance(error, RequestUnanswered)
        assert error.code == "UnknownShape"
        assert "DescribeCustomerUin" in str(error)
