"""A failure stays where it belongs: with a customer, a dataset, or an account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipelines.extract.ledger import Entry
    from tests.unit.extract.conftest import Extractor
    from tests.unit.service import Request

import asyncio
import gc
from contextlib import aclosing
from typing import Never

import pytest

from pipelines import extract
from pipelines.endpoints import DATASETS
from pipelines.errors import (
    ActionRefused,
    CredentialRefused,
    RequestRefused,
    RequestUnanswered,
    StorageFailed,
    WriteRefused,
)
from pipelines.extract import program
from pipelines.extract.ledger import Ledger
from pipelines.extract.listing import IN_FLIGHT
from pipelines.pages import Proof, Slice
from tests.unit.service import BY_PRODUCT, SHORT, SUMMARY, Service, fewest_requests, lines, refuse, service, silence

SOON = 4 * IN_FLIGHT
"""Requests of a dataset that may still leave before its end gets around: this service answers without any delay."""


def failing(error: type[RequestRefused], *actions: str) -> Callable[[Request], None]:
    """Refuse every request of these actions."""

    def act(request: Request) -> None:
        if request.action in actions:
            raise error(f"{request.action} is refused", action=request.action, code="Refused", request_id="r-1")

    return act


def test_a_refused_customer_is_named_and_the_others_go_on(extractor: Extractor) -> None:
    """A customer that was unbound fails with the API's code and RequestId; the others are proven."""
    api = service({"1": lines(8), "2": lines(2), "3": lines(8)})
    api.on_request.append(refuse("2"))
    pulled = extractor.ask(api, "1", "2", "3")
    refused = pulled.customers["2"]
    assert (refused.proof, refused.rows, refused.cost) == (Proof.FAILED, 0, None)
    assert (refused.code, refused.request_id) == ("UnauthorizedOperation.NotCustomerUin", "refusal 1")
    assert refused.reason == "customer 2 is not yours"
    assert pulled.customers["1"].proof is pulled.customers["3"].proof is Proof.PROVEN
    assert {page.customer_uin for page in pulled.pages} == {"1", "3"}
    assert len(api.asked(SHORT, "2")) == 1


def test_a_customer_refused_midway_leaves_no_pages(extractor: Extractor) -> None:
    """A customer whose later pages fail has failed: its first pages are not handed over as if they were all."""
    api = service({"1": lines(8), "2": lines(8)})
    api.on_request.append(lambda request: refuse("2")(request) if request.page == 3 else None)
    pulled = extractor.ask(api, "1", "2")
    assert pulled.customers["2"].proof is Proof.FAILED
    assert {page.customer_uin for page in pulled.pages} == {"1"}


def test_one_customer_without_answer_fails_alone(extractor: Extractor) -> None:
    """While the service answers others, a customer it never answers for fails by itself."""
    api = service({str(number): lines(2) for number in range(1, 31)})
    api.on_request.append(silence(lambda request: request.customer == "5"))
    customers = extractor.ask(api, *api.rows[SHORT.action.name]).customers
    assert [uin for uin, customer in customers.items() if customer.proof is not Proof.PROVEN] == ["5"]
    assert customers["5"].code == "HTTP.Timeout"


@pytest.mark.parametrize("answers", [0, 20])
def test_a_service_that_is_down_fails_the_dataset_at_once(extractor: Extractor, answers: int) -> None:
    """A service that answers nothing is not tried with one customer after the other: what was in flight is lost."""
    customers = [str(number) for number in range(1, 101)]
    api = service({customer: lines(2) for customer in customers})
    api.on_request.append(silence(lambda request: request.index >= answers))
    with pytest.raises(RequestUnanswered) as failure:
        extractor.ask(api, *customers)
    assert failure.value.rerun_helps
    lost = len(api.requests) - answers
    assert lost <= SOON
    api.on_request.clear()
    extractor.ask(api, *customers)
    assert len(api.requests) == 100 + lost


def test_the_last_customers_without_answer_do_not_sink_the_others(extractor: Extractor) -> None:
    """Where all that is left gets no answer, each of them is named, and what came of the others can land."""
    silent = {"18", "19", "20"}
    api = service({str(number): lines(5 if str(number) in silent else 2) for number in range(1, 21)})
    api.on_request.append(silence(lambda request: request.customer in silent and request.page == 2))
    customers = extractor.ask(api, *api.rows[SHORT.action.name]).customers
    assert {uin for uin, customer in customers.items() if customer.proof is Proof.FAILED} == silent
    assert len(customers) == 20


def test_a_service_that_only_refuses_is_not_down(extractor: Extractor) -> None:
    """A refusal is an answer: a customer without one fails alone among customers that are refused."""
    customers = [str(number) for number in range(1, program.HOPELESS)]
    last = customers[-1]
    api = service({customer: lines(2) for customer in customers})
    api.on_request += [refuse(*set(customers) - {"8", last}), silence(lambda request: request.customer == "8")]
    found = extractor.ask(api, *customers).customers
    assert found["8"].code == "HTTP.Timeout"
    assert found[last].proof is Proof.PROVEN


