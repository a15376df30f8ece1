"""A call of an action: its parameters, their check against the catalogue, and its name in messages. No I/O."""

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
    """One call of an action, and the state of its attempts.

    `started` is a monotonic time, `queued` the seconds spent waiting for slots so far, `backoff` the seconds to wait
    before the next attempt, `faults` how often each rule of `codes` applied.
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
        """Check the call against the catalogue. Raises WriteRefused or RequestRefused."""
        known = ACTIONS.get(self.action.name)
        if self.action.writes or (known and known.writes):
            raise self._refused(WriteRefused, "WriteRefused", "the action writes, and this project only reads")
        if known is None:
            raise self._refused(RequestRefused, "InvalidAction", "the catalogue has no such action")
        names = {parameter.name for parameter in known.parameters}
        if unknown := sorted(self.parameters.keys() - names):
            raise self._refused(RequestRefused, "UnknownParameter", f"the action has no parameter {', '.join(unknown)}")
        required = {parameter.name for parameter in known.parameters if parameter.required}
        if missing := sorted(required - self.parameters.keys()):
            raise self._refused(RequestRefused, "MissingParameter", f"the action needs {', '.join(missing)}")

    @property
    def body(self) -> bytes:
        """The exact bytes to sign and send."""
        return json.dumps(dict(self.parameters)).encode()

    @property
    def customer(self) -> str | None:
        """The customer that the parameters name; of several, the first and the number of others."""
        return self._first_value(_CUSTOMER_PARAMETERS)

    def __str__(self) -> str:
        customer, period = self.customer, self._first_value(_PERIOD_PARAMETERS)
        about = [f"{self.action.name} of account '{self.account}'"]
        about += [f"customer {customer}"] if customer else []
        about += (
            [f"{'month' if len(period) == len('2026-10') else 'day'} {period[: len('2026-10-01')]}"] if period else []
        )
        return ", ".join(about)

    def _first_value(self, names: tuple[str, ...]) -> str | None:
        values = (self.parameters.get(name) for name in names)
        return next((_as_text(value) for value in values if value is not None and value != []), None)

    def _refused(self, error: type[RequestRefused], code: str, why: str) -> RequestRefused:
        return error(f"{self} is not requested: {why}.", action=self.action.name, code=code, customer_uin=self.customer)


def _as_text(value: object) -> str:
    if not isinstance(value, list | tuple):
        return str(value)
    return str(value[0]) if len(value) == 1 else f"{value[0]} and {len(value) - 1} others"
