"""Vouchers: their pool, by customer in the older lists, one by one in the newer ones, and what was paid with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipelines.endpoints.shapes import Role
from pipelines.sandbox.bill import chance
from pipelines.sandbox.profiles import profile
from pipelines.sandbox.questions import row_matches, spelled
from pipelines.sandbox.refusals import Refusal
from pipelines.sandbox.vouchers import EXPIRED, ISSUED, UNIT, USED, time_text, vouchers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipelines.sandbox.questions import Answer, Members, Question
    from pipelines.sandbox.vouchers import Use, Voucher

ACCOUNT_TYPES = {Role.RESELLER: 1, Role.DISTRIBUTOR: 2, Role.SECOND_LEVEL_RESELLER: 3}
OLDER_STATUSES = {ISSUED: "Unused", USED: "Used", EXPIRED: "Expired"}
"""How the older lists spell a status. That they leave out vouchers that were ended is inferred."""


def query_voucher_pool(question: Question) -> Members:
    """Tell the partner's quota for vouchers: what is left is what it has not issued."""
    issued = _issued(question, question.customer_uins)
    left = chance(question.world.seed, question.uin, "voucher pool").randrange(10**6 * UNIT)
    return spelled(
        AgentName=profile(question.world.seed, question.uin).name,
        AccountType=ACCOUNT_TYPES[question.role],
        TotalQuota=(left + sum(voucher.total for voucher in issued)) / UNIT,
        RemainingQuota=left / UNIT,
        IssuedNum=len(issued),
    )


def query_voucher_amount_by_uin(question: Question) -> Members:
    """Sum the vouchers of these customers that the older lists have."""
    now = time_text(question.now)
    rows = []
    for uin, listed in _older_lists(question).items():
        total, left = sum(voucher.total for voucher in listed), sum(voucher.left(now) for voucher in listed)
        rows.append({"ClientUin": int(uin), "TotalAmount": total / UNIT, "RemainAmount": left / UNIT})
    return spelled(Data=rows)


def query_voucher_list_by_uin(question: Question) -> Members:
    """List the vouchers of these customers."""
    now, wanted = time_text(question.now), question.parameters.get("Status")
    rows = []
    for uin, listed in _older_lists(question).items():
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
    return spelled(Data=rows)


def describe_customer_voucher_list(question: Question) -> Members:
    """List the vouchers of all customers or one, a page at a time."""
    asked = question.parameters.get("CustomerUin")
    return _listed(question, question.customer_uins if asked is None else (question.own_customer(asked),))


def describe_customer_own_voucher_list(question: Question) -> Members:
    """List the caller's own vouchers, a page at a time."""
    return _listed(question, (question.uin,), left_out=("Usage", "ApplyReason"))


def describe_customer_voucher_usage_details(question: Question) -> Members:
    """List what a customer paid with a voucher, of all months or one, a page at a time."""
    uin = question.own_customer(question.parameters["CustomerUin"])
    return {**spelled(CustomerUin=int(uin)), **_usage(question, uin)}


def describe_customer_own_voucher_usage_details(question: Question) -> Members:
    """List what the caller paid with a voucher, of all months or one, a page at a time."""
    return _usage(question, question.uin)


def _issued(question: Question, uins: Iterable[str]) -> list[Voucher]:
    now = time_text(question.now)
    return [voucher for uin in uins for voucher in vouchers(question.world, uin, now)]


def _older_lists(question: Question) -> dict[str, list[Voucher]]:
    """Return the vouchers that the older lists have, by asked customer."""
    now, uins = time_text(question.now), [question.own_customer(uin) for uin in question.parameters["ClientUins"]]
    return {
        uin: [voucher for voucher in _issued(question, (uin,)) if voucher.status(now) in OLDER_STATUSES] for uin in uins
    }


def _listed(question: Question, uins: Iterable[str], left_out: tuple[str, ...] = ()) -> Members:
    """List vouchers, a page at a time; the rows of a page are made only, unless all must be looked at."""
    found, wanted = _issued(question, uins), question.chosen(*_FILTERS)
    if wanted:
        found = [voucher for voucher in found if row_matches(_row(question, voucher), wanted)]
    rows = [_row(question, voucher) for voucher in question.page(found)]
    data = [{name: value for name, value in row.items() if name not in left_out} for row in rows]
    return spelled(TotalCount=len(found), Data=data)


_FILTERS = ("VoucherStatus", "PaymentMode", "Usage", "ProductScope", "VoucherId")


def _row(question: Question, voucher: Voucher) -> dict[str, Any]:
    now = time_text(question.now)
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


def _usage(question: Question, uin: str) -> Members:
    now, month = time_text(question.now), question.parameters.get("Month", "")
    asked = question.parameters["VoucherId"]
    voucher = next((voucher for voucher in vouchers(question.world, uin, now) if voucher.id == asked), None)
    if voucher is None:
        raise Refusal("FailedOperation", f"{uin} has no voucher {asked}.")  # the only code documented for these actions
    used = voucher.used(now)
    of_month = [use for use in used if use.at.startswith(month)]
    return spelled(
        Data=[_use(voucher, use) for use in question.page(of_month)],
        VoucherId=voucher.id,
        TotalAmount=voucher.total / UNIT,
        RemainAmount=voucher.left(now) / UNIT,
        TotalRecordsCount=len(used),
        Month=month,
        RecordsCountByMonth=len(of_month),
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
