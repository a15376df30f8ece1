"""Handles one HTTP request: signature, action, rate limit, role, parameters, answer, in this order.

Every request is answered with HTTP 200 and the API's envelope, errors included, unless a fault breaks the answer.
`answers` makes the answers; `serving` serves HTTP.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections import Counter
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse, JSONResponse, Response

from pipelines.endpoints import ACTIONS
from pipelines.periods import BILLING_ZONE, BillingClock
from pipelines.sandbox import checks
from pipelines.sandbox.answers import ANSWERS
from pipelines.sandbox.api_request import ApiRequest
from pipelines.sandbox.faults import Dice, Faults, FaultTarget
from pipelines.sandbox.refusals import Refusal
from pipelines.sandbox.request_log import OK, RequestLog
from pipelines.sandbox.signatures import Principal, verified
from pipelines.sandbox.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from starlette.requests import Request

    from pipelines.endpoints.shapes import Action
    from pipelines.sandbox.api_request import Members
    from pipelines.sandbox.world import World

BILL_LINES = frozenset({"DescribeCustomerBillDetail", "DescribeBillDetail"})
"""The actions that list bill lines. A line can arrive while pages are read."""

REFUSING_FAULTS = {
    "throttling": ("RequestLimitExceeded", "The request rate is over the limit (a fault set in the sandbox)."),
    "internal_error": ("InternalError", "An internal error has occurred (a fault set in the sandbox)."),
    "service_busy": (
        "OperationDenied.ServiceBusy",
        "The service is busy, try again later (a fault set in the sandbox).",
    ),
}

BAD_GATEWAY_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


class BrokenAnswer(Exception):
    """The answer is lost on the way. The text is the fault's name."""


