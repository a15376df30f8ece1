"""Actions that do not document their paging: what is found out, at what cost, and what is said where it is not."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.extract.conftest import Pulled
    from tests.unit.service import Request, Row

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.endpoints import DATASETS
from pipelines.endpoints.shapes import Paging
from pipelines.errors import CredentialRefused, RequestRefused, RequestUnanswered
from pipelines.extract.listing import IN_FLIGHT
from pipelines.pages import Proof, Slice
from tests.unit.extract.conftest import Extractor
from tests.unit.matrix import check_all
from tests.unit.service import CUSTOMERS, Numbering, Service, refuse

CREDIT = DATASETS["customers_credit"]
HISTORY = DATASETS["credit_allocation_history"]
ACTION = CUSTOMERS.action.name
SETTING = "[accounts.acme.paging.DescribeCustomerUin]"


def customers(count: int, **numbering: Any) -> Service:
    """Return a service with so many customers that pages like this."""
    api = Service({ACTION: {None: [{"CustomerUin": str(100 + number)} for number in range(count)]}})
    api.numbering[ACTION] = Numbering(**numbering)
    return api


def ask(extractor: Extractor, api: Service, **changes: Any) -> Pulled:
    """Ask for the customer list."""
    pulled = extractor.ask_about(api, CUSTOMERS, Slice(), partition_key="2026-11-20", **changes)
    if isinstance(pulled, Exception):
        raise pulled
    return pulled


def asked(api: Service) -> list[tuple[Any, Any]]:
    """Return the pages and sizes asked, in order."""
    return [(request.page, request.parameters["PageSize"]) for request in api.requests]


def refuse_size(largest: int, code: str = "InvalidParameterValue.PageSize") -> Callable[[Request], None]:
    """Refuse pages that are larger."""

    def act(request: Request) -> None:
        if request.parameters["PageSize"] > largest:
            raise RequestRefused("too many", action=request.action, code=code, request_id="r")

    return act


def assert_whole(pulled: Pulled, count: int) -> None:
    """Every customer came once, and it is proven."""
    outcome = pulled.customers[None]
    assert (outcome.proof, outcome.rows, outcome.expected_rows, outcome.reason) == (Proof.PROVEN, count, count, "")
    assert sorted(row["CustomerUin"] for row in pulled.rows) == sorted(str(100 + number) for number in range(count))


COUNTS = (0, 1, 9, 10, 49, 50, 51, 80, 99, 100, 101, 120, 130, 150, 175, 199, 200, 201, 250)
LARGEST = (None, 10, 37, 50)


@settings(max_examples=60)
@given(
    count=st.sampled_from(COUNTS) | st.integers(0, 260),
    largest=st.sampled_from(LARGEST) | st.integers(5, 120),
    first=st.sampled_from([1, 1, 0]),
    page_0=st.sampled_from(["refused", "empty", "page 1"]),
    refuses_past_end=st.booleans(),
)
@example(count=1000, largest=37, first=1, page_0="page 1", refuses_past_end=True)
@example(count=1000, largest=None, first=0, page_0="refused", refuses_past_end=False)
def test_every_numbering_is_read_whole(tmp_path_factory: pytest.TempPathFactory, count: int, **numbering: Any) -> None:
    """Whatever the first page is, how large pages are and what page 0 is, every customer comes once, proven."""
    assert_whole(ask(Extractor(tmp_path_factory.mktemp("ledgers")), customers(count, **numbering)), count)


def test_each_way_of_numbering_is_read_whole(tmp_path: Path) -> None:
    """The same, of each way to number and bound pages, for lists that end before, on and after a page's end."""
    ways = [
        *({"page_0": page_0} for page_0 in ("refused", "empty", "page 1")),
        {"first": 0},
    ]
    more = product((False, True), LARGEST, (100, 150))

    def check(way: dict[str, Any], refuses_past_end: bool, largest: int | None, count: int) -> None:  # noqa: FBT001
        folder = tmp_path / f"{way} {refuses_past_end} {largest} {count}"
        api = customers(count, largest=largest, refuses_past_end=refuses_past_end, **way)
        assert_whole(ask(Extractor(folder), api), count)

    check_all(check, ((way, *rest) for rest in more for way in ways))


