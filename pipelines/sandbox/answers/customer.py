"""Customers, second-level resellers, applications and invitations; and the lists that forms are filled from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipelines.endpoints.shapes import Role
from pipelines.periods import BillMonth
from pipelines.sandbox.bill import chance
from pipelines.sandbox.credit import UNIT, pool
from pipelines.sandbox.forms import COUNTRIES, INDUSTRIES
from pipelines.sandbox.profiles import profile
from pipelines.sandbox.questions import spelled
from pipelines.sandbox.refusals import Refusal
from pipelines.sandbox.vouchers import time_text, vouchers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipelines.sandbox.questions import Answer, Members, Question

INVITED_AT = "2026-01-15 10:30:00"
"""When every invitation was made that nobody has accepted yet, in UTC+8."""

EXACT_FILTERS = ("Email", "SubAgentUin")
"""What second-level resellers are found by exactly; by other fields a part is enough, says the definition."""


def describe_customer_uin(question: Question) -> Members:
    """List the account's customers. `Total` is text, says the definition.

    A distributor gets those of its own only; whether the real list has its resellers' customers too is not documented.
    """
    uins = question.customer_uins
    return spelled(Data=[{"CustomerUin": uin} for uin in question.page(uins)], Total=str(len(uins)))


def describe_customer_info(question: Question) -> Members:
    """Tell who these customers are; one that is not the caller's refuses them all."""
    uins = [question.own_customer(uin) for uin in question.parameters["CustomerUin"]]
    return spelled(Data=[_info(question, uin) for uin in uins])


def _info(question: Question, uin: str) -> dict[str, Any]:
    known = profile(question.world.seed, uin)
    return {
        "CustomerUin": uin,
        "Email": known.email,
        "Phone": known.mobile,
        "Mark": known.remark,
        "Name": known.name,
        "BindTime": known.bound_at,
        "AccountStatus": known.account_status,
        "AuthStatus": known.auth_status,
        "AuthType": known.auth_type,
        "CidRegisterTime": known.verified_at,
        "UinRegisterTime": known.registered_at,
        "AuthPassTime": known.verified_at,
        "HasExpense": int(question.world.line_count(uin, BillMonth.of(question.now).key) > 0),
    }


def query_account_verification_status(question: Question) -> Members:
    """Tell whether a customer's identity is verified."""
    uin = question.own_customer(question.parameters["ClientUin"])
    return spelled(AccountStatus=profile(question.world.seed, uin).is_verified)


def query_sub_agents_detail(question: Question) -> Members:
    """List a distributor's second-level resellers, latest bound first unless asked otherwise; others have none."""
    uins = question.world.reseller_uins if question.role is Role.DISTRIBUTOR else ()
    rows = [_sub_agent(question, uin) for uin in uins]
    kind, wanted = question.parameters.get("FilterType"), question.parameters.get("Filter")
    if kind and wanted:
        rows = [row for row in rows if _is_found(question, row, kind, wanted)]
    rows.sort(key=lambda row: row["BindTime"], reverse=question.parameters.get("Order", "desc") == "desc")
    return spelled(Total=len(rows), Data=question.page(rows))


def _sub_agent(question: Question, uin: str) -> dict[str, Any]:
    """Tell of a second-level reseller: what it sees of its own credit is what its distributor sees."""
    world, now = question.world, time_text(question.now)
    known, held = profile(world.seed, uin), pool(world, Role.SECOND_LEVEL_RESELLER, uin, question.now)
    uins = world.indirect_uins(uin)
    issued = sum(voucher.total for customer in uins for voucher in vouchers(world, customer, now))
    voucher_left = chance(world.seed, uin, "voucher pool").randrange(10**6 * UNIT)
    return {
        "SubAgentUin": int(uin),
        "Name": known.name,
        "Remark": known.remark,
        "Mobile": known.mobile,
        "Email": known.email,
        "CountOfCustomers": len(uins),
        "BindTime": known.bound_at,
        "Credit": held.credit / UNIT,
        "RemainingCredit": (held.credit - held.allocated) / UNIT,
        "Voucher": (voucher_left + issued) / UNIT,
        "RemainingVoucher": voucher_left / UNIT,
    }


def _is_found(question: Question, row: dict[str, Any], kind: str, wanted: str) -> bool:
    if kind == "ClientUin":
        return wanted in question.world.indirect_uins(str(row["SubAgentUin"]))
    return wanted == str(row[kind]) if kind in EXACT_FILTERS else wanted in str(row[kind])


