"""Checks a signed request against the catalogue: action, version, role, parameters. Strict wherever a document says so.

Which codes stand for what: the API's error lists (document 1085/51426 and the official SDK's errorcodes). What does not
belong here: anything about one action only, except its own code for a wrong page.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from pipelines.endpoints import ACTIONS, VERSION
from pipelines.periods import FIRST_BILL_MONTH, BillMonth
from pipelines.sandbox.goods import ACTION_TYPES, PAY_MODES
from pipelines.sandbox.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from pipelines.endpoints.shapes import Action, Parameter, Role

ENUMERATIONS = {"PayMode": frozenset(PAY_MODES), "ActionType": ACTION_TYPES, "IsConfirmed": frozenset("012")}
MONTHS = ("Month", "BillMonth")
PAGES = ("Page", "PageSize")
TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "int64": (int,),
    "uint64": (int,),
    "float": (int, float),
    "object": (dict,),
    "bool": (bool,),
}
UNDOCUMENTED_PAGE = 100
"""The largest page taken where the API states none."""


def known_action(headers: Mapping[str, str]) -> Action:
    """Return the action that the headers name. Raises Refusal: MissingParameter, NoSuchVersion or InvalidAction."""
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


def checked_parameters(action: Action, body: bytes, now: datetime) -> dict[str, Any]:
    """Return the parameters in a request's body, which are the action's, of its types and in range.

    Raises Refusal with MissingParameter, UnknownParameter, InvalidParameter (a wrong type), InvalidParameterValue (out
    of range), InvalidParameterValue.InvalidMonth or, for DescribeCustomerUin, InvalidParameter.Page.
    """
    given = _members(body)
    known = {parameter.name: parameter for parameter in action.parameters}
    for name in given.keys() - known.keys():
        raise Refusal("UnknownParameter", f"{action.name} has no parameter {name}.")
    for name, parameter in known.items():
        if name in given:
            _check_value(action, parameter, given[name], now)
        elif parameter.required:
            raise Refusal("MissingParameter", f"The parameter {name} is missing.")
    return given


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
    if parameter.name in PAGES:
        _check_page(action, parameter, value)
    elif not _is_in_range(parameter, len(value) if isinstance(value, list) else value):
        raise Refusal("InvalidParameterValue", f"The parameter {parameter.name} is out of range.")
    if parameter.name in ENUMERATIONS and value not in ENUMERATIONS[parameter.name]:
        raise Refusal("InvalidParameterValue", f"{value} is no {parameter.name}.")
    if parameter.name in MONTHS:
        _check_month(value, now)


def _check_page(action: Action, parameter: Parameter, value: int) -> None:
    """Check page numbers, which begin at 1, and sizes. One action has a code of its own for both."""
    largest = parameter.maximum
    if parameter.name == "PageSize" and largest is None:
        largest = UNDOCUMENTED_PAGE
    if value < 1 or (largest is not None and value > largest):
        own_code = action.name == "DescribeCustomerUin"
        raise Refusal(
            "InvalidParameter.Page" if own_code else "InvalidParameterValue", f"{parameter.name} is out of range."
        )


def _check_month(value: str, now: datetime) -> None:
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", value) or not FIRST_BILL_MONTH <= value <= BillMonth.of(now).key:
        raise Refusal(
            "InvalidParameterValue.InvalidMonth", f"{value} is not a month from {FIRST_BILL_MONTH} to the running one."
        )


def _is_in_range(parameter: Parameter, value: Any) -> bool:
    return (parameter.minimum is None or value >= parameter.minimum) and (
        parameter.maximum is None or value <= parameter.maximum
    )


def _is_of_type(value: Any, spelled: str) -> bool:
    if spelled.startswith("list<"):
        return isinstance(value, list) and all(_is_of_type(item, spelled[5:-1]) for item in value)
    if isinstance(value, bool):
        return spelled == "bool"
    if spelled == "uint64" and isinstance(value, int):
        return value >= 0
    return isinstance(value, TYPES[spelled])