@pytest.mark.parametrize(
    ("count", "pages"), [(0, [1]), (1, [1]), (99, [1]), (100, [1, 2]), (150, [1, 2, 1]), (200, [1, 2, 3, 1])]
)
def test_a_list_that_pages_as_expected_costs_no_request_more(
    extractor: Extractor, count: int, pages: list[int]
) -> None:
    """A list that fits on its first page costs one request; a longer one is asked like any other, without a page 0."""
    api = customers(count)
    assert_whole(ask(extractor, api), count)
    assert asked(api) == [(page, 100) for page in pages]


def test_a_cap_is_taken_from_the_first_page(extractor: Extractor) -> None:
    """A page shorter than asked while the total says more is the largest one: all are asked again in that size."""
    api = customers(120, largest=50)
    assert_whole(ask(extractor, api), 120)
    assert asked(api) == [(1, 100), (0, 100), (1, 50), (2, 50), (3, 50), (1, 50)]


def test_numbering_from_0_costs_one_request_more(extractor: Extractor) -> None:
    """Where page 1 is empty and the total is not, page 0 has the rows."""
    api = customers(30, first=0)
    pulled = ask(extractor, api)
    assert_whole(pulled, 30)
    assert asked(api) == [(1, 100), (0, 100)]


def test_pages_after_the_first_are_not_asked_again_for_page_0(extractor: Extractor) -> None:
    """Pages read from 1 on stay; page 0 joins them, and is the one that is asked again at the end."""
    api = customers(250, first=0)
    pulled = ask(extractor, api)
    assert_whole(pulled, 250)
    assert asked(api) == [(1, 100), (2, 100), (3, 100), (0, 100), (0, 100)]
    assert [page.number for page in pulled.pages] == [0, 1, 2, 3]


@pytest.mark.parametrize(("largest", "sizes"), [(50, [100, 50]), (20, [100, 50, 20]), (10, [100, 50, 20, 10])])
def test_a_refused_size_is_tried_smaller(extractor: Extractor, largest: int, sizes: list[int]) -> None:
    """Where 100 rows are refused, fewer are asked for."""
    api = customers(5)
    api.on_request.append(refuse_size(largest))
    assert_whole(ask(extractor, api), 5)
    assert asked(api) == [(1, size) for size in sizes]


def test_a_size_that_was_accepted_reads_all_pages(extractor: Extractor) -> None:
    """All pages are asked in the size that was accepted."""
    api = customers(120)
    api.on_request.append(refuse_size(50))
    assert_whole(ask(extractor, api), 120)
    assert asked(api) == [(1, 100), (1, 50), (2, 50), (3, 50), (1, 50)]


def test_a_first_page_refused_in_every_size_is_a_refusal(extractor: Extractor) -> None:
    """Where neither a size nor page 0 helps, the first refusal stands."""
    api = customers(5)
    api.on_request.append(refuse_size(5))
    with pytest.raises(RequestRefused, match="too many"):
        ask(extractor, api)
    assert asked(api) == [(1, 100), (1, 50), (1, 20), (1, 10), (0, 100)]


@pytest.mark.parametrize("code", ["UnauthorizedOperation.UinNoAuth", "FailedOperation.UinNotAgent"])
def test_another_refusal_is_not_about_the_size(extractor: Extractor, code: str) -> None:
    """A refusal for another reason is not asked again."""
    api = customers(5)
    api.on_request.append(refuse_size(5, code))
    with pytest.raises(RequestRefused):
        ask(extractor, api)
    assert len(api.requests) == 1


