"""Batches: one refused customer leaves the others' rows."""

from __future__ import annotations

import logging
import math
from itertools import product
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.service import Request

import pytest

from pipelines.endpoints import DATASETS
from pipelines.errors import CredentialRefused, RequestRefused, RequestUnanswered
from pipelines.pages import Proof, Slice
from tests.unit.extract.conftest import Extractor
from tests.unit.matrix import check_all
from tests.unit.service import Service, refuse

CREDIT = DATASETS["credit_by_uin"]
INFO = DATASETS["customer_info"]
POLICY = DATASETS["policy_products"]


def batch(*uins: int) -> Slice:
    """Return the subject that is these customers."""
    return Slice.of(None, {"UinList": list(uins)})


def credits_of(*uins: int) -> Service:
    """Return a service that knows these customers' credit."""
    return Service({CREDIT.action.name: {str(uin): [{"Uin": uin, "TotalCredit": 1.5}] for uin in uins}})


def refusal(code: str, *customers: str, error: Any = RequestRefused) -> Any:
    """Refuse requests about these customers with a code."""

    def act(request: Request) -> None:
        if {*request.batch} & {*customers}:
            raise error("it is refused", action=request.action, code=code, request_id=f"refusal {request.index}")

    return act


def asked(api: Service) -> list[tuple[str, ...]]:
    """Return the batches asked, in order."""
    return [request.batch for request in api.requests]


def test_a_batch_is_one_request_and_one_subject(extractor: Extractor) -> None:
    """Where nobody is refused, a batch is asked once, its values as numbers, and is proven as a whole."""
    api = credits_of(*range(1, 51))
    pulled = extractor.ask_about(api, CREDIT, batch(*range(1, 51)), partition_key="2026-11-20")
    assert [request.parameters for request in api.requests] == [{"UinList": list(range(1, 51))}]
    assert [row["Uin"] for row in pulled.rows] == [str(uin) for uin in range(1, 51)]
    assert pulled.slices[batch(*range(1, 51))].proof is Proof.PROVEN
    assert {page.slice_params for page in pulled.pages} == {batch(*range(1, 51)).slice_params}


def test_one_refused_customer_leaves_the_others(tmp_path: Path) -> None:
    """A refused batch is halved until the one that is refused stands alone: it has failed, the others have rows."""

    def check(code: str, bad: int) -> None:
        api = credits_of(*range(1, 9))
        api.on_request.append(refusal(code, str(bad)))
        pulled = Extractor(tmp_path / f"{code} {bad}").ask_about(api, CREDIT, batch(*range(1, 9)))
        failed = [slice_ for slice_, pull in pulled.slices.items() if pull.proof is Proof.FAILED]
        assert failed == [batch(bad)]
        assert pulled.slices[batch(bad)].code == code
        assert pulled.slices[batch(bad)].request_id.startswith("refusal ")
        assert pulled.slices[batch(bad)].digest == ""
        assert sorted(row["Uin"] for row in pulled.rows) == sorted(str(uin) for uin in range(1, 9) if uin != bad)
        assert batch(*range(1, 9)) not in pulled.slices
        assert len(api.requests) == 1 + 2 * math.log2(8)

    codes = ("UnauthorizedOperation.NotCustomerUin", "InvalidParameterValue.UinList", "FailedOperation.UinInvalid")
    check_all(check, product(codes, (1, 5, 8)))


def test_several_refused_customers_are_each_named(extractor: Extractor) -> None:
    """However many of a batch are refused, each has its own outcome, and all others come."""
    api = credits_of(*range(1, 8))
    api.on_request.append(refuse("2", "3", "7"))
    pulled = extractor.ask_about(api, CREDIT, batch(*range(1, 8)))
    assert {s for s, pull in pulled.slices.items() if pull.proof is Proof.FAILED} == {batch(2), batch(3), batch(7)}
    assert {row["Uin"] for row in pulled.rows} == {"1", "4", "5", "6"}


def test_other_batches_are_not_asked_again(extractor: Extractor) -> None:
    """Only the refused batch is divided."""
    api = credits_of(*range(1, 7))
    api.on_request.append(refuse("5"))
    extractor.ask_about(api, CREDIT, batch(1, 2, 3), batch(4, 5, 6))
    assert asked(api).count(("1", "2", "3")) == 1
    assert len(asked(api)) == 2 + 4


