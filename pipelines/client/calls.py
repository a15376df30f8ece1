"""What one call asks, whether it may be asked at all, and how it is spoken of. Nothing here sends anything."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipelines.endpoints import ACTIONS
from pipelines.errors import RequestRefused, WriteRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipelines.client.codes import Rule
    from pipelines.endpoints.shapes import Action

_CUSTOMER_PARAMETERS = ("CustomerUin", "ClientUin", "SubAgentUin", "UinList", "ClientUins")
_PERIOD_PARAMETERS = ("Month", "BillMonth", "Date", "StartTime")


@dataclass(slots=True)
class Call:
    """One call, and how it has gone.

    `started` is a monotonic time, `queued` the seconds spent waiting for slots, `backoff` those before a next attempt.
    """

    action: Action
    parameters: Mapping[str, object]
    account: str
    started: float
    queued: float = 0.0
    attempts: int = 0
    backoff: float = 0.0
    faults: Counter[Rule] = field(default_factory=Counter)

    def check(self) -> None:
        """Refuse what must not be built. Raises WriteRefused or RequestRefused."""
        known = ACTIONS.get(self.action.name)
        if self.action.writes or (known and known.writes):
            raise self._refused(WriteRefused, "WriteRefused", "the action writes, and this project only reads")
        if known is None:
            raise self._refused(RequestRefused, "InvalidAction", "the catalogue has no such action")
        names = {parameter.name for parameter in known.parameters}
        if unknown := sorted(self.parameters.keys() - names):
            raise self._refused(RequestRefused, "UnknownParameter", f"it takes no {', '.join(unknown)}")
        required = {parameter.name for parameter in known.parameters if parameter.required}
        if missing := sorted(required - self.parameters.keys()):
            raise self._refused(RequestRefused, "MissingParameter", f"it needs {', '.join(missing)}")

    @property
    def body(self) -> bytes:
        """The exact bytes that are signed and sent."""
        return json.dumps(dict(self.parameters)).encode()

    @property
    def customer(self) -> str | None:
        """The customer that the parameters name, or the first of several and how many others."""
        return self._named(_CUSTOMER_PARAMETERS)

    def __str__(self) -> str:
        customer, period = self.customer, self._named(_PERIOD_PARAMETERS)
        about = [f"{self.action.name} of account '{self.account}'"]
        about += [f"customer {customer}"] if customer else []
        about += (
            [f"{'month' if len(period) == len('2026-10') else 'day'} {period[: len('2026-10-01')]}"] if period else []
        )
        return ", ".join(about)

    def _named(self, names: tuple[str, ...]) -> str | None:
        values = (self.parameters.get(name) for name in names)
        return next((_spelled(value) for value in values if value is not None and value != []), None)

    def _refused(self, error: type[RequestRefused], code: str, why: str) -> RequestRefused:
        return error(f"{self} is not asked: {why}.", action=self.action.name, code=code, customer_uin=self.customer)


def _spelled(value: object) -> str:
    if not isinstance(value, list | tuple):
        return str(value)
    return str(value[0]) if len(value) == 1 else f"{value[0]} and {len(value) - 1} others"