def test_all_customers_refused_is_a_refusal_of_the_dataset(extractor: Extractor) -> None:
    """Where every customer is refused, the dataset fails for good, with the first reason and its RequestId."""
    api = service({"1": lines(2), "2": lines(2)})
    api.on_request.append(refuse("1", "2"))
    with pytest.raises(RequestRefused) as failure:
        extractor.ask(api, "1", "2")
    facts = ("DescribeCustomerBillDetail", "every customer", "'acme'", "(2)", "2026-10", "customer 1 is not yours")
    assert [fact for fact in facts if fact not in str(failure.value)] == []
    assert failure.value.request_id == "refusal 0"
    assert not failure.value.rerun_helps


def test_all_customers_unanswered_may_pass(extractor: Extractor) -> None:
    """Where few customers are all unanswered, the failure of the dataset is one that a rerun can help."""
    api = service({"1": lines(2), "2": lines(2)})
    api.on_request += [refuse("1"), silence(lambda request: True)]
    with pytest.raises(RequestUnanswered):
        extractor.ask(api, "1", "2")


def test_a_refused_variant_leaves_the_others(extractor: Extractor) -> None:
    """What the whole account is asked in several ways fails one by one: the others come."""
    explorer = DATASETS["own_cost_explorer"]
    slices = [Slice.of(None, {"Dimension": dimension}) for dimension in ("Business", "Region", "Zone")]
    api = Service({explorer.action.name: {None: []}})

    def act(request: Request) -> None:
        if request.parameters["Dimension"] == "Region":
            failing(RequestRefused, explorer.action.name)(request)

    api.on_request.append(act)
    outcomes = extractor.ask_about(api, explorer, *slices).slices
    assert [outcomes[slice_].proof for slice_ in slices] == [Proof.PROVEN, Proof.FAILED, Proof.PROVEN]
    assert outcomes[slices[1]].code == "Refused"


def test_all_variants_refused_is_a_refusal_of_the_dataset(extractor: Extractor) -> None:
    """Where nothing comes in any way, the dataset fails; a question asked alone fails with its own refusal."""
    explorer = DATASETS["own_cost_explorer"]
    slices = [Slice.of(None, {"Dimension": dimension}) for dimension in ("Business", "Region")]
    api = Service({explorer.action.name: {None: []}})
    api.on_request.append(failing(RequestRefused, explorer.action.name))
    error = extractor.ask_about(api, explorer, *slices)
    assert isinstance(error, RequestRefused)
    facts = ("'acme'", "(2)", "2026-10", f"{explorer.action.name} is refused")
    assert [fact for fact in facts if fact not in str(error)] == []
    assert str(extractor.ask_about(api, explorer, slices[0])) == f"{explorer.action.name} is refused"


def test_customers_that_are_listed_no_more_sink_nothing(extractor: Extractor) -> None:
    """Where everyone who is asked has left the account, their refusals are outcomes, not the dataset's failure."""
    api = service({"1": lines(2), "2": lines(2)})
    api.on_request.append(refuse("1", "2"))
    customers = extractor.ask(api, "1", "2", listed=frozenset({"3"})).customers
    assert {customer.proof for customer in customers.values()} == {Proof.FAILED}


def test_a_failing_dataset_leaves_the_others(extractor: Extractor) -> None:
    """A refused action fails its dataset with the refusal; the other datasets come whole."""
    api = service({"1": lines(8), "2": lines(2)})
    api.on_request.append(failing(RequestRefused, BY_PRODUCT.action.name))
    results = extractor.ask_all(api, "1", "2", datasets=(SUMMARY, BY_PRODUCT, SHORT), is_issued=True)
    assert isinstance(results[BY_PRODUCT.name], RequestRefused)
    assert len(results[SHORT.name].rows) == 10
    assert {c.proof for c in results[SHORT.name].customers.values()} == {Proof.PROVEN}


def test_detail_does_not_wait_for_ever_for_a_summary_that_failed(extractor: Extractor) -> None:
    """Where the summary fails, the bill lines come unproven, and are asked once."""
    api = service({"1": lines(8), "2": lines(2)})
    api.on_request.append(failing(RequestRefused, SUMMARY.action.name))
    results = extractor.ask_all(api, "1", "2", is_issued=True)
    assert isinstance(results[SUMMARY.name], RequestRefused)
    assert {c.proof for c in results[SHORT.name].customers.values()} == {Proof.UNPROVEN}
    assert len(api.asked(SHORT)) == fewest_requests([8, 2])


