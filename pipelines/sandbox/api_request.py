"""A question that passed all checks, and how an answer is spelled: what every answer is made with.

What does not belong here: what an action answers (`answers`, `files`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pipelines.sandbox.paging import window
from pipelines.sandbox.refusals import Refusal
from pipelines.sandbox.statement import Filters

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pipelines.endpoints.shapes import Action, Role
    from pipelines.sandbox.faults import Faults
    from pipelines.sandbox.statement import BillView
    from pipelines.sandbox.storage import Storage
    from pipelines.sandbox.world import World

Members = dict[str, str]
"""A reply's members by name, each as JSON text."""

_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request that passed all checks, by an account of this role and uin, sent to this `address`.

    `late`: how many lines have arrived late, by customer and month; `storage`: where files are linked to; `moved`: by
    how many places the listing has turned; `withheld`: the answer quietly lacks rows.
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
        """The customers that the account lists."""
        uins = self.world.own_uins(self.role, self.uin)
        return tuple(uin for uin in uins if uin not in self.faults.unlisted) if self.faults.unlisted else uins

    def own_customer(self, uin: int) -> str:
        """Return a customer of the account's own. Raises Refusal with NotCustomerUin for any other account."""
        return self._among(self.world.own_uins(self.role, self.uin), str(uin))

    def billed_customer(self) -> str:
        """Return the customer whose bill is asked for. Raises Refusal if the account may not ask for it.

        That a distributor may ask for the bills of its resellers' customers is inferred from the bill files, which are
        documented to have them (CustomerUinType).
        """
        return self._among(self.world.billed_uins(self.role, self.uin), str(self.parameters["CustomerUin"]))

    @property
    def month(self) -> str:
        """The asked month."""
        return str(self.parameters.get("Month") or self.parameters["BillMonth"])

    @property
    def statement(self) -> BillView:
        """What is to be seen of the asked customer's month. Raises Refusal if the customer is not the caller's."""
        return self.statement_of(self.billed_customer(), self.month)

    def statement_of(self, uin: str, month: str) -> BillView:
        """Return what is to be seen of a customer's month."""
        return self.world.statement(uin, month, self.now, self.late.get((uin, month), 0), self.moved)

    @property
    def filters(self) -> Filters:
        """What the question asks to see only."""
        return Filters(*(self.parameters.get(name) for name in ("PayMode", "ActionType", "IsConfirmed")))

    @property
    def window(self) -> slice:
        """The asked page's place in a list."""
        return window(self.action, self.world.paging, self.parameters)

    def page(self, rows: Sequence[_Row]) -> list[_Row]:
        """Return the asked page of a list: past its end nothing; turned and with rows withheld as faults have it."""
        turned = self.moved % len(rows) if rows else 0
        return self.shown([*rows[turned:], *rows[:turned]][self.window] if turned else list(rows[self.window]))

    def shown(self, page: list[_Row]) -> list[_Row]:
        """Return a page without the rows that are withheld from it."""
        if self.withheld:
            del page[len(page) // 2 :: 7]
        return page

    def chosen(self, *names: str) -> dict[str, Any]:
        """Return the parameters of these names that were given."""
        return {name: self.parameters[name] for name in names if name in self.parameters}

    def _among(self, uins: tuple[str, ...] | frozenset[str], uin: str) -> str:
        if uin not in uins or uin in self.faults.unbound:
            raise Refusal("UnauthorizedOperation.NotCustomerUin", f"{uin} is not your customer.")
        return uin


Answer = Callable[[ApiRequest], Members]
"""What answers an action. It may raise Refusal; the members' order is the catalogue's, whatever it gives."""


def spelled(**members: Any) -> Members:
    """Spell a reply's members as JSON."""
    return {name: json.dumps(value, ensure_ascii=False) for name, value in members.items()}


def row_matches(row: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Tell whether a row has all of these values."""
    return all(row[name] == value for name, value in wanted.items())
