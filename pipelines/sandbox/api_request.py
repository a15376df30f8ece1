"""A request that passed all checks, and helpers that answers share. `answers` and `files` hold the answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pipelines.sandbox.bill_view import Filters
from pipelines.sandbox.paging import window
from pipelines.sandbox.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pipelines.endpoints.shapes import Action, Role
    from pipelines.sandbox.bill_view import BillView
    from pipelines.sandbox.faults import Faults
    from pipelines.sandbox.storage import Storage
    from pipelines.sandbox.world import World

Members = dict[str, str]
"""A reply's fields by name, each as JSON text."""

_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request that passed all checks.

    - `role`, `uin`: the calling account's.
    - `address`: the sandbox's own address, for links to files in `storage`.
    - `late`: the number of lines that arrived late, by customer and month.
    - `moved`: by how many places the listing is rotated.
    - `withheld`: leave rows out of the answer without saying so.
    """

    action: Action
    parameters: Mapping[str, Any]
    role: Role
    uin: str
    world: World
    faults: Faults
    now: datetime
    late: Mapping[tuple[str, str], int]
    storage: Storage
    moved: int = 0
    withheld: bool = False
    address: str = ""

    @property
    def customer_uins(self) -> tuple[str, ...]:
        """The customers on the account's list."""
        uins = self.world.own_uins(self.role, self.uin)
        return tuple(uin for uin in uins if uin not in self.faults.unlisted) if self.faults.unlisted else uins

    def own_customer(self, uin: int) -> str:
        """Return one of the account's own customers. Raises Refusal with NotCustomerUin for any other."""
        return self._require(self.world.own_uins(self.role, self.uin), str(uin))

    def billed_customer(self) -> str:
        """Return the customer whose bill is requested. Raises Refusal if the account may not request it.

        That a distributor may request the bills of its indirect customers is inferred from the bill files, which are
        documented to have them (CustomerUinType).
        """
        return self._require(self.world.billed_uins(self.role, self.uin), str(self.parameters["CustomerUin"]))

    @property
    def month(self) -> str:
        """The requested month."""
        return str(self.parameters.get("Month") or self.parameters["BillMonth"])

    @property
    def bill_view(self) -> BillView:
        """The requested customer's bill of the month, as visible now. Raises Refusal for another's customer."""
        return self.bill_view_of(self.billed_customer(), self.month)

    def bill_view_of(self, uin: str, month: str) -> BillView:
        """Return a customer's bill of a month, as visible now."""
        return self.world.bill_view(uin, month, self.now, self.late.get((uin, month), 0), self.moved)

    @property
    def filters(self) -> Filters:
        """The filters of the request."""
        return Filters(*(self.parameters.get(name) for name in ("PayMode", "ActionType", "IsConfirmed")))

    @property
    def window(self) -> slice:
        """The positions of the requested page in a list."""
        return window(self.action, self.world.paging, self.parameters)

    def page(self, rows: Sequence[_Row]) -> list[_Row]:
        """Return the requested page of a list, rotated and with rows withheld if faults say so. Past the end: none."""
        places = self.moved % len(rows) if rows else 0
        return self.without_withheld(
            [*rows[places:], *rows[:places]][self.window] if places else list(rows[self.window])
        )

    def without_withheld(self, page: list[_Row]) -> list[_Row]:
        """Return a page without the rows that a fault withholds."""
        if self.withheld:
            del page[len(page) // 2 :: 7]
        return page

    def given_parameters(self, *names: str) -> dict[str, Any]:
        """Return those of the named parameters that the request has."""
        return {name: self.parameters[name] for name in names if name in self.parameters}

    def _require(self, uins: tuple[str, ...] | frozenset[str], uin: str) -> str:
        if uin not in uins or uin in self.faults.unbound:
            raise Refusal("UnauthorizedOperation.NotCustomerUin", f"{uin} is not your customer.")
        return uin


Answer = Callable[[ApiRequest], Members]
"""A function that answers an action. It may raise Refusal. The gateway puts the fields into the catalogue's order."""


def json_members(**members: Any) -> Members:
    """Return a reply's fields as JSON texts."""
    return {name: json.dumps(value, ensure_ascii=False) for name, value in members.items()}


def row_matches(row: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Return whether a row has all wanted values."""
    return all(row[name] == value for name, value in wanted.items())
