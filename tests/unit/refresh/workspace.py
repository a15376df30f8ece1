"""What the tests of refresh share: books in an empty home, and a stand-in for the service of a partner."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pipelines import land, paths, refresh
from pipelines.client import RequestStats
from pipelines.endpoints import DATASETS
from pipelines.endpoints.profile import AccountProfile
from pipelines.endpoints.shapes import Role
from pipelines.pages import Page, Proof, Slice, SliceResult, exact_sum, parse_amount, text_rows
from pipelines.periods import BILLING_ZONE, BillingClock, BillMonth
from pipelines.refresh import lists, slices, values
from tests.unit.service import BY_PRODUCT, CUSTOMERS, DETAIL, SUMMARY, Reply, Request, Row, Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from pipelines.endpoints.shapes import Action, Dataset

BY_DAY = DATASETS["customer_bill_by_day"]
UNPAID = DATASETS["customer_bill_unpaid"]
DETAIL_FILES = DATASETS["customer_bill_detail_files"]
SUB_AGENTS = DATASETS["sub_agents"]
INDIRECT = DATASETS["indirect_customers"]
VOUCHERS = DATASETS["customer_vouchers"]
VOUCHER_USAGE = DATASETS["customer_voucher_usage"]
MONTH = BillMonth("2026-10")
"""Closed, as the books are kept on 20 November unless told otherwise."""
OPEN = MONTH.next
ASKED = (SUMMARY, DETAIL)
FIRST = datetime(2026, 11, 20, 4, tzinfo=UTC)
"""When what a test lands by itself was asked."""


@dataclass
class Workspace:
    """Refreshes partitions of one home, and reads what is landed there."""

    home: Path
    now: str = "2026-11-20T12:00:00"
    plans: list[refresh.Planned] = field(default_factory=list)

    def run(self, run_id: str = "run 1", *, full: bool = False) -> refresh.RefreshContext:
        """Name a run at the time of the books."""
        clock = BillingClock(datetime.fromisoformat(self.now).replace(tzinfo=BILLING_ZONE))
        return refresh.RefreshContext(self.home, clock, "0.1.0", run_id, lambda progress: None, self.plans.extend, full)

    def account_client(
        self, api: Any, account: str = "acme", role: Role = Role.RESELLER, **wishes: Any
    ) -> refresh.AccountClient:
        """Name a source."""
        return refresh.AccountClient(profile(role, account, **wishes), api)

    async def outcomes(
        self,
        made: refresh.RefreshContext,
        account_clients: Sequence[refresh.AccountClient],
        datasets: Sequence[Dataset],
        key: refresh.PartitionKey,
    ) -> list[refresh.Outcome]:
        """Return the outcomes of a refresh as they come."""
        async with aclosing(refresh.refresh(made, account_clients, datasets, key)) as outcomes:
            return [outcome async for outcome in outcomes]

    def all(
        self,
        *apis: Any,
        datasets: Sequence[Dataset] = ASKED,
        key: refresh.PartitionKey = MONTH,
        run_id: str = "run 1",
        full: bool = False,
    ) -> list[refresh.Outcome]:
        """Refresh, and return every outcome in order."""
        account_clients = [api if isinstance(api, refresh.AccountClient) else self.account_client(api) for api in apis]
        return asyncio.run(self.outcomes(self.run(run_id, full=full), account_clients, datasets, key))

    def refresh(self, *apis: Any, **more: Any) -> Any:
        """Refresh, and return outcomes by dataset, those of days by day: of one account, or of each in a list."""
        outcomes = self.all(*apis, **more)
        accounts = dict.fromkeys(api.account if isinstance(api, refresh.AccountClient) else "acme" for api in apis)
        found = [{_name(o): o for o in outcomes if o.account == account} for account in accounts]
        assert len(outcomes) == sum(map(len, found)), "no dataset has two outcomes"
        return found[0] if len(found) == 1 else found

    def manifest(self, dataset: Dataset, key: str = "2026-10", account: str = "acme") -> land.Manifest:
        """Return what is landed."""
        return land.read_manifest(self.path(dataset, key, account))

    def path(self, dataset: Dataset, key: str = "2026-10", account: str = "acme") -> Path:
        """Return where a partition lands."""
        return paths.raw_file(self.home, dataset.name, account, dataset.partition, key)

    def customers(
        self, dataset: Dataset = DETAIL, key: str = "2026-10", account: str = "acme"
    ) -> dict[str | None, str]:
        """Return whose rows are landed, and how they are proven."""
        return {c.customer_uin: c.proof for c in self.manifest(dataset, key, account).slices}

    def land(
        self,
        dataset: Dataset,
        key: str,
        rows: Mapping[Any, Sequence[Row]],
        *,
        at: datetime = FIRST,
        listed: Iterable[str] | None = None,
        direct: Iterable[str] | None = None,
        proof: Mapping[Any, Proof] | None = None,
        run_id: str = "landed",
    ) -> land.LandedFile:
        """Land rows by customer, or by subject, as pulled `at` that instant; proven unless `proof` says otherwise."""
        given = {_slice(one): [*some] for one, some in rows.items()}
        proofs = {_slice(one): some for one, some in (proof or {}).items()}
        pulls = [_pull(dataset, one, some, proofs.get(one, Proof.PROVEN), at) for one, some in given.items()]
        everyone = frozenset(one.customer_uin for one in given if one.customer_uin)
        pulled = land.Pulled(
            results=pulls,
            pages=[_page(dataset, one, some, at) for one, some in given.items() if some],
            listed=everyone if listed is None else frozenset(listed),
            direct=None if direct is None else frozenset(direct),
            requested_from=at,
            requested_to=at,
            code_version="0.1.0",
            run_id=run_id,
        )
        return land.land(values.partition_of(self.run(), "acme", dataset, key), pulled)

    def land_list(self, dataset: Dataset, *rows: Row, day: str | None = None) -> None:
        """Land a list of today, or of another day."""
        self.land(dataset, day or self.run().clock.today().isoformat(), {None: rows})

    def land_customers(self, *uins: str) -> None:
        """Land today's list of these customers."""
        self.land_list(CUSTOMERS, *({"CustomerUin": uin} for uin in uins))