def test_a_service_that_ignores_the_page_ends_unproven(extractor: Extractor) -> None:
    """The same rows on every page are not believed, and the setting that would help is named."""
    for count, largest in ((150, None), (150, 50), (100, None), (1000, None)):
        api = customers(count, largest=largest, ignores=True)
        outcome = ask(Extractor(extractor.folder / f"{count} {largest}"), api).customers[None]
        assert outcome.proof is Proof.UNPROVEN
        assert [fact for fact in ("`first`", "`size`", SETTING) if fact not in outcome.reason] == []
        assert len(api.requests) <= 3 * (count // (largest or 100) + 2) + 2


def test_one_row_that_comes_twice_is_found(extractor: Extractor) -> None:
    """A row on two pages is found though the number of rows is right and no two pages are the same."""
    api = customers(150)
    rows = api.rows[ACTION][None]

    def repeat(request: Request, answer: Row) -> None:
        if request.page == 2:
            answer["Data"][-1] = rows[7]

    api.on_answer.append(repeat)
    outcome = ask(extractor, api).customers[None]
    assert (outcome.proof, outcome.rows, outcome.expected_rows) == (Proof.UNPROVEN, 150, 150)
    assert SETTING in outcome.reason


def test_a_total_that_is_too_high_leaves_all_rows_unproven(extractor: Extractor) -> None:
    """Rows that no way of paging brings are missing: what came is kept, with both numbers and the setting."""
    api = customers(20)
    api.on_answer.append(lambda request, answer: answer.update(Total=30))
    pulled = ask(extractor, api)
    outcome = pulled.customers[None]
    assert (outcome.proof, outcome.rows, outcome.expected_rows) == (Proof.UNPROVEN, 20, 30)
    assert [fact for fact in ("20", "30", SETTING) if fact not in outcome.reason] == []
    assert len(pulled.rows) == 20


def test_more_rows_than_the_total_says_are_no_matter_of_paging(extractor: Extractor) -> None:
    """A total that counts too few is told with both numbers, and without advice that would not help."""
    api = customers(5)
    api.on_answer.append(lambda request, answer: answer.update(Total=0))
    outcome = ask(extractor, api).customers[None]
    assert (outcome.proof, outcome.rows) == (Proof.UNPROVEN, 5)
    assert [fact for fact in ("5", "0") if fact not in outcome.reason] == []
    assert "paging" not in outcome.reason
    assert {page for page, _ in asked(api)} == {1}


def test_a_listing_that_moved_is_no_matter_of_paging(extractor: Extractor) -> None:
    """What another look cures is cured by it: a row that arrived while pages were asked."""
    api = customers(150)
    rows = api.rows[ACTION][None]
    api.on_request.append(lambda r: rows.insert(0, {"CustomerUin": "100150"}) if r.index == 1 else None)
    outcome = ask(extractor, api).customers[None]
    assert (outcome.proof, outcome.rows) == (Proof.PROVEN, 151)


class TestWithoutATotal:
    """A total that is null tells nothing, so nothing is concluded from it."""

    def test_rows_are_read_to_an_empty_page_and_not_proven(self, extractor: Extractor) -> None:
        """All rows come, but nothing shows that these are all."""
        api = customers(250)
        api.on_answer.append(lambda request, answer: answer.update(Total=None))
        outcome = ask(extractor, api).customers[None]
        assert (outcome.proof, outcome.rows, outcome.expected_rows) == (Proof.UNPROVEN, 250, None)
        assert SETTING in outcome.reason

    def test_an_empty_list_is_empty_on_both_first_pages(self, extractor: Extractor) -> None:
        """No rows on page 1 nor on page 0 are no rows."""
        api = customers(0, page_0="empty")
        api.on_answer.append(lambda request, answer: answer.update(Total=None, Data=None))
        outcome = ask(extractor, api).customers[None]
        assert (outcome.proof, outcome.rows) == (Proof.PROVEN, 0)
        assert asked(api) == [(1, 100), (0, 100)]

    def test_rows_on_page_0_are_found(self, extractor: Extractor) -> None:
        """An empty page 1 hides no list that begins at 0."""
        api = customers(5, first=0)
        api.on_answer.append(lambda request, answer: answer.update(Total=None))
        pulled = ask(extractor, api)
        assert len(pulled.rows) == 5
        assert pulled.customers[None].proof is Proof.UNPROVEN

    def test_with_the_setting_the_last_page_is_an_empty_one(self, extractor: Extractor) -> None:
        """Where a person has told how the action pages, an empty page is the end."""
        api = customers(120)
        api.on_answer.append(lambda request, answer: answer.update(Total=None))
        outcome = ask(extractor, api, paging={ACTION: Paging(size=50)}).customers[None]
        assert (outcome.proof, outcome.rows) == (Proof.PROVEN, 120)
        assert asked(api) == [(1, 50), (2, 50), (3, 50), (4, 50), (1, 50)]


class TestSetting:
    """A person who knows how the action pages says so, and nothing is tried."""

    def test_it_is_taken_as_documented(self, extractor: Extractor) -> None:
        """First page and size are those of the setting."""
        api = customers(30, first=0, largest=20)
        assert_whole(ask(extractor, api, paging={ACTION: Paging(size=20, first=0)}), 30)
        assert asked(api) == [(0, 20), (1, 20), (0, 20)]

    def test_nothing_is_tried_beside_it(self, extractor: Extractor) -> None:
        """Rows that are missing are missing: no page 0, no other size."""
        api = customers(30, first=0)
        outcome = ask(extractor, api, paging={ACTION: Paging(size=100, first=1)}).customers[None]
        assert (outcome.proof, outcome.rows) == (Proof.UNPROVEN, 0)
        assert set(asked(api)) == {(1, 100)}
        assert "paging" not in outcome.reason

    def test_a_ledger_of_another_setting_starts_anew(self, extractor: Extractor) -> None:
        """Pages of another size are not taken for this one's."""
        ask(extractor, customers(30))
        api = customers(30)
        assert_whole(ask(extractor, api, paging={ACTION: Paging(size=20)}), 30)
        assert asked(api) == [(1, 20), (2, 20), (1, 20)]


class TestPage0:
    """What may be said to page 0 where there is none."""

    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (RequestRefused, "InvalidParameter.Page"),
            (RequestUnanswered, "FailedOperation"),
            (RequestUnanswered, "UnknownShape"),
        ],
    )
    def test_a_refusal_says_that_numbering_begins_at_1(self, extractor: Extractor, error: Any, code: str) -> None:
        """A refusal of page 0 does not fail the list."""
        api = customers(120, largest=50, page_0="empty")

        def act(request: Request) -> None:
            if request.page == 0:
                raise error("no such page", action=ACTION, code=code)

        api.on_request.append(act)
        assert_whole(ask(extractor, api), 120)

    @pytest.mark.parametrize(
        ("error", "code"), [(RequestUnanswered, "HTTP.Timeout"), (CredentialRefused, "AuthFailure")]
    )
    def test_silence_says_nothing(self, extractor: Extractor, error: Any, code: str) -> None:
        """Page 0 without an answer is a failure, not the end of the search."""
        api = customers(120, largest=50)

        def act(request: Request) -> None:
            if request.page == 0:
                raise error("no answer", action=ACTION, code=code)

        api.on_request.append(act)
        with pytest.raises(error):
            ask(extractor, api)


