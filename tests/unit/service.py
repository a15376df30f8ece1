"""A stand-in for the client and the service behind it, for tests of extract and refresh: pages over rows, at no cost.

It can misbehave: `refusals` and `on_request` act before an answer, `on_answer` bends one.
"""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipelines.endpoints import DATASETS
from pipelines.endpoints.shapes import Paging
from pipelines.errors import CustomerRefused, RequestUnanswered
from pipelines.pages import amount, decode, exact_sum

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from decimal import Decimal

    from pipelines.endpoints.shapes import Action, Dataset

Row = dict[str, Any]

SUMMARY = DATASETS["customer_bill_summary"]
BY_PRODUCT = DATASETS["bill_summary_by_product"]
CUSTOMERS = DATASETS["customers"]
DETAIL = DATASETS["customer_bill_detail"]
PAGE_SIZE = 3
SHORT = replace(DETAIL, action=replace(DETAIL.action, paging=Paging(size=PAGE_SIZE)))
"""The bill lines, in pages of three rows."""


@dataclass(frozen=True)
class Request:
    """One request, as it was asked; `index` counts from 0 over all of a service's requests."""

    index: int
    action: str
    customer: str | None
    page: int | None
    parameters: dict[str, object]


@dataclass(frozen=True)
class Reply:
    """What `extract.Reply` asks for."""

    response: dict[str, Any]
    request_id: str
    received_at: datetime


@dataclass
class Service:
    """Answers from `rows` (by action, then by customer); `total` counts them unless an answer is bent.

    Where an action's reply is one row, that row's cost is the sum of the customer's lines. A request from `hangs_from`
    on is never answered.
    """

    rows: dict[str, dict[str | None, list[Row]]]
    on_request: list[Callable[[Request], None]] = field(default_factory=list)
    on_answer: list[Callable[[Request, Row], None]] = field(default_factory=list)
    hangs_from: int = 10**9
    requests: list[Request] = field(default_factory=list)
    answered: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    tallies: dict[str, Any] = field(default_factory=dict)

    async def call(self, action: Action, parameters: Mapping[str, object]) -> Reply:
        """Answer one request, after giving others a turn."""
        customer = parameters.get("CustomerUin")
        request = Request(
            len(self.requests),
            action.name,
            None if customer is None else str(customer),
            parameters.get("Page"),
            dict(parameters),
        )
        self.requests.append(request)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(0)
            if request.index >= self.hangs_from:
                await asyncio.Event().wait()
            for act in self.on_request:
                act(request)
            response = self._response(action, request)
        finally:
            self.in_flight -= 1
        for bend in self.on_answer:
            bend(request, response)
        self.answered += 1
        request_id = f"request {request.index}"
        text = json.dumps({**response, "RequestId": request_id})
        return Reply(decode(text), request_id, datetime(2026, 11, 20, 4, tzinfo=UTC) + timedelta(seconds=request.index))

    def _response(self, action: Action, request: Request) -> Row:
        if action.rows is None:
            lines = self.rows[DETAIL.action.name].get(request.customer, [])
            cost = exact_sum(amount(line["TotalCost"]) for line in lines)
            return {"TotalCost": str(cost)}
        rows = self.rows[action.name].get(request.customer, [])
        response: Row = {action.rows: rows}
        if action.paging:
            size = int(str(request.parameters["PageSize"]))
            start = (request.page - action.paging.first) * size
            response[action.rows] = rows[start : start + size]
        if action.total:
            response[action.total] = len(rows)
        return json.loads(json.dumps(response))

    def asked(self, dataset: Dataset, customer: str | None = None) -> list[int | None]:
        """Return the pages asked of a dataset (and customer), in order."""
        return [
            request.page
            for request in self.requests
            if request.action == dataset.action.name and customer in (None, request.customer)
        ]


def line(number: int, cost: str = "1.10", **fields: Any) -> Row:
    """Return a bill line."""
    return {"Id": f"line {number}", "TotalCost": cost, "Currency": "USD", "ProductName": "CVM", **fields}


def lines(count: int, cost: str = "1.10") -> list[Row]:
    """Return `count` bill lines, all different."""
    return [line(number, cost) for number in range(count)]


def service(details: Mapping[str, list[Row]]) -> Service:
    """Return a service whose customers have these bill lines, and a product summary of one row."""
    return Service(
        {
            DETAIL.action.name: dict(details),
            BY_PRODUCT.action.name: {customer: [{"BusinessCode": "p", "TotalCost": "1"}] for customer in details},
            CUSTOMERS.action.name: {None: [{"CustomerUin": customer} for customer in details]},
        }
    )


def fewest_requests(counts: Iterable[int], size: int = PAGE_SIZE) -> int:
    """Count the requests that bill lines need: pages, one past a full last page, page 1 again if there are more."""
    pages = [max(1, math.ceil(count / size)) for count in counts]
    full = sum(1 for count in counts if count and count % size == 0)
    return sum(pages) + full + sum(1 for page in pages if page > 1)


def refuse(*customers: str) -> Callable[[Request], None]:
    """Refuse requests about these customers, as the API does for a customer that was unbound."""

    def act(request: Request) -> None:
        if request.customer in customers:
            raise CustomerRefused(
                f"customer {request.customer} is not yours",
                action=request.action,
                code="UnauthorizedOperation.NotCustomerUin",
                request_id=f"refusal {request.index}",
                customer_uin=request.customer,
            )

    return act


def silence(when: Callable[[Request], bool]) -> Callable[[Request], None]:
    """Leave requests unanswered, as the client tells it after its total time."""

    def act(request: Request) -> None:
        if when(request):
            raise RequestUnanswered("no answer", action=request.action, code="HTTP.Timeout")

    return act


def withhold(page: int, times: int, action: str = DETAIL.action.name) -> Callable[[Request, Row], None]:
    """Keep back the last row of a page, the first `times` that it is asked."""
    left = [times]

    def bend(request: Request, response: Row) -> None:
        if request.action == action and request.page == page and left[0]:
            left[0] -= 1
            response["DetailSet"].pop()

    return bend


def cost_of(rows: Iterable[Row]) -> Decimal:
    """Return the exact cost of bill lines."""
    return exact_sum(amount(row["TotalCost"]) for row in rows)
