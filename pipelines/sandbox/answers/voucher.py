"""Answers about vouchers: the pool, the older lists by customer, the newer lists by voucher, and their usage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipelines.endpoints.shapes import Role
from pipelines.sandbox.api_request import json_members, row_matches
from pipelines.sandbox.bill import chance
from pipelines.sandbox.profiles import profile
from pipelines.sandbox.refusals import Refusal
from pipelines.sandbox.vouchers import EXPIRED, ISSUED, UNIT, USED, time_text, vouchers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipelines.sandbox.api_request import Answer, ApiRequest, Members
    from pipelines.sandbox.vouchers import Use, Voucher

ACCOUNT_TYPES = {Role.RESELLER: 1, Role.DISTRIBUTOR: 2, Role.SECOND_LEVEL_RESELLER: 3}
OLDER_STATUSES = {ISSUED: "Unused", USED: "Used", EXPIRED: "Expired"}
"""Statuses in the older lists. That these leave out vouchers ended early is inferred."""


def query_voucher_pool(request: ApiRequest) -> Members:
    """Show the partner's quota for vouchers. What it has not issued is left."""
    issued = _issued(request, request.customer_uins)
    left = chance(request.world.seed, request.uin, "voucher pool").randrange(10**6 * UNIT)
    return json_members(
        AgentName=profile(request.world.seed, request.uin).name,
        AccountType=ACCOUNT_TYPES[request.role],
        TotalQuota=(left + sum(voucher.total for voucher in issued)) / UNIT,
        RemainingQuota=left / UNIT,
        IssuedNum=len(issued),
    )


def query_voucher_amount_by_uin(request: ApiRequest) -> Members:
    """Sum the vouchers of some customers, as the older lists do."""
    now = time_text(request.now)
    rows = []
    for uin, listed in _older_lists(request).items():
        total, left = sum(voucher.total for voucher in listed), sum(voucher.left(now) for voucher in listed)
        rows.append({"ClientUin": int(uin), "TotalAmount": total / UNIT, "RemainAmount": left / UNIT})
    return json_members(Data=rows)


def query_voucher_list_by_uin(request: ApiRequest) -> Members:
    """List the vouchers of some customers, as the older lists do."""
    now, wanted = time_text(request.now), request.parameters.get("Status")
    rows = []
    for uin, listed in _older_lists(request).items():
        data = [
            {
                "VoucherId": voucher.text_id,
                "VoucherStatus": OLDER_STATUSES[voucher.status(now)],
                "TotalAmount": voucher.total / UNIT,
                "RemainAmount": voucher.left(now) / UNIT,
            }
            for voucher in listed
        ]
        data = [row for row in data if wanted in (None, row["VoucherStatus"])]
        rows.append({"ClientUin": int(uin), "TotalCount": len(data), "Data": data})
    return json_members(Data=rows)


def describe_customer_voucher_list(request: ApiRequest) -> Members:
    """List a page of the vouchers of all customers, or of one."""
    uin = request.parameters.get("CustomerUin")
    return _listed(request, request.customer_uins if uin is None else (request.own_customer(uin),))


def describe_customer_own_voucher_list(request: ApiRequest) -> Members:
    """List a page of the caller's own vouchers."""
    return _listed(request, (request.uin,), left_out=("Usage", "ApplyReason"))


def describe_customer_voucher_usage_details(request: ApiRequest) -> Members:
    """List a page of what a customer paid with a voucher, in one month or all."""
    uin = request.own_customer(request.parameters["CustomerUin"])
    return {**json_members(CustomerUin=int(uin)), **_usage(request, uin)}


def describe_customer_own_voucher_usage_details(request: ApiRequest) -> Members:
    """List a page of what the caller paid with a voucher, in one month or all."""
    return _usage(request, request.uin)


def _issued(request: ApiRequest, uins: Iterable[str]) -> list[Voucher]:
    now = time_text(request.now)
    return [voucher for uin in uins for voucher in vouchers(request.world, uin, now)]


