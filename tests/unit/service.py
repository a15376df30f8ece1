"""A stand-in for the client and the service behind it, for tests of extract and refresh: pages over rows, at no cost.

It can misbehave: `on_request` and `on_download` act before an answer, `on_answer` bends one, `numbering` says how an
action really pages.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipelines.endpoints import DATASETS
from pipelines.endpoints.shapes import Paging
from pipelines.errors import CustomerRefused, RequestRefused, RequestUnanswered
from pipelines.pages import decode, exact_sum, parse_amount

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from decimal import Decimal
    from pathlib import Path

    from pipelines.endpoints.shapes import Action, Dataset

Row = dict[str, Any]

SUMMARY = DATASETS["customer_bill_summary"]
BY_PRODUCT = DATASETS["bill_summary_by_product"]
CUSTOMERS = DATASETS["customers"]
DETAIL = DATASETS["customer_bill_detail"]
PAGE_SIZE = 3
SHORT = replace(DETAIL, action=replace(DETAIL.action, paging=Paging(size=PAGE_SIZE)))
"""The bill lines, in pages of three rows."""
SECRET = "q-signature=0123456789abcdef"
"""Stands in every link, and nowhere else."""

_ABOUT = ("CustomerUin", "ClientUin", "SubAgentUin", "PolicyCode", "InvitationToken")


@dataclass(frozen=True)
class Request:
    """One request, as it was asked; `index` counts from 0 over all of a service's requests.

    `customer` is whom, or what, it is about; `batch` are all of them where it takes a list.
    """

    index: int
    action: str
    customer: str | None
    page: int | None
    parameters: dict[str, object]
    batch: tuple[str, ...] = ()


@dataclass(frozen=True)
class Numbering:
    """How an action really pages: its `first` page, the `largest` size it gives, without a word, for a larger one.

    What it does with other page numbers: `page_0` is "refused", "empty" or "page 1" where numbering begins at 1; if it
    `ignores` them, every page is the first one. `refuses_past_end`: a page that would be empty is refused.
    """

    first: int = 1
    largest: int | None = None
    page_0: str = "refused"
    ignores: bool = False
    refuses_past_end: bool = False


@dataclass(frozen=True)
class Reply:
    """What `extract.Reply` asks for."""

    response: dict[str, Any]
    request_id: str
    received_at: datetime


@dataclass(frozen=True)
class Download:
    """What `extract.Download` asks for."""

    path: Path
    digest: str
    size: int


@dataclass
class Service:
    """Answers from `rows` (by action, then by customer); `total` counts them unless an answer is bent.

    Where an action's reply is one row and `rows` has none, that row's cost is the sum of the customer's lines. A
    request from `hangs_from` on is never answered. `files` are by customer, one of their own each if not told;
    `not_ready`, by customer, is how often a link is asked for in vain.
    """

    rows: dict[str, dict[str | None, list[Row]]]
    on_request: list[Callable[[Request], None]] = field(default_factory=list)
    on_answer: list[Callable[[Request, Row], None]] = field(default_factory=list)
    hangs_from: int = 10**9
    requests: list[Request] = field(default_factory=list)
    answered: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    request_stats: dict[str, Any] = field(default_factory=dict)
    numbering: dict[str, Numbering] = field(default_factory=dict)
    files: dict[str | None, bytes] = field(default_factory=dict)
    not_ready: dict[str | None, int] = field(default_factory=dict)
    on_download: list[Callable[[int], None]] = field(default_factory=list)
    downloads: list[str] = field(default_factory=list)
    downloading: int = 0
    most_downloading: int = 0

    async def call(self, action: Action, parameters: Mapping[str, object]) -> Reply:
        """Answer one request, after giving others a turn."""
        request = _request(len(self.requests), action, parameters)
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

    async def download(self, url: str, folder: Path) -> Download:
        """Keep the file behind a link under its digest, after giving others a turn."""
        index = len(self.downloads)
        self.downloads.append(url)
        self.downloading += 1
        self.most_downloading = max(self.most_downloading, self.downloading)
        try:
            await asyncio.sleep(0)
            for act in self.on_download:
                act(index)
        finally:
            self.downloading -= 1
        customer = url.partition("?")[0].rpartition("/")[2] or None
        content = self.files.get(customer, f"the file of {customer}".encode())
        digest = hashlib.sha256(content).hexdigest()
        return _kept(folder / digest, content)

    def _link(self, request: Request) -> Row:
        left = self.not_ready.get(request.customer, 0)
        self.not_ready[request.customer] = left - 1
        if left > 0:
            return {"DownloadUrl": "", "Ready": 0}
        return {"DownloadUrl": f"https://files.example/{request.customer or ''}?{SECRET}", "Ready": 1}

    def _response(self, action: Action, request: Request) -> Row:
        if any(member.name == "DownloadUrl" for member in action.fields):
            return self._link(request)
        if action.rows is None:
            return self._one_row(action, request)
        rows = self.rows[action.name]
        found = [row for about in request.batch or (request.customer,) for row in rows.get(about, [])]
        response: Row = {action.rows: self._page(action, request, found) if action.paging else found}
        if any(member.name == action.rows and member.type == "object" for member in action.fields):
            response[action.rows] = found[0] if found else None
        if action.total:
            outer, _, inner = action.total.partition(".")
            response[outer] = {inner: len(found)} if inner else len(found)
        return json.loads(json.dumps(response))

    def _one_row(self, action: Action, request: Request) -> Row:
        if action.name in self.rows:
            return dict(self.rows[action.name][request.customer][0])
        lines = self.rows[DETAIL.action.name].get(request.customer, [])
        return {"TotalCost": str(exact_sum(parse_amount(line["TotalCost"]) for line in lines))}

    def _page(self, action: Action, request: Request, rows: list[Row]) -> list[Row]:
        really = self.numbering.get(action.name, Numbering(first=action.paging.first))
        size = min(int(str(request.parameters["PageSize"])), really.largest or len(rows) + 1)
        number = request.page - really.first
        if really.ignores or (number < 0 and really.page_0 == "page 1"):
            number = 0
        page = rows[number * size : (number + 1) * size] if number >= 0 else []
        if (number < 0 and really.page_0 == "refused") or (number > 0 and not page and really.refuses_past_end):
            raise RequestRefused(
                f"there is no page {request.page}",
                action=action.name,
                code="InvalidParameter.Page",
                request_id=f"refusal {request.index}",
            )
        return page

    def asked(self, dataset: Dataset, customer: str | None = None) -> list[int | None]:
        """Return the pages asked of a dataset (and customer), in order."""
        return [
            request.page
            for request in self.requests
            if request.action == dataset.action.name and customer in (None, request.customer)
        ]


def _kept(path: Path, content: bytes) -> Download:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return Download(path, path.name, len(content))


def _request(index: int, action: Action, parameters: Mapping[str, object]) -> Request:
    lists = [p.name for p in action.parameters if p.type in ("list<int64>", "list<uint64>")]
    batch = next((parameters[name] for name in lists if name in parameters), ())
    about = next((parameters[name] for name in _ABOUT if name in parameters and not batch), None)
    return Request(
        index,
        action.name,
        None if about is None else str(about),
        parameters.get("Page"),
        dict(parameters),
        tuple(map(str, batch)),
    )


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
    """Refuse requests about these customers, as the API does for a customer that was unbound; batches too."""

    def act(request: Request) -> None:
        for customer in {request.customer, *request.batch} & set(customers):
            raise (RequestRefused if request.batch else CustomerRefused)(
                f"customer {customer} is not yours",
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
    return exact_sum(parse_amount(row["TotalCost"]) for row in rows)