def test_a_summary_refused_for_one_customer_leaves_that_one_unproven(extractor: Extractor) -> None:
    """One customer's refused summary leaves that customer's lines unproven, and the others proven."""
    api = service({"1": lines(8), "2": lines(2)})

    def act(request: Request) -> None:
        if request.action == SUMMARY.action.name:
            refuse("1")(request)

    api.on_request.append(act)
    customers = extractor.ask_all(api, "1", "2", is_issued=True)[SHORT.name].customers
    assert customers["1"].proof is Proof.UNPROVEN
    assert customers["2"].proof is Proof.PROVEN


def test_refused_credentials_end_all_datasets_of_the_account(extractor: Extractor) -> None:
    """A key that is refused once is not tried again for every customer and dataset."""
    api = service({str(number): lines(8) for number in range(1, 101)})
    api.on_request.append(failing(CredentialRefused, SUMMARY.action.name))
    results = extractor.ask_all(api, *api.rows[SHORT.action.name], datasets=(SUMMARY, BY_PRODUCT, SHORT))
    assert len(results) == 3
    assert all(isinstance(result, CredentialRefused) for result in results.values())
    assert len(api.requests) <= 3 * SOON


@pytest.mark.parametrize("error", [CredentialRefused, WriteRefused])
def test_a_refusal_of_the_whole_account_fails_its_dataset(extractor: Extractor, error: Any) -> None:
    """Where one request serves the whole account, its refusal is the dataset's."""
    api = service({})
    api.on_request.append(failing(error, "DescribeCustomerBillDetail"))
    with pytest.raises(error if error is CredentialRefused else RequestRefused):
        extractor.ask(api, "1")


def test_a_disk_that_refuses_a_page_fails_the_dataset(extractor: Extractor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk, met while a page is kept, ends the dataset with that message; no request is sent in vain after."""
    store = Ledger.store

    def full(self: Any, page: Any, *values: Any) -> Entry:
        if page.number == 2:
            raise StorageFailed("the disk is full")
        return store(self, page, *values)

    monkeypatch.setattr(Ledger, "store", full)
    api = service({"1": lines(1000)})
    with pytest.raises(StorageFailed, match="the disk is full"):
        extractor.ask(api, "1")
    assert len(api.requests) <= 1 + SOON
    monkeypatch.undo()
    assert len(extractor.ask(api, "1").rows) == 1000


def test_a_pull_nobody_takes_any_more_is_closed(extractor: Extractor) -> None:
    """Ended between two results, a pull leaves no ledger open, and the next run carries on."""
    api = service({"1": lines(2)})

    async def take_one() -> None:
        request = extractor.question(("1",), (SUMMARY, BY_PRODUCT, SHORT))
        async with aclosing(extract.pull(request, api, extractor.progress.append)) as results:
            async for _, pull in results:
                for _ in range(100):  # the others finish meanwhile
                    await asyncio.sleep(0)
                pull.close()
                break

    opened = []
    closed = []

    class Watched(Ledger):
        def __init__(self, *values: Any) -> None:
            super().__init__(*values)
            opened.append(self)

        def close(self) -> None:
            closed.append(self)
            super().close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program, "Ledger", Watched)
        asyncio.run(take_one())
    gc.collect()
    assert len(opened) == 3
    assert set(closed) == set(opened)
    before = len(api.requests)
    extractor.ask_all(api, "1", datasets=(SUMMARY, BY_PRODUCT, SHORT))
    assert len(api.requests) == before


def test_a_mistake_in_the_code_is_handed_over_as_it_is(extractor: Extractor) -> None:
    """An exception that is no failure of the service is not dressed up as one."""
    api = service({"1": lines(2)})

    def stumble(request: Request) -> Never:
        raise ZeroDivisionError

    api.on_request.append(stumble)
    with pytest.raises(ZeroDivisionError):
        extractor.ask(api, "1")


def test_customers_are_not_asked_to_the_last_where_all_are_refused(extractor: Extractor) -> None:
    """When the first of them are refused one like the other, the action is not this account's: the dataset ends."""
    everyone = [str(number) for number in range(100, 400)]
    api = service({customer: lines(2) for customer in everyone})
    api.on_request.append(refuse(*everyone))
    with pytest.raises(RequestRefused, match=rf"\({program.HOPELESS}\) in 2026-10"):
        extractor.ask(api, *everyone)
    assert program.HOPELESS <= len(api.asked(SHORT)) <= program.HOPELESS + SOON


def test_an_action_that_is_not_allowed_ends_its_dataset_alone(extractor: Extractor) -> None:
    """A policy that lacks one action is told at its first request; the other datasets go on."""
    api = service({"1": lines(2), "2": lines(2)})
    api.on_request.append(failing(ActionRefused, SHORT.action.name))
    found = extractor.ask_all(api, "1", "2")
    assert isinstance(found[SHORT.name], ActionRefused)
    assert not isinstance(found[SUMMARY.name], Exception)