class TestCarryingOn:
    """What was found is in the ledger."""

    def test_a_run_ended_at_any_request_carries_on(self, tmp_path: Path) -> None:
        """Ended at any request, the next run has the rows of one never ended, and asks hardly more."""

        def check(count: int, numbering: dict[str, Any]) -> None:
            folder = tmp_path / f"{count} {numbering}"
            whole = customers(count, **numbering)
            assert_whole(ask(Extractor(folder / "whole"), whole), count)
            for index in range(len(whole.requests)):
                api = customers(count, **numbering)
                someone = Extractor(folder / f"{index}")
                someone.die_at(api, index, datasets=(CUSTOMERS,), partition_key="2026-11-20")
                assert_whole(ask(someone, api), count)
                assert len(api.requests) <= len(whole.requests) + IN_FLIGHT + 1

        numberings = ({"largest": 50}, {"first": 0}, {"first": 0, "largest": 50}, {"page_0": "page 1"})
        check_all(check, product((30, 120, 250), numberings))

    def test_a_refused_size_is_not_tried_again(self, extractor: Extractor) -> None:
        """The next run begins with the size that was tried last."""
        api = customers(120)
        api.on_request.append(refuse_size(50))
        extractor.die_at(api, 3, datasets=(CUSTOMERS,), partition_key="2026-11-20")
        api.requests.clear()
        assert_whole(ask(extractor, api), 120)
        assert {size for _, size in asked(api)} == {50}

    def test_a_finished_search_is_not_made_again(self, extractor: Extractor) -> None:
        """With everything in the ledger, a further run asks nothing."""
        api = customers(175, first=0, largest=50)
        before = ask(extractor, api)
        api.requests.clear()
        after = ask(extractor, api)
        assert api.requests == []
        assert after.rows == before.rows
        assert after.customers == before.customers


