"""The sandbox's checks against the catalogue, for every action in it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from pipelines.endpoints import ACTIONS
from pipelines.endpoints.shapes import Action, Parameter, Role
from pipelines.periods import BILLING_ZONE
from pipelines.sandbox import checks
from pipelines.sandbox.refusals import Refusal

NOW = datetime(2026, 11, 20, tzinfo=BILLING_ZONE)
EVERY_ACTION = [pytest.param(action, id=action.name) for action in ACTIONS.values()]
SOUND = {"string": "x", "int64": 1, "uint64": 1, "float": 1.5, "bool": True, "object": {}}
WRONG = {"string": 1, "int64": "1", "uint64": -1, "float": "1.5", "bool": 1, "object": []}
KNOWN = {"Month": "2026-10", "BillMonth": "2026-10", "PayMode": "prePay", "ActionType": "prePurchase"}


def sound(parameter: Parameter) -> Any:
    """Return a value that the parameter takes."""
    if parameter.type.startswith("list<"):
        return [SOUND[parameter.type[5:-1]]] * max(1, parameter.minimum or 1)
    if parameter.name in checks.ENUMERATIONS:
        return min(checks.ENUMERATIONS[parameter.name])
    return KNOWN.get(
        parameter.name, max(parameter.minimum or 1, 1) if "int" in parameter.type else SOUND[parameter.type]
    )


def request(action: Action) -> dict[str, Any]:
    """Return a request with every parameter of the action."""
    return {parameter.name: sound(parameter) for parameter in action.parameters}


def refusal(action: Action, parameters: Any) -> str:
    """Return the code that parameters are refused with."""
    with pytest.raises(Refusal) as refused:
        checks.checked_parameters(action, json.dumps(parameters).encode(), NOW)
    return refused.value.code


@pytest.mark.parametrize("action", EVERY_ACTION)
def test_a_sound_request_passes(action: Action) -> None:
    """A request with every parameter, of its type and in range, passes; null is as good as absent."""
    body = json.dumps({**request(action), "Nothing": None}).encode()
    assert checks.checked_parameters(action, body, NOW) == request(action)


@pytest.mark.parametrize("action", EVERY_ACTION)
def test_roles_are_the_catalogues(action: Action) -> None:
    """Exactly the catalogue's roles may call an action; others are UinNoAuth."""
    for role in Role:
        if role in action.roles:
            checks.check_role(action, role)
        else:
            with pytest.raises(Refusal) as refused:
                checks.check_role(action, role)
            assert refused.value.code == "UnauthorizedOperation.UinNoAuth"


@pytest.mark.parametrize("action", EVERY_ACTION)
def test_required_parameters_are_required(action: Action) -> None:
    """Leaving out a required parameter is MissingParameter, leaving out another is not."""
    for parameter in action.parameters:
        less = {name: value for name, value in request(action).items() if name != parameter.name}
        if parameter.required:
            assert refusal(action, less) == "MissingParameter"
        else:
            assert checks.checked_parameters(action, json.dumps(less).encode(), NOW) == less


@pytest.mark.parametrize("action", EVERY_ACTION)
def test_unknown_parameters_are_refused(action: Action) -> None:
    """A parameter that the action does not have is UnknownParameter."""
    assert refusal(action, {**request(action), "Offset": 0}) == "UnknownParameter"


@pytest.mark.parametrize("action", EVERY_ACTION)
def test_types_are_the_catalogues(action: Action) -> None:
    """A value of another type is InvalidParameter; true is no number."""
    for parameter in action.parameters:
        wrong = [WRONG[parameter.type[5:-1]]] if parameter.type.startswith("list<") else WRONG[parameter.type]
        assert refusal(action, {**request(action), parameter.name: wrong}) == "InvalidParameter"
        if "int" in parameter.type:
            assert refusal(action, {**request(action), parameter.name: True}) == "InvalidParameter"


@pytest.mark.parametrize("action", EVERY_ACTION)
def test_ranges_are_the_catalogues(action: Action) -> None:
    """A number, or a list's length, outside the documented range is InvalidParameterValue."""
    for parameter in action.parameters:
        is_list = parameter.type.startswith("list<")
        for bound in (parameter.minimum and parameter.minimum - 1, parameter.maximum and parameter.maximum + 1):
            if bound is not None:
                outside = [SOUND[parameter.type[5:-1]]] * bound if is_list else bound
                assert refusal(action, {**request(action), parameter.name: outside}) == "InvalidParameterValue"


@pytest.mark.parametrize("pages", [{"Page": 0}, {"Page": -1}, {"PageSize": 0}, {"PageSize": 101}])
def test_pages_of_the_customer_list_have_a_code_of_their_own(pages: dict[str, int]) -> None:
    """DescribeCustomerUin answers wrong pages with InvalidParameter.Page."""
    assert refusal(ACTIONS["DescribeCustomerUin"], {"Page": 1, "PageSize": 100, **pages}) == "InvalidParameter.Page"


def test_pages_begin_at_one() -> None:
    """Page 0 of the detail is InvalidParameterValue, though the catalogue states no range."""
    action = ACTIONS["DescribeCustomerBillDetail"]
    assert refusal(action, {**request(action), "Page": 0}) == "InvalidParameterValue"


@pytest.mark.parametrize("month", ["2022-05", "2026-12", "2026-13", "202610", "2026-1", "", "2026-10-01"])
@pytest.mark.parametrize("name", ["DescribeCustomerBillDetail", "DescribeBillSummaryByRegion"])
def test_months_without_bills_are_refused(name: str, month: str) -> None:
    """A month before 2022-06, after the running one or malformed is InvalidMonth."""
    action = ACTIONS[name]
    parameter = "Month" if name == "DescribeCustomerBillDetail" else "BillMonth"
    assert refusal(action, {**request(action), parameter: month}) == "InvalidParameterValue.InvalidMonth"


@pytest.mark.parametrize(("name", "value"), [("PayMode", "prepaid"), ("ActionType", "gift"), ("IsConfirmed", "3")])
def test_values_outside_an_enumeration_are_refused(name: str, value: str) -> None:
    """A filter's value that the definition does not list is InvalidParameterValue."""
    action = ACTIONS["DescribeCustomerBillDetail"]
    assert refusal(action, {**request(action), name: value}) == "InvalidParameterValue"


@pytest.mark.parametrize("parameters", [[], "x", 1, None])
def test_a_body_that_is_no_object_is_refused(parameters: Any) -> None:
    """The body must be a JSON object."""
    assert refusal(ACTIONS["QueryVoucherPool"], parameters) == "InvalidParameter"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"X-TC-Version": "2022-09-28"}, "MissingParameter"),
        ({"X-TC-Action": "DescribeCustomerUin"}, "MissingParameter"),
        ({"X-TC-Action": "DescribeCustomerUin", "X-TC-Version": "2018-07-09"}, "NoSuchVersion"),
        ({"X-TC-Action": "DescribeEverything", "X-TC-Version": "2022-09-28"}, "InvalidAction"),
    ],
)
def test_headers_must_name_an_action_and_its_version(headers: dict[str, str], code: str) -> None:
    """An action outside the catalogue, another version or none is refused, each with its code."""
    with pytest.raises(Refusal) as refused:
        checks.known_action(headers)
    assert refused.value.code == code
