"""Answers about credit: of the partner, of its customers and of the caller itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipelines.sandbox.api_request import json_members
from pipelines.sandbox.credit import UNIT, allocations, balance, pool
from pipelines.sandbox.profiles import profile
from pipelines.sandbox.vouchers import ISSUED, time_text, vouchers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipelines.sandbox.api_request import Answer, ApiRequest, Members

CENT = UNIT // 100


def query_partner_credit(request: ApiRequest) -> Members:
    """Show the partner's credit."""
    own = pool(request.world, request.role, request.uin, request.now)
    return json_members(
        AllocatedCredit=own.allocated / UNIT,
        TotalCredit=own.credit / UNIT,
        RemainingCredit=(own.credit - own.allocated) / UNIT,
        CustomerTotalCredit=own.customers.credit / UNIT,
        CustomerRemainingCredit=own.customers.left / UNIT,
    )


def query_customers_credit(request: ApiRequest) -> Members:
    """List a page of customers with their credit. Those bound last come first unless the request says otherwise."""
    seed = request.world.seed
    uins = sorted(
        request.customer_uins,
        key=lambda uin: (profile(seed, uin).bound_at, uin),
        reverse=request.parameters.get("Order", "desc") == "desc",
    )
    kind, wanted = request.parameters.get("FilterType"), request.parameters.get("Filter")
    if kind and wanted:
        uins = [uin for uin in uins if wanted in str(_person(seed, uin)[kind])]
    return json_members(Data=[_customer(request, uin) for uin in request.page(uins)], Total=len(uins))


def _person(seed: int, uin: str) -> dict[str, Any]:
    known = profile(seed, uin)
    return {"ClientUin": int(uin), "Name": known.name, "Remark": known.remark, "Email": known.email}


def _customer(request: ApiRequest, uin: str) -> dict[str, Any]:
    known, held = profile(request.world.seed, uin), balance(request.world, uin, request.now)
    return {
        **_person(request.world.seed, uin),
        "Type": "new",
        "Mobile": known.mobile,
        "Arrears": "-" if held.left >= 0 else "yes",
        "AssociationTime": known.bound_at,
        "RecentExpiry": None,
        "Credit": held.credit / UNIT,
        "RemainingCredit": held.left / UNIT,
        "IdentifyType": known.auth_type + 1,
        "Force": int(known.account_status),
    }


def query_direct_customers_credit(request: ApiRequest) -> Members:
    """List the credit of all customers on the account's list."""
    return json_members(Data=_balances(request, request.customer_uins))


def query_credit_by_uin_list(request: ApiRequest) -> Members:
    """List the credit of some customers. If one is not the caller's, all are refused."""
    return json_members(Data=_balances(request, [request.own_customer(uin) for uin in request.parameters["UinList"]]))


def _balances(request: ApiRequest, uins: Sequence[str]) -> list[dict[str, Any]]:
    held = ((uin, balance(request.world, uin, request.now)) for uin in uins)
    return [{"Uin": int(uin), "TotalCredit": of.credit / UNIT, "RemainingCredit": of.left / UNIT} for uin, of in held]


def query_credit_allocation_history(request: ApiRequest) -> Members:
    """List a page of a customer's allocations, the latest first."""
    uin = request.own_customer(request.parameters["ClientUin"])
    made = allocations(request.world, uin, request.now)[::-1]
    rows = [
        {
            "AllocatedTime": allocation.at,
            "Operator": allocation.operator,
            "Credit": allocation.credit / UNIT,
            "AllocatedCredit": allocation.allocated / UNIT,
            "ClientCreditAfter": allocation.left / UNIT,
            "Remark": allocation.remark,
        }
        for allocation in request.page(made)
    ]
    return json_members(Total=len(made), History=rows)


def query_customer_billing_quota(request: ApiRequest) -> Members:
    """Show the caller's own credit, with two decimals as in the definition."""
    held, now = balance(request.world, request.uin, request.now), time_text(request.now)
    usable = (voucher for voucher in vouchers(request.world, request.uin, now) if voucher.status(now) == ISSUED)
    status = profile(request.world.seed, request.uin).account_status
    data = {
        "TotalCredit": held.credit // CENT / 100,
        "RemainingCredit": held.left // CENT / 100,
        "RemainingVoucher": sum(voucher.left(now) for voucher in usable) // CENT / 100,
        "Force": int(status) or None,
        "PrepayFrozen": 0.0,
        "PostpayFrozen": max(0, held.credit - held.left) // (10 * CENT) / 100,
    }
    return json_members(Data=data)


ANSWERS: Mapping[str, Answer] = {
    "QueryPartnerCredit": query_partner_credit,
    "QueryCustomersCredit": query_customers_credit,
    "QueryDirectCustomersCredit": query_direct_customers_credit,
    "QueryCreditByUinList": query_credit_by_uin_list,
    "QueryCreditAllocationHistory": query_credit_allocation_history,
    "QueryCustomerBillingQuota": query_customer_billing_quota,
}
