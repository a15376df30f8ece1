"""Answers about customers, second-level resellers, applications and invitations; lists of countries and industries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipelines.endpoints.shapes import Role
from pipelines.periods import BillMonth
from pipelines.sandbox.api_request import json_members
from pipelines.sandbox.bill import chance
from pipelines.sandbox.credit import UNIT, pool
from pipelines.sandbox.forms import COUNTRIES, INDUSTRIES
from pipelines.sandbox.profiles import profile
from pipelines.sandbox.refusals import Refusal
from pipelines.sandbox.vouchers import time_text, vouchers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipelines.sandbox.api_request import Answer, ApiRequest, Members

INVITED_AT = "2026-01-15 10:30:00"
"""Creation time, in UTC+8, of invitations that nobody has accepted yet."""

EXACT_FILTERS = ("Email", "SubAgentUin")
"""Filters that must match exactly. The others find a part of the text, says the definition."""


def describe_customer_uin(request: ApiRequest) -> Members:
    """List the account's customers. `Total` is text, says the definition.

    A distributor gets only its direct customers. Whether the real list has indirect ones too is not documented.
    """
    uins = request.customer_uins
    return json_members(Data=[{"CustomerUin": uin} for uin in request.page(uins)], Total=str(len(uins)))


def describe_customer_info(request: ApiRequest) -> Members:
    """Show details of some customers. If one is not the caller's, all are refused."""
    uins = [request.own_customer(uin) for uin in request.parameters["CustomerUin"]]
    return json_members(Data=[_info(request, uin) for uin in uins])


def _info(request: ApiRequest, uin: str) -> dict[str, Any]:
    known = profile(request.world.seed, uin)
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
        "HasExpense": int(request.world.line_count(uin, BillMonth.of(request.now).key) > 0),
    }


def query_account_verification_status(request: ApiRequest) -> Members:
    """Show whether a customer's identity is verified."""
    uin = request.own_customer(request.parameters["ClientUin"])
    return json_members(AccountStatus=profile(request.world.seed, uin).is_verified)


def query_sub_agents_detail(request: ApiRequest) -> Members:
    """List a distributor's second-level resellers, those bound last first by default. Others have none."""
    uins = request.world.reseller_uins if request.role is Role.DISTRIBUTOR else ()
    rows = [_sub_agent(request, uin) for uin in uins]
    kind, wanted = request.parameters.get("FilterType"), request.parameters.get("Filter")
    if kind and wanted:
        rows = [row for row in rows if _matches(request, row, kind, wanted)]
    rows.sort(key=lambda row: row["BindTime"], reverse=request.parameters.get("Order", "desc") == "desc")
    return json_members(Total=len(rows), Data=request.page(rows))


def _sub_agent(request: ApiRequest, uin: str) -> dict[str, Any]:
    """Return the row of a second-level reseller. Its distributor sees the same credit as it does itself."""
    world, now = request.world, time_text(request.now)
    known, held = profile(world.seed, uin), pool(world, Role.SECOND_LEVEL_RESELLER, uin, request.now)
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


def _matches(request: ApiRequest, row: dict[str, Any], kind: str, wanted: str) -> bool:
    if kind == "ClientUin":
        return wanted in request.world.indirect_uins(str(row["SubAgentUin"]))
    return wanted == str(row[kind]) if kind in EXACT_FILTERS else wanted in str(row[kind])


def query_indirect_customers_detail(request: ApiRequest) -> Members:
    """List a page of the customers of a second-level reseller."""
    uin = str(request.parameters["SubAgentUin"])
    if uin not in request.world.reseller_uins:
        raise Refusal("FailedOperation.InvalidSubAgentUin", f"{uin} is not your second-level reseller.")
    seed, uins = request.world.seed, request.world.indirect_uins(uin)
    profiles = ((customer, profile(seed, customer)) for customer in request.page(uins))
    rows = [
        {"ClientUin": int(customer), "ClientName": known.name, "ClientBindTime": known.bound_at}
        for customer, known in profiles
    ]
    return json_members(Total=len(uins), SubAgentUin=int(uin), SubAgentName=profile(seed, uin).name, Data=rows)


def query_pending_clients(request: ApiRequest) -> Members:
    """List a page of the accounts that apply to be a customer, the same for every partner."""
    rows = []
    for uin in request.world.applicant_uins[:-1]:
        known = profile(request.world.seed, uin)
        row = {"ApplyTime": known.registered_at, "ClientUin": int(uin), "Email": known.email, "Mobile": known.mobile}
        rows.append({**row, "Name": known.name, "Status": "Reviewing", "Type": "new"})
    return json_members(Data=request.page(rows), Total=len(rows))


def query_pending_sub_agents(request: ApiRequest) -> Members:
    """List a page of the accounts that apply to be a distributor's second-level reseller. Others have none."""
    rows = []
    for uin in request.world.applicant_uins[-1:] if request.role is Role.DISTRIBUTOR else ():
        known = profile(request.world.seed, uin)
        row = {"SubAgentUin": int(uin), "Name": known.name, "Mobile": known.mobile, "Email": known.email}
        state = {"ApplyTime": known.registered_at, "Status": "Reviewing", "MaterialUrl": ""}
        rows.append({**row, **state, "AuthState": max(-1, int(known.auth_status))})
    return json_members(Data=request.page(rows), Total=len(rows))


def query_invitation_info(request: ApiRequest) -> Members:
    """Show some invitations; unknown ones are left out. Deletion after 60 days is not simulated."""
    known = request.world.invitations(request.role, request.uin)
    tokens = [token for token in request.parameters["InvitationToken"] if token in known]
    rows = [_invitation(request, token, known[token]) for token in tokens]
    return json_members(InvitationInfo=rows)


def _invitation(request: ApiRequest, token: str, uin: str | None) -> dict[str, Any]:
    """Return the row of an invitation that a customer has accepted, or nobody yet (None)."""
    if uin is None:
        unused = {"Status": 1, "UseTime": None, "ClientUin": None, "ClientMail": None}
        return {"InvitationToken": token, "CreateTime": INVITED_AT, **unused, "ClientType": 2, "BindTime": None}
    known = profile(request.world.seed, uin)
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


def get_country_codes(_: ApiRequest) -> Members:
    """List countries and regions."""
    names = ("EnName", "Name", "IOS2", "IOS3", "Code")
    return json_members(Data=[dict(zip(names, country, strict=True)) for country in COUNTRIES])


def get_trade_config_list(_: ApiRequest) -> Members:
    """List industries, with the second level inside the first."""
    names = ("Id", "Name", "TradeInfo")
    return json_members(
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