class Gateway:
    """The sandbox's service. `world`, `now` and `faults` can be set while it serves."""

    def __init__(
        self,
        principals: Iterable[Principal],
        world: World,
        faults: Faults,
        now: datetime | None,
        latency: float,
        *,
        limits: bool,
    ) -> None:
        self.world = world
        self.now = now
        self.log = RequestLog()
        self.storage = Storage()
        self._principals = {principal.secret_id: principal for principal in principals}
        self._latency = latency
        self._limits = limits
        self._dice = Dice(faults)
        self._windows: dict[tuple[str, str], tuple[int, int]] = {}
        self._late: Counter[tuple[str, str]] = Counter()
        self._moved: Counter[str] = Counter()

    @property
    def faults(self) -> Faults:
        """The faults to simulate. Setting them resets the hits that count towards `Fault.times`.

        Late lines that have arrived and lists that have moved stay so.
        """
        return self._dice.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._dice = Dice(faults)

    async def respond(self, request: Request, drop: Callable[[], None]) -> Response:
        """Answer one request. `drop` breaks its connection."""
        at = time.time()
        body = await request.body()
        call = _call(request, body)
        played: list[str] = []
        response: Response
        try:
            answer = await self._answer(request, body, call, at, played)
            outcome, response = OK, _enveloped(answer)
        except Refusal as refusal:
            error = json.dumps({"Code": refusal.code, "Message": refusal.message})
            outcome, response = refusal.code, _enveloped({"Error": error})
        except BrokenAnswer as broken:
            outcome, response = str(broken), HTMLResponse(BAD_GATEWAY_PAGE, status_code=502)
        if outcome == OK and self._dice.hit("truncated", call):
            outcome, response = (
                "truncated",
                Response(response.body[: len(response.body) // 2], media_type="application/json"),
            )
            played.append(outcome)
        writes = call.action in ACTIONS and ACTIONS[call.action].writes
        self.log.add(call, at, outcome, writes=writes, faults=played)
        await asyncio.sleep(self._latency)
        if outcome == "reset":
            drop()
        return response

    def statistics(self) -> Response:
        """Answer with counts of the requests, by action."""
        return JSONResponse(self.log.by_action())

    def requests(self) -> Response:
        """Answer with the last requests."""
        return JSONResponse([record._asdict() for record in self.log.requests()])

    async def _answer(self, request: Request, body: bytes, call: FaultTarget, at: float, played: list[str]) -> Members:
        if request.method != "POST" or request.headers.get("content-type", "").split(";")[0] != "application/json":
            raise Refusal("UnsupportedProtocol", "Send POST requests with a JSON body.")
        principal = verified(request.headers, body, self._principals, at)
        action = checks.known_action(request.headers)
        self._admit(principal, action, at)
        await self._play_visible_faults(call, played)
        if action.writes:
            raise Refusal("UnauthorizedOperation", f"{action.name} writes; the sandbox does not.")
        checks.check_role(action, principal.role)
        now = self._billing_time()
        parameters = checks.checked_parameters(action, body, now, self.world.paging)
        if action.name not in ANSWERS:
            raise Refusal("InvalidAction", f"The sandbox does not answer {action.name} yet; the real service does.")
        uin = principal.uin or self.world.default_uin(principal.role)
        listing = _listing(action, uin, parameters)
        api_request = ApiRequest(
            action=action,
            parameters=parameters,
            role=principal.role,
            uin=uin,
            world=self.world,
            faults=self.faults,
            now=now,
            late=self._late,
            storage=self.storage,
            moved=self._moved[listing],
            withheld=action.paging is not None and self._play("withheld_pages", call, played),
            address=f"http://{request.headers['host']}",
        )
        members = await asyncio.to_thread(ANSWERS[action.name], api_request)  # the loop stays free to time arrivals
        if action.name in BILL_LINES:
            self._late[call.customer_uin or uin, parameters["Month"]] += self._play("arriving", call, played)
        if action.paging is not None:
            self._moved[listing] += self._play("moving", call, played)
        return {member.name: members[member.name] for member in action.fields}

    def _admit(self, principal: Principal, action: Action, at: float) -> None:
        """Accept the first requests of each calendar second, by arrival, for each key and action.

        This follows the page on limits (1278/109059). Refused requests count as arrived too; a full second stays full.
        """
        key, second = (principal.secret_id, action.name), int(at)
        last_second, count = self._windows.get(key, (second, 0))
        count = count + 1 if last_second == second else 1
        self._windows[key] = second, count
        self.log.arrive(action.name, count)
        if self._limits and count > action.limit:
            raise Refusal("RequestLimitExceeded", f"{action.name} takes {action.limit} requests per second.")

    async def _play_visible_faults(self, call: FaultTarget, played: list[str]) -> None:
        if self._play("slow", call, played):
            await asyncio.sleep(self.faults.slow_seconds)
        for name in ("reset", "bad_gateway"):
            if self._play(name, call, played):
                raise BrokenAnswer(name)
        for name, (code, message) in REFUSING_FAULTS.items():
            if self._play(name, call, played):
                raise Refusal(code, message)

    def _play(self, name: str, call: FaultTarget, played: list[str]) -> bool:
        hit = self._dice.hit(name, call)
        if hit:
            played.append(name)
        return hit

    def _billing_time(self) -> datetime:
        """Return the billing clock's time. One set without a time zone is in UTC+8."""
        if self.now is not None and self.now.tzinfo is None:
            return self.now.replace(tzinfo=BILLING_ZONE)
        return BillingClock(self.now).now()


def _call(request: Request, body: bytes) -> FaultTarget:
    """Return what a request is about, before anything in it is checked."""
    action = request.headers.get("x-tc-action", "")
    try:
        members: Any = json.loads(body)
    except ValueError:
        members = None
    known = members if isinstance(members, dict) else {}
    customer, page = known.get("CustomerUin", known.get("ClientUin")), known.get("Page")
    return FaultTarget(
        action=action if action in ACTIONS else "",
        customer_uin=str(customer) if isinstance(customer, int) else None,
        page=page if isinstance(page, int) else None,
        identity=f"{action}|{body.decode(errors='replace')}",
    )


def _listing(action: Action, uin: str, parameters: Mapping[str, Any]) -> str:
    """Return the identity of the listing that a page belongs to."""
    others = {name: value for name, value in parameters.items() if name not in checks.PAGES}
    return json.dumps([action.name, uin, others], sort_keys=True)


def _enveloped(members: Members) -> Response:
    """Put fields (JSON text) into the API's envelope, with a new RequestId."""
    named = "".join(f"{json.dumps(name)}: {text}, " for name, text in members.items())
    return Response(f'{{"Response": {{{named}"RequestId": "{uuid.uuid4()}"}}}}', media_type="application/json")
