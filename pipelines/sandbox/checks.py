"""Checks of a request against the catalogue: action, version, role, parameters. Strict wherever a document is.

The error codes are from the API's error lists (document 1085/51426 and the errorcodes of the official SDK). `answers`
checks combinations of parameters; `paging` decides what a page holds.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipelines.endpoints import ACTIONS, VERSION
from pipelines.endpoints.shapes import CUSTOMER_KINDS
from pipelines.periods import FIRST_BILL_MONTH, BillMonth
from pipelines.sandbox.goods import ACTION_TYPES, PAY_MODES
from pipelines.sandbox.paging import PagingQuirk, quirk_of
from pipelines.sandbox.refusals import Refusal
from pipelines.sandbox.vouchers import PAYMENT_MODES, PRODUCT_SCOPES, USAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipelines.endpoints.shapes import Action, Parameter, Role

PACKS = ("billResourcePack", "billDetailPack")
ENUMERATIONS: Mapping[str, frozenset[str | int]] = {
    "ActionType": ACTION_TYPES,
    "BillType": frozenset((1,)),
    "CustomerUinType": frozenset((*CUSTOMER_KINDS, "Reseller")),
    "DescribeBillDownloadUrl.FileType": frozenset(("L2", "L3")),
    "DescribeCustomerBillDownloadUrl.FileType": frozenset(("billResource", "billDetail", *PACKS)),
    "DescribeRebateDownloadUrl.FileType": frozenset(("CommissionDetail",)),
    "Dimension": frozenset(
        (
            *("Default", "Business", "Product", "Region", "Zone", "ActionType", "PayMode", "Project"),
            *("PayerUin", "OwnerUin", "Tag"),
        )
    ),
    "FeeType": frozenset(("originalCost", "totalCost")),
    "FileLanguage": frozenset(("zh_cn", "en")),
    "GroupType": frozenset(("product", "project", "tag")),
    "IsConfirmed": frozenset("012"),
    "PayMode": frozenset(PAY_MODES),
    "PaymentMode": frozenset(PAYMENT_MODES),
    "PeriodType": frozenset(("day", "month")),
    "ProductScope": frozenset(PRODUCT_SCOPES),
    "QueryCustomersCredit.FilterType": frozenset(("ClientUin", "Name", "Remark", "Email")),
    "QueryCustomersCredit.Order": frozenset(("desc", "asc")),
    "QuerySubAgentsDetailV2.FilterType": frozenset(("Name", "SubAgentUin", "Remark", "Mobile", "Email", "ClientUin")),
    "QuerySubAgentsDetailV2.Order": frozenset(("desc", "acs")),
    "QueryVoucherListByUin.Status": frozenset(("Unused", "Used", "Expired")),
    "Usage": frozenset(USAGES),
    "VoucherStatus": frozenset(("Issued", "Used", "Expired", "Invalidated")),
}
"""Allowed values of parameters, by `<name>` or `<action>.<name>`, spelled as in the definition (`acs` too)."""
MONTHS = ("Month", "BillMonth")
TIMES = ("StartTime", "EndTime")
FIRST_DAY = "2025-06-01"
"""The first day with daily bills, from the definition of DescribeCustomerBillDetailByDay."""
PAGES = ("Page", "PageSize")
TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "int64": (int,),
    "uint64": (int,),
    "float": (int, float),
    "object": (dict,),
    "bool": (bool,),
}


def known_action(headers: Mapping[str, str]) -> Action:
    """Return the action named in the headers. Raises Refusal with MissingParameter, NoSuchVersion or InvalidAction."""
    for name in ("X-TC-Action", "X-TC-Version"):
        if not headers.get(name):
            raise Refusal("MissingParameter", f"The header {name} is missing.")
    if headers["X-TC-Version"] != VERSION:
        raise Refusal("NoSuchVersion", f"There is no version {headers['X-TC-Version']}.")
    action = ACTIONS.get(headers["X-TC-Action"])
    if action is None:
        raise Refusal("InvalidAction", f"There is no action {headers['X-TC-Action']}.")
    return action


def check_role(action: Action, role: Role) -> None:
    """Raise Refusal with UnauthorizedOperation.UinNoAuth if the role may not call the action."""
    if role not in action.roles:
        raise Refusal("UnauthorizedOperation.UinNoAuth", f"An account that is a {role} may not call {action.name}.")


def checked_parameters(
    action: Action,
    body: bytes,
    now: datetime,
    quirk: PagingQuirk = PagingQuirk(),  # noqa: B008 - a value
) -> dict[str, Any]:
    """Return the parameters in a request's body, after checking their names, types and ranges.

    `quirk` is the paging of actions that do not document it.

    Raises Refusal with MissingParameter, UnknownParameter, InvalidParameter (a wrong type), InvalidParameterValue (out
    of range), InvalidParameterValue.InvalidMonth or, for DescribeCustomerUin, InvalidParameter.Page.
    """
    given = _members(body)
    _check_names(action, action.parameters, given)
    for parameter in action.parameters:
        if parameter.name in given:
            _check_value(action, parameter, given[parameter.name], now)
            if parameter.name in PAGES:
                _check_page(action, parameter.name, given[parameter.name], quirk_of(action, quirk))
    return given


def _check_names(action: Action, parameters: tuple[Parameter, ...], given: dict[str, Any]) -> None:
    for name in given.keys() - {parameter.name for parameter in parameters}:
        raise Refusal("UnknownParameter", f"{action.name} has no parameter {name}.")
    for parameter in parameters:
        if parameter.required and parameter.name not in given:
            raise Refusal("MissingParameter", f"The parameter {parameter.name} is missing.")


def _members(body: bytes) -> dict[str, Any]:
    try:
        members = json.loads(body)
    except ValueError:
        members = None
    if not isinstance(members, dict):
        raise Refusal("InvalidParameter", "The request's body is not a JSON object.")
    return {name: value for name, value in members.items() if value is not None}


def _check_value(action: Action, parameter: Parameter, value: Any, now: datetime) -> None:
    if not _is_of_type(value, parameter.type):
        raise Refusal("InvalidParameter", f"The parameter {parameter.name} must be of type {parameter.type}.")
    if parameter.fields:
        _check_names(action, parameter.fields, value)
        for field in parameter.fields:
            if field.name in value:
                _check_value(action, field, value[field.name], now)
    elif parameter.name not in PAGES and not _is_in_range(parameter, len(value) if isinstance(value, list) else value):
        raise Refusal("InvalidParameterValue", f"The parameter {parameter.name} is out of range.")
    values = ENUMERATIONS.get(f"{action.name}.{parameter.name}") or ENUMERATIONS.get(parameter.name)
    if values and value not in values:
        raise Refusal("InvalidParameterValue", f"{value} is not a {parameter.name}.")
    if parameter.name in MONTHS:
        _check_month(value, now)
    if parameter.name == "Date" and not (_is_time(value, "%Y-%m-%d") and FIRST_DAY <= value <= f"{now:%Y-%m-%d}"):
        raise Refusal("InvalidParameterValue", f"{value} is not a day from {FIRST_DAY} to today.")
    if parameter.name in TIMES and not _is_time(value, "%Y-%m-%d %H:%M:%S"):
        raise Refusal("InvalidParameterValue", f"{parameter.name} must be written as YYYY-MM-DD hh:mm:ss.")


def _check_page(action: Action, name: str, value: int, quirk: PagingQuirk) -> None:
    """Check a page number or size. DescribeCustomerUin has its own error code for both."""
    if name == "Page":
        largest = next((parameter.maximum for parameter in action.parameters if parameter.name == name), None)
        refused = not quirk.page_ignored and (value < quirk.first or (largest is not None and value > largest))
    else:
        refused = value < 1 or (value > quirk.largest and not quirk.capped)
    if refused:
        own_code = action.name == "DescribeCustomerUin"
        raise Refusal("InvalidParameter.Page" if own_code else "InvalidParameterValue", f"{name} is out of range.")


def _is_time(value: str, form: str) -> bool:
    """Return whether a text is a time in a format, with all leading zeros."""
    try:
        return datetime.strptime(value, form).strftime(form) == value  # noqa: DTZ007  compared as text
    except ValueError:
        return False


def _check_month(value: str, now: datetime) -> None:
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", value) or not FIRST_BILL_MONTH <= value <= BillMonth.of(now).key:
        raise Refusal(
            "InvalidParameterValue.InvalidMonth", f"{value} is not a month from {FIRST_BILL_MONTH} to the running one."
        )


def _is_in_range(parameter: Parameter, value: Any) -> bool:
    return (parameter.minimum is None or value >= parameter.minimum) and (
        parameter.maximum is None or value <= parameter.maximum
    )


def _is_of_type(value: Any, type_name: str) -> bool:
    if type_name.startswith("list<"):
        return isinstance(value, list) and all(_is_of_type(item, type_name[5:-1]) for item in value)
    if isinstance(value, bool):
        return type_name == "bool"
    if type_name == "uint64" and isinstance(value, int):
        return value >= 0
    return isinstance(value, TYPES[type_name])
