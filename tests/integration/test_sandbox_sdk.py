"""The official SDK runs against the sandbox: it signs and reads every answered action, and sees the real codes."""

from __future__ import annotations

import warnings
from datetime import datetime
from decimal import Decimal
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.intlpartnersmgt.v20220928 import models
from tencentcloud.intlpartnersmgt.v20220928.intlpartnersmgt_client import IntlpartnersmgtClient

from pipelines.endpoints import ACTIONS
from pipelines.endpoints.shapes import Role
from pipelines.sandbox import Principal, Sandbox, World
from tests.unit.sandbox.asking import sound_request

if TYPE_CHECKING:
    from collections.abc import Iterator

PRINCIPALS = {role: Principal(f"AKID{role}", f"key of {role}", role) for role in Role}
WORLD = World(customers=5, lines=700)
NOW = datetime(2026, 11, 20, 12)  # noqa: DTZ001 - the sandbox takes it as UTC+8
MONTH = "2026-10"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox without limits, with a principal for each role."""
    temporary = Principal("AKIDtemporary", "key", Role.RESELLER, token="t0ken")
    with Sandbox([*PRINCIPALS.values(), temporary], WORLD, now=NOW, limits=False) as running:
        yield running


def client(sandbox: Sandbox, credential: Credential | None = None, role: Role = Role.RESELLER) -> IntlpartnersmgtClient:
    """Return the official client, pointed at the sandbox."""
    principal = PRINCIPALS[role]
    credential = credential or Credential(principal.secret_id, principal.secret_key)
    profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=sandbox.url.removeprefix("http://")))
    return IntlpartnersmgtClient(credential, "", profile)


def ask(sandbox: Sandbox, action: str, role: Role = Role.RESELLER, **parameters: Any) -> Any:
    """Ask with the SDK's own request and response classes."""
    request = getattr(models, f"{action}Request")()
    request._deserialize(parameters)
    return getattr(client(sandbox, role=role), action)(request)


def code(sandbox: Sandbox, action: str, parameters: dict[str, Any], **who: Any) -> str:
    """Return the code that a request is refused with."""
    with pytest.raises(TencentCloudSDKException) as refused:
        client(sandbox, **who).call_json(action, parameters)
    assert refused.value.get_request_id()
    return str(refused.value.get_code())


def detail_rows(sandbox: Sandbox, customer_uin: str, month: str = MONTH, **filters: str) -> list[Any]:
    """Page through a customer's month."""
    rows: list[Any] = []
    page = 1
    while True:
        parameters = {"CustomerUin": int(customer_uin), "Month": month, "Page": page, "PageSize": 200, **filters}
        reply = ask(sandbox, "DescribeCustomerBillDetail", **parameters)
        if not reply.DetailSet:
            assert reply.Total == len(rows)
            return rows
        rows += reply.DetailSet
        page += 1


def test_customers_are_listed_as_text(sandbox: Sandbox) -> None:
    """DescribeCustomerUin pages through the customers; ids and Total are text; past the end the list is empty."""
    pages = [ask(sandbox, "DescribeCustomerUin", Page=page, PageSize=3) for page in (1, 2, 3)]
    assert [[row.CustomerUin for row in page.Data] for page in pages] == [
        list(WORLD.customer_uins[:3]),
        list(WORLD.customer_uins[3:]),
        [],
    ]
    assert {page.Total for page in pages} == {"5"}


def test_summaries_equal_the_detail(sandbox: Sandbox) -> None:
    """Detail sums to each of the summaries: as text to the last decimal, as a double to the nearest one."""
    for uin, month in product(WORLD.customer_uins, ("2022-06", "2026-10", "2026-11")):
        rows = detail_rows(sandbox, uin, month)
        exact = sum((Decimal(row.TotalCost) for row in rows), Decimal())
        summary = ask(sandbox, "DescribeCustomerBillSummary", CustomerUin=int(uin), Month=month)
        assert summary.TotalCost == float(exact)
        for dimension in ("Product", "Region", "PayMode"):
            reply = ask(sandbox, f"DescribeBillSummaryBy{dimension}", CustomerUin=int(uin), BillMonth=month)
            overview = reply.SummaryOverview
            assert sum((Decimal(row.TotalCost) for row in overview), Decimal()) == exact
            assert bool(overview) == bool(rows)
            for of_rows, of_summary in (("OriginalCost", "OriginalCost"), ("VoucherDeduction", "VoucherPayAmount")):
                expected = sum((Decimal(getattr(row, of_rows)) for row in rows), Decimal())
                assert sum((Decimal(getattr(row, of_summary)) for row in overview), Decimal()) == expected