class Partner(Service):
    """The service of a partner: daily bills, what is unpaid, and an account of its requests as the client keeps it.

    `days` are costs by day and customer, nothing of those it has not. `received_at` is the time it is, so that what was
    asked after a change is newer than it.
    """

    def __init__(self, bills: Mapping[str, Sequence[Row]], **more: Any) -> None:
        """Take the lines of each customer of a month; every month has the same."""
        super().__init__(defaultdict(dict), **more)
        self.days: dict[str, dict[str, str]] = {}
        self.unpaid: dict[str, str] = {}
        self.bills(bills)

    def bills(self, bills: Mapping[str, Sequence[Row]]) -> None:
        """Have these customers, with these lines and summaries of them."""
        self.rows[CUSTOMERS.action.name] = {None: [{"CustomerUin": uin} for uin in bills]}
        self.rows[DETAIL.action.name] = {uin: [*some] for uin, some in bills.items()}
        self.rows[BY_PRODUCT.action.name] = {
            uin: [{"BusinessCode": "p", "TotalCost": str(exact_sum(parse_amount(row["TotalCost"]) for row in some))}]
            for uin, some in bills.items()
            if some
        }

    def put(self, dataset: Dataset, about: str | None, *rows: Row) -> None:
        """Answer with these rows."""
        self.rows[dataset.action.name][about] = [*rows]

    def spend(self, day: str, **costs: str) -> None:
        """Have customers' daily bills: `_1="5"` is 5 of customer 1."""
        self.days.setdefault(day, {}).update({uin.removeprefix("_"): cost for uin, cost in costs.items()})

    async def call(self, action: Action, parameters: Mapping[str, object]) -> Reply:
        """Answer one request, and count it."""
        self.request_stats.setdefault(action.name, RequestStats()).sent(time.monotonic())
        return replace(await super().call(action, parameters), received_at=datetime.now(UTC))

    def _response(self, action: Action, request: Request) -> Row:
        if action == BY_DAY.action:
            day = str(request.parameters["Date"])
            return {"TotalCost": self.days.get(day, {}).get(str(request.customer), "0")}
        if action == SUMMARY.action and request.parameters.get("IsConfirmed") == "2":
            return {"TotalCost": self.unpaid.get(str(request.customer), "0")}
        return super()._response(action, request)

    def counts(self) -> dict[str, int]:
        """Count the requests of each action."""
        found: defaultdict[str, int] = defaultdict(int)
        for request in self.requests:
            found[request.action] += 1
        return dict(found)

    def about(self, dataset: Dataset) -> list[str | None]:
        """Return whom requests of a dataset were about, in order; of two with one action, by what is fixed in them."""
        fixed = dataset.fixed.items()
        others = [d.fixed.items() for d in DATASETS.values() if d.action == dataset.action and d.fixed.items() > fixed]
        return sorted(
            {
                request.customer
                for request in self.requests
                if request.action == dataset.action.name
                and request.parameters.items() >= fixed
                and not any(request.parameters.items() >= other for other in others)
            },
            key=str,
        )

    def days_asked(self) -> list[str]:
        """Return the days whose bills were asked."""
        return sorted({str(request.parameters["Date"]) for request in self.requests if "Date" in request.parameters})

    def forget(self) -> None:
        """Forget what was asked so far."""
        self.requests.clear()
        self.downloads.clear()