@pytest.mark.parametrize(
    ("code", "error"),
    [("FailedOperation", RequestUnanswered), ("MissingParameter", RequestRefused), ("HTTP.Timeout", RequestUnanswered)],
)
def test_what_no_single_customer_causes_is_not_divided(extractor: Extractor, code: str, error: Any) -> None:
    """A batch that was not answered, or refused for its form, has failed as it was asked."""
    api = credits_of(1, 2, 3, 4)
    api.on_request.append(refusal(code, "1", error=error))
    pulled = extractor.ask_about(api, CREDIT, batch(1, 2), batch(3, 4))
    assert pulled.slices[batch(1, 2)].proof is Proof.FAILED
    assert len(api.requests) == 2


def test_an_action_that_is_refused_is_not_asked_for_everyone(extractor: Extractor) -> None:
    """Where nothing comes of anyone, one batch is divided to see, and no other: the dataset is refused."""
    uins = range(1, 1001)
    api = credits_of(*uins)
    api.on_request.append(refuse(*map(str, uins)))
    batches = [batch(*uins[start : start + 50]) for start in range(0, 1000, 50)]
    error = extractor.ask_about(api, CREDIT, *batches)
    assert isinstance(error, RequestRefused)
    assert [fact for fact in ("QueryCreditByUinList", "'acme'") if fact not in str(error)] == []
    assert len(api.requests) == 20 + 2 * 50 - 2


def test_refused_credentials_end_it(extractor: Extractor) -> None:
    """A refused key is not asked about in parts."""
    api = credits_of(1, 2)
    api.on_request.append(refusal("AuthFailure.SecretIdNotFound", "1", error=CredentialRefused))
    assert isinstance(extractor.ask_about(api, CREDIT, batch(1, 2)), CredentialRefused)
    assert len(api.requests) == 1


def test_a_parameter_that_takes_one_value_is_not_divided(extractor: Extractor) -> None:
    """A refused subject without a list has failed, and the others come."""
    api = Service({POLICY.action.name: {"b": [{"ProductCode": "p"}]}})
    api.on_request.append(refuse("a"))
    pulled = extractor.ask_about(api, POLICY, *(Slice.of(None, {"PolicyCode": code}) for code in "ab"))
    assert [pull.proof for pull in pulled.slices.values()] == [Proof.FAILED, Proof.PROVEN]
    assert len(api.requests) == 2


def test_a_run_ended_at_any_request_keeps_the_halves_it_has(tmp_path: Path) -> None:
    """Ended while a batch is divided, the next run asks only the batches that were refused, and what is left."""
    slice_ = batch(*range(1, 9))
    whole = 1 + 2 * 3
    for index in range(whole):
        api = credits_of(*range(1, 9))
        api.on_request.append(refuse("3"))
        someone = Extractor(tmp_path / str(index))
        someone.die_at(api, index, datasets=(CREDIT,), slices={CREDIT.name: (slice_,)})
        answered = {request.batch for request in api.requests[:index] if "3" not in request.batch}
        api.requests.clear()
        pulled = someone.ask_about(api, CREDIT, slice_)
        assert {row["Uin"] for row in pulled.rows} == {"1", "2", "4", "5", "6", "7", "8"}
        assert answered.isdisjoint(asked(api))
        assert pulled.slices[batch(3)].proof is Proof.FAILED


def test_only_what_failed_in_the_end_is_warned_of(extractor: Extractor, caplog: pytest.LogCaptureFixture) -> None:
    """The log names the refused customer's failure, not those of the batches on the way to it."""
    api = credits_of(*range(1, 9))
    api.on_request.append(refuse("3"))
    with caplog.at_level(logging.WARNING, logger="pipelines.extract"):
        extractor.ask_about(api, CREDIT, batch(*range(1, 9)))
    assert [record.getMessage() for record in caplog.records] == ["customer 3 is not yours"]


def test_a_batch_list_may_have_the_name_of_a_customer(extractor: Extractor) -> None:
    """DescribeCustomerInfo takes its customers as a list called CustomerUin."""
    api = Service({INFO.action.name: {"1": [{"CustomerUin": "1"}], "2": [{"CustomerUin": "2"}]}})
    pulled = extractor.ask_about(api, INFO, Slice.of(None, {"CustomerUin": [1, 2]}))
    assert [row["CustomerUin"] for row in pulled.rows] == ["1", "2"]