def query_indirect_customers_detail(question: Question) -> Members:
    """List the customers of a second-level reseller, a page at a time."""
    uin = str(question.parameters["SubAgentUin"])
    if uin not in question.world.reseller_uins:
        raise Refusal("FailedOperation.InvalidSubAgentUin", f"{uin} is not your second-level reseller.")
    seed, uins = question.world.seed, question.world.indirect_uins(uin)
    profiles = ((customer, profile(seed, customer)) for customer in question.page(uins))
    rows = [
        {"ClientUin": int(customer), "ClientName": known.name, "ClientBindTime": known.bound_at}
        for customer, known in profiles
    ]
    return spelled(Total=len(uins), SubAgentUin=int(uin), SubAgentName=profile(seed, uin).name, Data=rows)


def query_pending_clients(question: Question) -> Members:
    """List who applies to be a customer, the same of every partner, a page at a time."""
    rows = []
    for uin in question.world.applicant_uins[:-1]:
        known = profile(question.world.seed, uin)
        row = {"ApplyTime": known.registered_at, "ClientUin": int(uin), "Email": known.email, "Mobile": known.mobile}
        rows.append({**row, "Name": known.name, "Status": "Reviewing", "Type": "new"})
    return spelled(Data=question.page(rows), Total=len(rows))


def query_pending_sub_agents(question: Question) -> Members:
    """List who applies to be a distributor's second-level reseller, a page at a time; others have no applicants."""
    rows = []
    for uin in question.world.applicant_uins[-1:] if question.role is Role.DISTRIBUTOR else ():
        known = profile(question.world.seed, uin)
        row = {"SubAgentUin": int(uin), "Name": known.name, "Mobile": known.mobile, "Email": known.email}
        state = {"ApplyTime": known.registered_at, "Status": "Reviewing", "MaterialUrl": ""}
        rows.append({**row, **state, "AuthState": max(-1, int(known.auth_status))})
    return spelled(Data=question.page(rows), Total=len(rows))


def query_invitation_info(question: Question) -> Members:
    """Tell of these invitations; nothing of unknown ones. That data is deleted after 60 days is not played."""
    known = question.world.invitations(question.role, question.uin)
    asked = [token for token in question.parameters["InvitationToken"] if token in known]
    rows = [_invitation(question, token, known[token]) for token in asked]
    return spelled(InvitationInfo=rows)


def _invitation(question: Question, token: str, uin: str | None) -> dict[str, Any]:
    """Tell of an invitation that was accepted by a customer, or by nobody yet."""
    if uin is None:
        unused = {"Status": 1, "UseTime": None, "ClientUin": None, "ClientMail": None}
        return {"InvitationToken": token, "CreateTime": INVITED_AT, **unused, "ClientType": 2, "BindTime": None}
    known = profile(question.world.seed, uin)
    return {
        "InvitationToken": token,
        "CreateTime": known.registered_at,
        "Status": 2,
        "UseTime": known.bound_at,
        "ClientUin": int(uin),
        "ClientMail": known.email,
        "ClientType": 2,
        "BindTime": known.bound_at,
    }


def get_country_codes(_: Question) -> Members:
    """List countries and regions."""
    names = ("EnName", "Name", "IOS2", "IOS3", "Code")
    return spelled(Data=[dict(zip(names, country, strict=True)) for country in COUNTRIES])


def get_trade_config_list(_: Question) -> Members:
    """List industries, those of the second level inside those of the first."""
    names = ("Id", "Name", "TradeInfo")
    return spelled(
        TradeList=[
            {
                "Id": industry.id,
                "Name": industry.name,
                "Children": [dict(zip(names, child, strict=True)) for child in industry.children],
            }
            for industry in INDUSTRIES
        ]
    )


ANSWERS: Mapping[str, Answer] = {
    "DescribeCustomerUin": describe_customer_uin,
    "DescribeCustomerInfo": describe_customer_info,
    "QueryAccountVerificationStatus": query_account_verification_status,
    "QuerySubAgentsDetailV2": query_sub_agents_detail,
    "QueryT1IndirectCustomersDetail": query_indirect_customers_detail,
    "QueryPendingClientsV2": query_pending_clients,
    "QueryPendingSubAgentsV2": query_pending_sub_agents,
    "QueryInvitationInfo": query_invitation_info,
    "GetCountryCodes": get_country_codes,
    "GetTradeConfigList": get_trade_config_list,
}
