"""Credit: of the partner, of its customers and of the customer that asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipelines.sandbox.api_request import spelled
from pipelines.sandbox.credit import UNIT, allocations, balance, pool
from pipelines.sandbox.profiles import profile
from pipelines.sandbox.vouchers import ISSUED, time_text, vouchers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipelines.sandbox.api_request import Answer, ApiRequest, Members

CENT = UNIT // 100


def query_partner_credit(request: ApiRequest) -> Members:
    """Sum the partner's credit."""
    own = pool(request.world, request.role, request.uin, request.now)
    return spelled(
        AllocatedCredit=own.allocated / UNIT,
        TotalCredit=own.credit / UNIT,
        RemainingCredit=(own.credit - own.allocated) / UNIT,
        CustomerTotalCredit=own.customers.credit / UNIT,
        CustomerRemainingCredit=own.customers.left / UNIT,
    )


def query_customers_credit(request: ApiRequest) -> Members:
    """List customers with their credit, latest bound first unless asked otherwise, a page at a time."""
    seed = request.world.seed
    uins = sorted(
        request.customer_uins,
        key=lambda uin: (profile(seed, uin).bound_at, uin),
        reverse=request.parameters.get("Order", "desc") == "desc",
    )
    kind, wanted = request.parameters.get("FilterType"), request.parameters.get("Filter")
    if kind and wanted:
        uins = [uin for uin in uins if wanted in str(_person(seed, uin)[kind])]
    return spelled(Data=[_customer(request, uin) for uin in request.page(uins)], Total=len(uins))


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
    """List the credit of all customers that the account lists."""
    return spelled(Data=_balances(request, request.customer_uins))


def query_credit_by_uin_list(request: ApiRequest) -> Members:
    """List the credit of these customers; one that is not the caller's refuses them all."""
    return spelled(Data=_balances(request, [request.own_customer(uin) for uin in request.parameters["UinList"]]))


def _balances(request: ApiRequest, uins: Sequence[str]) -> list[dict[str, Any]]:
    held = ((uin, balance(request.world, uin, request.now)) for uin in uins)
    return [{"Uin": int(uin), "TotalCredit": of.credit / UNIT, "RemainingCredit": of.left / UNIT} for uin, of in held]


def query_credit_allocation_history(request: ApiRequest) -> Members:
    """List what was allocated to a customer, the latest first, a page at a time."""
    uin = request.own_customer(request.parameters["ClientUin"])
    made = allocations(request.world, uin, request.now)[::-1]
    rows = [
        {
            "AllocatedTime": one.at,
            "Operator": one.operator,
            "Credit": one.credit / UNIT,
            "AllocatedCredit": one.allocated / UNIT,
            "ClientCreditAfter": one.left / UNIT,
            "Remark": one.remark,
        }
        for one in request.page(made)
    ]
    return spelled(Total=len(made), History=rows)


def query_customer_billing_quota(request: ApiRequest) -> Members:
    """Tell the caller's own credit, to two decimals as the definition says."""
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
    return spelled(Data=data)


ANSWERS: Mapping[str, Answer] = {
    "QueryPartnerCredit": query_partner_credit,
    "QueryCustomersCredit": query_customers_credit,
    "QueryDirectCustomersCredit": query_direct_customers_credit,
    "QueryCreditByUinList": query_credit_by_uin_list,
    "QueryCreditAllocationHistory": query_credit_allocation_history,
    "QueryCustomerBillingQuota": query_customer_billing_quota,
}
