"""The catalogue against the models of the official SDK: when the SDK moves, this says which action or field moved.

The SDK tells types and which fields may be null, but neither ranges nor what is required, and makes one `int` of int64
and uint64.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tencentcloud.intlpartnersmgt.v20220928 import intlpartnersmgt_client, models

from pipelines.endpoints import ACTIONS, VERSION
from pipelines.endpoints.shapes import Field, Parameter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Shape = dict[str, "tuple[str, Shape]"]
"""Member name -> (type, shape of what is inside: empty but for objects)."""

KINDS = {"string": "str", "int64": "int", "uint64": "int", "float": "float", "bool": "bool"}
MEMBER = re.compile(r":param _(\w+): (.*?)\n\s*:type \1: (list of )?(?::class:`[\w.]+\.(\w+)`|(\w+))", re.DOTALL)


def sdk_actions() -> set[str]:
    """Return the names of the SDK client's methods."""
    return {name for name in vars(intlpartnersmgt_client.IntlpartnersmgtClient) if name[0].isupper()}


def sdk_shape(model: type, *, request: bool = False) -> Shape:
    """Return the members of an SDK model, which only its constructor's docstring gives with their types.

    A note that a request's member may be null says nothing to one who asks, so it is left out.
    """
    members = MEMBER.findall(model.__init__.__doc__ or "")
    shape = {}
    for name, text, many, one, item in members:
        inside = getattr(models, one or item, None)
        kind = "object" if inside else item
        kind = f"list<{kind}>" if many else kind
        nullable = " or null" if "may return null" in text and not request else ""
        shape[name] = (kind + nullable, sdk_shape(inside, request=request) if inside else {})
    assert len(shape) == len(vars(model())), f"this test does not see all members of the SDK's {model.__name__}"
    return shape


def catalogue_shape(members: Sequence[Field | Parameter]) -> Shape:
    """Return the catalogue's members in the SDK's words."""
    return {member.name: (catalogue_kind(member), catalogue_shape(member.fields)) for member in members}


def catalogue_kind(member: Field | Parameter) -> str:
    """Return a member's type as `sdk_shape` spells it."""
    kind = re.sub(r"\w+(?=>|$)", lambda found: KINDS.get(found[0], found[0]), member.type)
    return f"{kind} or null" if isinstance(member, Field) and member.nullable else kind


def differences(ours: Shape, theirs: Shape, path: str) -> Iterator[str]:
    """Say, member by member, how the two shapes differ."""
    for name in sorted(theirs.keys() - ours.keys()):
        yield f"{path}.{name}: new in the SDK, {theirs[name][0]}"
    for name in sorted(ours.keys() - theirs.keys()):
        yield f"{path}.{name}: no longer in the SDK"
    for name in sorted(ours.keys() & theirs.keys()):
        (our_kind, our_inside), (their_kind, their_inside) = ours[name], theirs[name]
        if our_kind != their_kind:
            yield f"{path}.{name}: {our_kind} in the catalogue, {their_kind} in the SDK"
        yield from differences(our_inside, their_inside, f"{path}.{name}")


def test_the_sdk_has_the_same_actions() -> None:
    """Every action of the SDK is in the catalogue, and no other."""
    new, lost = sorted(sdk_actions() - ACTIONS.keys()), sorted(ACTIONS.keys() - sdk_actions())
    assert not new, f"new in the SDK: {', '.join(new)}"
    assert not lost, f"no longer in the SDK: {', '.join(lost)}"
    assert intlpartnersmgt_client.IntlpartnersmgtClient._apiVersion == VERSION


def test_an_action_has_the_parameters_and_fields_of_the_sdk() -> None:
    """Names and types of each action's request and response, nested ones too, are those of the SDK's models."""
    found = []
    for action in ACTIONS.values():
        request = sdk_shape(getattr(models, f"{action.name}Request"), request=True)
        response = sdk_shape(getattr(models, f"{action.name}Response"))
        del response["RequestId"]  # the envelope's, in every response
        found += differences(catalogue_shape(action.parameters), request, f"{action.name} request")
        found += differences(catalogue_shape(action.fields), response, f"{action.name} response")
    assert not found, "the catalogue and the SDK differ:\n  " + "\n  ".join(found)


def test_a_difference_is_told_exactly() -> None:
    """A lost, a new and a changed member are each named with their path and types."""
    ours = catalogue_shape([Field("Data", "list<object>", (Field("Old"), Field("Cost", "float", nullable=True)))])
    theirs: Shape = {"Data": ("list<object>", {"New": ("int", {}), "Cost": ("str", {})})}
    assert list(differences(ours, theirs, "Some response")) == [
        "Some response.Data.New: new in the SDK, int",
        "Some response.Data.Old: no longer in the SDK",
        "Some response.Data.Cost: float or null in the catalogue, str in the SDK",
    ]