def profile(role: Role = Role.RESELLER, account: str = "acme", **wishes: Any) -> AccountProfile:
    """Return an account that asks."""
    return AccountProfile(account, role, **wishes)


def read(workspace: Workspace, role: Role = Role.RESELLER, datasets: Sequence[Dataset] = ASKED) -> lists.Customers:
    """Read who datasets of a month are asked of."""
    return lists.read_customers(workspace.run(), profile(role), datasets)


def month_work(
    workspace: Workspace,
    dataset: Dataset,
    month: BillMonth = MONTH,
    who: Any = ("1", "2", "3"),
    *,
    full: bool = False,
    changed: Any = None,
    **wishes: Any,
) -> slices.WorkList:
    """Say what is asked of a month of a reseller whose customers are 1, 2 and 3, or of `who` asks."""
    customers = who if isinstance(who, lists.Customers) else lists.Customers(frozenset(who))
    made = workspace.run(full=full)
    return slices.month_work(made, profile(**wishes), dataset, month, customers, changed or {})


def later(**passed: float) -> datetime:
    """Return an instant after `FIRST`."""
    return FIRST + timedelta(**passed)


def refused(action: Action, error: Any, code: str = "Refused") -> Callable[[Request], None]:
    """Refuse every request of an action."""

    def act(request: Request) -> None:
        if request.action == action.name:
            raise error("it is refused", action=request.action, code=code)

    return act


def _name(outcome: refresh.Outcome) -> str:
    return outcome.partition_key if outcome.dataset == BY_DAY else outcome.dataset.name


def _slice(one: Any) -> Slice:
    return one if isinstance(one, Slice) else Slice(one)


def _pull(dataset: Dataset, one: Slice, rows: Sequence[Row], proof: Proof, at: datetime) -> SliceResult:
    page = _page(dataset, one, rows, at)
    cost = exact_sum(parse_amount(row.get(dataset.cost)) for row in rows) if dataset.cost else None
    return SliceResult(
        customer_uin=one.customer_uin,
        slice_params=one.slice_params,
        proof=proof,
        rows=len(rows),
        expected_rows=len(rows),
        cost=cost if cost is None else Decimal(cost),
        proven_at=at if proof is Proof.PROVEN else None,
        reason="" if proof is Proof.PROVEN else "it is in doubt",
        digest="" if proof is Proof.FAILED else page.digest,
    )


def _page(dataset: Dataset, one: Slice, rows: Sequence[Row], at: datetime) -> Page:
    return Page(one.customer_uin, 1, "request", at, text_rows([*rows], dataset.columns), slice_params=one.slice_params)