def test_summaries_divide_as_the_detail_does(sandbox: Sandbox) -> None:
    """Each product, region, mode and type of a summary is the sum of the rows that carry its code, name or label."""
    uin = WORLD.customer_uins[0]
    rows = detail_rows(sandbox, uin)

    def total(**having: str) -> Decimal:
        chosen = [
            row
            for row in rows
            if all(getattr(row, name).replace("\u00a0", " ") == text for name, text in having.items())
        ]
        return sum((Decimal(row.TotalCost) for row in chosen), Decimal())

    parameters = {"CustomerUin": int(uin), "BillMonth": MONTH}
    for of in ask(sandbox, "DescribeBillSummaryByProduct", **parameters).SummaryOverview:
        having = {"BusinessCode": of.BusinessCode, "ProductName": of.BusinessCodeName}
        assert Decimal(of.TotalCost) == total(**having)
    for of in ask(sandbox, "DescribeBillSummaryByRegion", **parameters).SummaryOverview:
        assert Decimal(of.TotalCost) == total(Region=of.RegionName)
    modes = ask(sandbox, "DescribeBillSummaryByPayMode", **parameters).SummaryOverview
    assert [mode.PayMode for mode in modes] == ["postPay", "prePay"]
    for mode in modes:
        assert Decimal(mode.TotalCost) == total(BillingMode=mode.PayModeName)
        for kind in mode.Detail:
            having = {"BillingMode": mode.PayModeName, "TransactionType": kind.ActionTypeName}
            assert Decimal(kind.TotalCost) == total(**having)
        assert sum(Decimal(kind.TotalCost) for kind in mode.Detail) == Decimal(mode.TotalCost)


def test_filters_hold_for_detail_and_summary(sandbox: Sandbox) -> None:
    """Filtered rows, over all customers, are fewer than all and sum to the summary with the same filters."""
    for filters in (
        {"IsConfirmed": "1"},
        {"IsConfirmed": "2"},
        {"PayMode": "prePay"},
        {"ActionType": "prepay_return"},
        {"PayMode": "postPay", "IsConfirmed": "2"},
    ):
        shown = 0
        for uin in WORLD.customer_uins:
            rows = detail_rows(sandbox, uin, **filters)
            summary = ask(sandbox, "DescribeCustomerBillSummary", CustomerUin=int(uin), Month=MONTH, **filters)
            assert summary.TotalCost == float(sum((Decimal(row.TotalCost) for row in rows), Decimal()))
            shown += len(rows)
        assert 0 < shown < 700, filters


def test_rows_have_the_types_of_the_definition(sandbox: Sandbox) -> None:
    """Account ids are numbers, all else is text; the payer is the same on every row and the owner is the customer."""
    uin = WORLD.customer_uins[0]
    rows = detail_rows(sandbox, uin)
    assert {row.OwnerAccountId for row in rows} == {int(uin)}
    assert len({row.PayerAccountId for row in rows}) == 1
    numbers = {"PayerAccountId", "OwnerAccountId", "OperatorAccountId"}
    for row in rows:
        for field in ACTIONS["DescribeCustomerBillDetail"].row_fields:
            value = getattr(row, field.name)
            assert value is None or isinstance(value, int if field.name in numbers else str)


def test_every_action_of_the_catalogue_is_judged(sandbox: Sandbox) -> None:
    """Writes are refused to all, other roles are refused, and so is a request without its required parameters."""
    told = {}
    for action, role in product(ACTIONS.values(), Role):
        if action.writes:
            expected = "UnauthorizedOperation"
        elif role not in action.roles:
            expected = "UnauthorizedOperation.UinNoAuth"
        elif any(parameter.required for parameter in action.parameters):
            expected = "MissingParameter"
        else:
            continue
        if (found := code(sandbox, action.name, {}, role=role)) != expected:
            told[action.name, role] = found
    assert told == {}


def test_the_sdk_reads_every_reply(sandbox: Sandbox) -> None:
    """Every read action is answered to each of its roles, and no member of the reply is unknown to the SDK."""
    misread = []
    for action in ACTIONS.values():
        for role in () if action.writes else action.roles:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # it warns of members that it does not know
                reply = ask(sandbox, action.name, role, **sound_request(action.name, role, WORLD))
            for member in action.fields:
                value = getattr(reply, member.name)
                rows = value if isinstance(value, list) else [value]
                is_read = not member.fields or all(type(row).__module__ == models.__name__ for row in rows)
                if None in rows or not is_read:
                    misread.append((action.name, role, member.name))
    assert misread == []


