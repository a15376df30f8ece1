"""The sandbox's checks against the catalogue, for every action in it."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import product
from typing import Any

import pytest

from pipelines.endpoints import ACTIONS
from pipelines.endpoints.shapes import Action, Parameter, Role
from pipelines.periods import BILLING_ZONE
from pipelines.sandbox import checks
from pipelines.sandbox.paging import PagingQuirk
from pipelines.sandbox.refusals import Refusal
from tests.unit.matrix import check_all

NOW = datetime(2026, 11, 20, tzinfo=BILLING_ZONE)
SOUND = {"string": "x", "int64": 1, "uint64": 1, "float": 1.5, "bool": True, "object": {}}
WRONG = {"string": 1, "int64": "1", "uint64": -1, "float": "1.5", "bool": 1, "object": []}
KNOWN = {
    "Month": "2026-10",
    "BillMonth": "2026-10",
    "Date": "2026-11-20",
    "StartTime": "2026-10-01 00:00:00",
    "EndTime": "2026-10-31 23:59:59",
}


def sound(action: Action, parameter: Parameter) -> Any:
    """Return a value that the parameter takes."""
    if parameter.type.startswith("list<"):
        return [SOUND[parameter.type[5:-1]]] * max(1, parameter.minimum or 1)
    for name in (f"{action.name}.{parameter.name}", parameter.name):
        if name in checks.ENUMERATIONS:
            return min(checks.ENUMERATIONS[name])
    return KNOWN.get(
        parameter.name, max(parameter.minimum or 1, 1) if "int" in parameter.type else SOUND[parameter.type]
    )


def request(action: Action) -> dict[str, Any]:
    """Return a request with every parameter of the action."""
    return {parameter.name: sound(action, parameter) for parameter in action.parameters}


def refusal(action: Action, parameters: Any) -> str:
    """Return the code that parameters are refused with."""
    with pytest.raises(Refusal) as refused:
        checks.checked_parameters(action, json.dumps(parameters).encode(), NOW)
    return refused.value.code


def test_a_sound_request_passes() -> None:
    """A request with every parameter, of its type and in range, passes; null is as good as absent."""

    def check(action: Action) -> None:
        body = json.dumps({**request(action), "Nothing": None}).encode()
        assert checks.checked_parameters(action, body, NOW) == request(action)

    check_all(check, ACTIONS.values())


def test_roles_are_the_catalogues() -> None:
    """Exactly the catalogue's roles may call an action; others are UinNoAuth."""

    def check(action: Action) -> None:
        for role in Role:
            if role in action.roles:
                checks.check_role(action, role)
            else:
                with pytest.raises(Refusal) as refused:
                    checks.check_role(action, role)
                assert refused.value.code == "UnauthorizedOperation.UinNoAuth"

    check_all(check, ACTIONS.values())


def test_required_parameters_are_required() -> None:
    """Leaving out a required parameter is MissingParameter, leaving out another is not."""

    def check(action: Action) -> None:
        for parameter in action.parameters:
            less = {name: value for name, value in request(action).items() if name != parameter.name}
            if parameter.required:
                assert refusal(action, less) == "MissingParameter"
            else:
                assert checks.checked_parameters(action, json.dumps(less).encode(), NOW) == less

    check_all(check, ACTIONS.values())


def test_unknown_parameters_are_refused() -> None:
    """A parameter that the action does not have is UnknownParameter."""

    def check(action: Action) -> None:
        assert refusal(action, {**request(action), "Offset": 0}) == "UnknownParameter"

    check_all(check, ACTIONS.values())


def test_types_are_the_catalogues() -> None:
    """A value of another type is InvalidParameter; true is no number."""

    def check(action: Action) -> None:
        for parameter in action.parameters:
            wrong = [WRONG[parameter.type[5:-1]]] if parameter.type.startswith("list<") else WRONG[parameter.type]
            assert refusal(action, {**request(action), parameter.name: wrong}) == "InvalidParameter"
            if "int" in parameter.type:
                assert refusal(action, {**request(action), parameter.name: True}) == "InvalidParameter"

    check_all(check, ACTIONS.values())