class TestManySubjects:
    """A dataset's listings learn from each other."""

    @staticmethod
    def histories(**numbering: Any) -> Service:
        """Return a service with 40 customers of whom each has 30 allocations."""
        name = HISTORY.action.name
        rows = {
            str(uin): [{"AllocatedTime": f"2026-11-{1 + number}", "Credit": number} for number in range(30)]
            for uin in range(1, 41)
        }
        return Service({name: rows}, numbering={name: Numbering(**numbering)})

    def ask(self, extractor: Extractor, api: Service) -> Pulled:
        """Ask for everyone's history."""
        pulled = extractor.ask_about(api, HISTORY, *(Slice(str(uin)) for uin in range(1, 41)))
        assert not isinstance(pulled, Exception)
        return pulled

    def test_the_size_that_one_was_given_is_the_others_first(self, extractor: Extractor) -> None:
        """A refused size is tried once, not by everyone."""
        api = self.histories()
        api.on_request.append(refuse_size(50))
        pulled = self.ask(extractor, api)
        assert {pull.proof for pull in pulled.customers.values()} == {Proof.PROVEN}
        assert len(api.requests) == 41

    def test_the_beginning_at_0_is_told_to_the_others(self, extractor: Extractor) -> None:
        """Once page 0 was found to have rows, the others begin with it."""
        api = self.histories(first=0)
        pulled = self.ask(extractor, api)
        assert {pull.proof for pull in pulled.customers.values()} == {Proof.PROVEN}
        assert len(pulled.rows) == 40 * 30
        assert len(api.requests) == 41

    def test_a_cap_is_found_by_each(self, extractor: Extractor) -> None:
        """A largest page is concluded from one listing's total, so it is not told to others."""
        api = self.histories(first=0, largest=20)
        pulled = self.ask(extractor, api)
        assert {pull.proof for pull in pulled.customers.values()} == {Proof.PROVEN}
        assert len(pulled.rows) == 40 * 30

    def test_a_refusal_of_one_is_not_about_the_size(self, extractor: Extractor) -> None:
        """Where the size is known, a customer's refusal is not tried in other sizes."""
        api = self.histories()

        def act(request: Request) -> None:
            if request.customer == "40":
                raise RequestRefused("no", action=request.action, code="InvalidParameterValue.InvalidUin")

        api.on_request.append(act)
        assert self.ask(extractor, api).customers["40"].proof is Proof.FAILED
        assert len(api.asked(HISTORY, "40")) == 1

    def test_equal_rows_of_two_customers_are_no_repetition(self, extractor: Extractor) -> None:
        """Rows are compared within one listing."""
        api = self.histories()
        assert {pull.proof for pull in self.ask(extractor, api).customers.values()} == {Proof.PROVEN}

    def test_a_refused_customer_is_not_told_about_paging(self, extractor: Extractor) -> None:
        """A customer that is not the account's has failed for that."""
        api = self.histories()
        api.on_request.append(refuse("7"))
        outcome = self.ask(extractor, api).customers["7"]
        assert outcome.code == "UnauthorizedOperation.NotCustomerUin"
        assert "paging" not in outcome.reason


def test_equal_rows_on_one_page_are_kept(extractor: Extractor) -> None:
    """Two equal rows on one page are no fault of the paging: they stay as they came."""
    api = Service({CREDIT.action.name: {None: [{"ClientUin": 1}, {"ClientUin": 1}]}})
    pulled = extractor.ask_about(api, CREDIT, Slice())
    assert pulled.customers[None].proof is Proof.PROVEN
    assert len(pulled.rows) == 2