def test_roles_are_served_side_by_side(sandbox: Sandbox) -> None:
    """A distributor and its second-level reseller, each with its own key, get the same bill of the same customer."""
    agents = ask(sandbox, "QuerySubAgentsDetailV2", Role.DISTRIBUTOR, Page=1, PageSize=100).Data
    asked = {"SubAgentUin": int(WORLD.reseller_uins[0]), "Page": 1, "PageSize": 100}
    found = ask(sandbox, "QueryT1IndirectCustomersDetail", Role.DISTRIBUTOR, **asked).Data
    listed = ask(sandbox, "DescribeCustomerUin", Role.SECOND_LEVEL_RESELLER, Page=1, PageSize=100).Data
    assert asked["SubAgentUin"] in {agent.SubAgentUin for agent in agents}
    assert [str(row.ClientUin) for row in found] == [row.CustomerUin for row in listed]
    for row in listed:
        asked = {"CustomerUin": int(row.CustomerUin), "BillMonth": MONTH}
        bills = [
            ask(sandbox, "DescribeBillSummaryByProduct", role, **asked)._serialize()["SummaryOverview"]
            for role in (Role.DISTRIBUTOR, Role.SECOND_LEVEL_RESELLER)
        ]
        assert bills[0] == bills[1]
        assert code(sandbox, "DescribeBillSummaryByProduct", asked) == "UnauthorizedOperation.NotCustomerUin"


def test_a_principal_can_say_who_it_is(sandbox: Sandbox) -> None:
    """A customer's key is for the account that it names, and the first customer if it names none."""
    other = WORLD.customer_uins[1]
    principals = [PRINCIPALS[Role.CUSTOMER], Principal("AKIDother", "key", Role.CUSTOMER, uin=other)]
    with Sandbox(principals, WORLD, now=NOW, limits=False) as mine:
        asked = {"Month": MONTH, "Page": 1, "PageSize": 1}
        owners = [
            client(mine, Credential(principal.secret_id, principal.secret_key)).call_json("DescribeBillDetail", asked)
            for principal in principals
        ]
    assert [reply["Response"]["DetailSet"][0]["OwnerAccountId"] for reply in owners] == [
        int(WORLD.customer_uins[0]),
        int(other),
    ]


def test_writes_are_counted(sandbox: Sandbox) -> None:
    """A request for a writing action shows in the statistics."""
    before = sandbox.statistics().get("CreateAccount", {"writes": 0})["writes"]
    assert code(sandbox, "CreateAccount", {}) == "UnauthorizedOperation"
    assert sandbox.statistics()["CreateAccount"]["writes"] == before + 1


def test_customers_of_others_are_refused(sandbox: Sandbox) -> None:
    """A customer that is not the caller's is NotCustomerUin, for all that are asked in one request."""
    for action, parameters in (
        ("DescribeCustomerBillSummary", {"CustomerUin": 100000000001, "Month": MONTH}),
        ("QueryCreditByUinList", {"UinList": [int(WORLD.customer_uins[0]), 100000000001]}),
    ):
        assert code(sandbox, action, parameters) == "UnauthorizedOperation.NotCustomerUin"


def test_the_credential_is_checked(sandbox: Sandbox) -> None:
    """A wrong key, an unknown id and a missing or wrong token have codes of their own; the right token passes."""
    page = {"Page": 1, "PageSize": 1}
    for credential, expected in (
        (Credential("AKIDreseller", "wrong"), "AuthFailure.SignatureFailure"),
        (Credential("AKIDnobody", "key"), "AuthFailure.SecretIdNotFound"),
        (Credential("AKIDtemporary", "key"), "AuthFailure.TokenFailure"),
        (Credential("AKIDtemporary", "key", "wrong"), "AuthFailure.TokenFailure"),
    ):
        assert code(sandbox, "DescribeCustomerUin", page, credential=credential) == expected
    temporary = client(sandbox, Credential("AKIDtemporary", "key", "t0ken"))
    assert temporary.call_json("DescribeCustomerUin", page)["Response"]["Total"] == "5"


def test_an_unsigned_payload_is_accepted(sandbox: Sandbox) -> None:
    """The SDK's option not to sign the body works, as it does with the service."""
    official = client(sandbox)
    official.profile.unsignedPayload = True
    assert official.call_json("DescribeCustomerUin", {"Page": 1, "PageSize": 1})["Response"]["Total"] == "5"