def test_ranges_are_the_catalogues() -> None:
    """A number, or a list's length, outside the documented range is InvalidParameterValue."""

    def check(action: Action) -> None:
        for parameter in action.parameters:
            is_list = parameter.type.startswith("list<")
            for bound in (parameter.minimum and parameter.minimum - 1, parameter.maximum and parameter.maximum + 1):
                if bound is not None:
                    outside = [SOUND[parameter.type[5:-1]]] * bound if is_list else bound
                    assert refusal(action, {**request(action), parameter.name: outside}) == "InvalidParameterValue"

    check_all(check, ACTIONS.values())


@pytest.mark.parametrize("pages", [{"Page": 0}, {"Page": -1}, {"PageSize": 0}, {"PageSize": 101}])
def test_pages_of_the_customer_list_have_a_code_of_their_own(pages: dict[str, int]) -> None:
    """DescribeCustomerUin answers wrong pages with InvalidParameter.Page."""
    assert refusal(ACTIONS["DescribeCustomerUin"], {"Page": 1, "PageSize": 100, **pages}) == "InvalidParameter.Page"


def test_pages_begin_at_one() -> None:
    """Page 0 of the detail is InvalidParameterValue, though the catalogue states no range."""
    action = ACTIONS["DescribeCustomerBillDetail"]
    assert refusal(action, {**request(action), "Page": 0}) == "InvalidParameterValue"


def test_months_without_bills_are_refused() -> None:
    """A month before 2022-06, after the running one or malformed is InvalidMonth."""

    def check(name: str, month: str) -> None:
        action = ACTIONS[name]
        parameter = "Month" if name == "DescribeCustomerBillDetail" else "BillMonth"
        assert refusal(action, {**request(action), parameter: month}) == "InvalidParameterValue.InvalidMonth"

    names = ("DescribeCustomerBillDetail", "DescribeBillSummaryByRegion")
    months = ("2022-05", "2026-12", "2026-13", "202610", "2026-1", "", "2026-10-01")
    check_all(check, product(names, months))


def test_values_outside_an_enumeration_are_refused() -> None:
    """A value that the definition does not list is InvalidParameterValue; each that it lists passes."""

    def check(action: Action, parameter: Parameter) -> None:
        other = 2 if "int" in parameter.type else "gift"
        assert refusal(action, {**request(action), parameter.name: other}) == "InvalidParameterValue"
        values = checks.ENUMERATIONS.get(f"{action.name}.{parameter.name}") or checks.ENUMERATIONS[parameter.name]
        for value in values:
            body = json.dumps({**request(action), parameter.name: value}).encode()
            assert checks.checked_parameters(action, body, NOW)[parameter.name] == value

    enumerated = [
        (action, parameter)
        for action in ACTIONS.values()
        for parameter in action.parameters
        if {f"{action.name}.{parameter.name}", parameter.name} & checks.ENUMERATIONS.keys()
    ]
    assert len(enumerated) > 20
    check_all(check, enumerated)


def test_every_enumeration_is_of_a_parameter() -> None:
    """No enumeration is for a parameter that no action has."""
    names = {
        name for action in ACTIONS.values() for p in action.parameters for name in (p.name, f"{action.name}.{p.name}")
    }
    assert checks.ENUMERATIONS.keys() <= names


def test_days_without_daily_bills_are_refused() -> None:
    """A day before 2025-06-01, in the future or malformed is InvalidParameterValue; the first and today pass."""
    action = ACTIONS["DescribeCustomerBillDetailByDay"]

    def check(day: str) -> None:
        assert refusal(action, {"CustomerUin": 1, "Date": day}) == "InvalidParameterValue"

    days = ["2025-05-31", "2026-11-21", "2026-11-2", "20261120", "2026-02-29", "", "2026-11-20 "]
    check_all(check, days)
    for sound_day in ("2025-06-01", "2026-11-20"):
        body = json.dumps({"CustomerUin": 1, "Date": sound_day}).encode()
        assert checks.checked_parameters(action, body, NOW)["Date"] == sound_day