def _older_lists(request: ApiRequest) -> dict[str, list[Voucher]]:
    """Return the vouchers in the older lists, by requested customer."""
    now, uins = time_text(request.now), [request.own_customer(uin) for uin in request.parameters["ClientUins"]]
    return {
        uin: [voucher for voucher in _issued(request, (uin,)) if voucher.status(now) in OLDER_STATUSES] for uin in uins
    }


def _listed(request: ApiRequest, uins: Iterable[str], left_out: tuple[str, ...] = ()) -> Members:
    """List a page of vouchers. Without filters, only the rows of the page are made."""
    found, wanted = _issued(request, uins), request.given_parameters(*_FILTERS)
    if wanted:
        found = [voucher for voucher in found if row_matches(_row(request, voucher), wanted)]
    rows = [_row(request, voucher) for voucher in request.page(found)]
    data = [{name: value for name, value in row.items() if name not in left_out} for row in rows]
    return json_members(TotalCount=len(found), Data=data)


_FILTERS = ("VoucherStatus", "PaymentMode", "Usage", "ProductScope", "VoucherId")


def _row(request: ApiRequest, voucher: Voucher) -> dict[str, Any]:
    now = time_text(request.now)
    return {
        "VoucherId": voucher.id,
        "CustomerUin": int(voucher.customer_uin),
        "VoucherStatus": voucher.status(now),
        "RemainingAmount": voucher.left(now) / UNIT,
        "TotalAmount": voucher.total / UNIT,
        "Usage": voucher.usage,
        "PaymentMode": voucher.payment_mode,
        "ProductScope": voucher.product_scope,
        "EffectiveTime": voucher.effective_at,
        "ExpireTime": voucher.expires_at,
        "ApplyReason": voucher.reason,
    }


def _usage(request: ApiRequest, uin: str) -> Members:
    now, month = time_text(request.now), request.parameters.get("Month", "")
    voucher_id = request.parameters["VoucherId"]
    voucher = next((voucher for voucher in vouchers(request.world, uin, now) if voucher.id == voucher_id), None)
    if voucher is None:
        raise Refusal(
            "FailedOperation", f"{uin} has no voucher {voucher_id}."
        )  # the only code documented for these actions
    used = voucher.used(now)
    used_in_month = [use for use in used if use.at.startswith(month)]
    return json_members(
        Data=[_use(voucher, use) for use in request.page(used_in_month)],
        VoucherId=voucher.id,
        TotalAmount=voucher.total / UNIT,
        RemainAmount=voucher.left(now) / UNIT,
        TotalRecordsCount=len(used),
        Month=month,
        RecordsCountByMonth=len(used_in_month),
    )


def _use(voucher: Voucher, use: Use) -> dict[str, Any]:
    return {
        "Id": use.id,
        "VoucherId": str(voucher.id),
        "DealName": f"{use.at[:10].replace('-', '')}{use.id % 10**9:09d}",
        "BillId": f"{use.id:x}",
        "Amount": use.amount / UNIT,
        "PayMode": use.pay_mode,
        "ProductCode": use.product.code,
        "SubProductCode": use.product.sub_code,
        "ProductCodeName": use.product.name,
        "SubProductCodeName": use.product.sub_name,
        "PayTime": use.at,
        "CompletionTime": use.at,
        "OwnerUin": int(voucher.customer_uin),
    }


ANSWERS: Mapping[str, Answer] = {
    "QueryVoucherPool": query_voucher_pool,
    "QueryVoucherAmountByUin": query_voucher_amount_by_uin,
    "QueryVoucherListByUin": query_voucher_list_by_uin,
    "DescribeCustomerVoucherList": describe_customer_voucher_list,
    "DescribeCustomerOwnVoucherList": describe_customer_own_voucher_list,
    "DescribeCustomerVoucherUsageDetails": describe_customer_voucher_usage_details,
    "DescribeCustomerOwnVoucherUsageDetails": describe_customer_own_voucher_usage_details,
}