def test_times_are_written_in_full() -> None:
    """A span's ends that are not YYYY-MM-DD hh:mm:ss are InvalidParameterValue."""

    def check(name: str, time: str) -> None:
        action = ACTIONS["DescribeCustomerOwnCostExplorerFilter"]
        assert refusal(action, {**request(action), name: time}) == "InvalidParameterValue"

    times = ("2026-10-01", "2026-10-01T00:00:00", "2026-10-01 24:00:00", "2026-13-01 00:00:00")
    check_all(check, product(("StartTime", "EndTime"), times))


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"Colour": ["red"]}, "UnknownParameter"),
        ({"RegionIn": "9"}, "InvalidParameter"),
        ({"RegionIn": [9]}, "InvalidParameter"),
    ],
)
def test_members_of_a_filter_are_checked(members: dict[str, Any], code: str) -> None:
    """What stands inside an object is checked as parameters are; what is right passes."""
    action = ACTIONS["DescribeCustomerOwnCostExplorerSummary"]
    assert refusal(action, {**request(action), "Filter": members}) == code
    right = {**request(action), "Filter": {"RegionIn": ["9"], "TagKey": "env", "TagIn": ["prod"]}}
    assert checks.checked_parameters(action, json.dumps(right).encode(), NOW) == right


UNDOCUMENTED = [action for action in ACTIONS.values() if action.paging and not action.paging.documented]


def test_undocumented_pages_are_refused_as_the_world_has_it() -> None:
    """Before the world's first page, and above its largest size, requests of undocumented paging are refused."""

    def check(action: Action, quirk: PagingQuirk, pages: dict[str, int]) -> None:
        with pytest.raises(Refusal, match="InvalidParameter"):
            checks.checked_parameters(action, json.dumps({**request(action), **pages}).encode(), NOW, quirk)

    cases: list[tuple[PagingQuirk, dict[str, int]]] = [
        (PagingQuirk(), {"Page": 0}),
        (PagingQuirk(first=0), {"Page": -1}),
        (PagingQuirk(), {"PageSize": 101}),
        (PagingQuirk(largest=20), {"PageSize": 21}),
        (PagingQuirk(largest=20, capped=True), {"PageSize": 0}),
    ]
    assert len(UNDOCUMENTED) == 3
    check_all(check, ((action, *case) for action in UNDOCUMENTED for case in cases))


def test_undocumented_pages_pass_as_the_world_has_it() -> None:
    """A first page of 0, another largest size, pages that are ignored and sizes that are capped pass in their world."""

    def check(action: Action, quirk: PagingQuirk, pages: dict[str, int]) -> None:
        asked = {**request(action), **pages}
        assert checks.checked_parameters(action, json.dumps(asked).encode(), NOW, quirk) == asked

    cases: list[tuple[PagingQuirk, dict[str, int]]] = [
        (PagingQuirk(first=0), {"Page": 0}),
        (PagingQuirk(page_ignored=True), {"Page": 0}),
        (PagingQuirk(largest=300), {"PageSize": 300}),
        (PagingQuirk(largest=20, capped=True), {"PageSize": 21}),
    ]
    check_all(check, ((action, *case) for action in UNDOCUMENTED for case in cases))


def test_documented_paging_is_the_same_in_every_world() -> None:
    """A quirk does not touch an action whose paging is documented, in the catalogue or in its texts."""
    quirk = PagingQuirk(first=0, largest=500, page_ignored=True)
    for name, pages in (
        ("DescribeCustomerBillDetail", {"Page": 0}),
        ("DescribeCustomerBillDetail", {"PageSize": 201}),
        ("QueryPendingClientsV2", {"PageSize": 101}),
        ("DescribeCustomerOwnCostExplorerSummary", {"Page": 10_001}),
    ):
        action = ACTIONS[name]
        with pytest.raises(Refusal) as refused:
            checks.checked_parameters(action, json.dumps({**request(action), **pages}).encode(), NOW, quirk)
        assert refused.value.code == "InvalidParameterValue"


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
