"""The account's lists, as landed: its customers, those of its second-level resellers, its vouchers.

What is read here was taken by this run or an earlier one (`partition`); who is asked of it is `slices`' business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines import land
from pipelines.endpoints import DATASETS
from pipelines.endpoints.shapes import PartitionKind, Role, SliceBy
from pipelines.errors import RequestUnanswered
from pipelines.pages import Slice, parse_amount
from pipelines.refresh.values import partition_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipelines.endpoints.profile import AccountProfile
    from pipelines.endpoints.shapes import Dataset
    from pipelines.periods import BillMonth
    from pipelines.refresh.values import RefreshContext

CUSTOMERS = DATASETS["customers"]
SUB_AGENTS = DATASETS["sub_agents"]
INDIRECT_CUSTOMERS = DATASETS["indirect_customers"]
CUSTOMER_VOUCHERS = DATASETS["customer_vouchers"]
OWN_VOUCHERS = DATASETS["own_vouchers"]

IN_ORDER = (CUSTOMERS, SUB_AGENTS, INDIRECT_CUSTOMERS, CUSTOMER_VOUCHERS, OWN_VOUCHERS)
"""The lists that others are asked of, each after those it is asked of itself."""

_UIN_COLUMNS = {CUSTOMERS.name: "CustomerUin", SUB_AGENTS.name: "SubAgentUin", INDIRECT_CUSTOMERS.name: "ClientUin"}
"""Where each list of accounts has their UINs."""


@dataclass(frozen=True, slots=True)
class Customers:
    """Who the account's customers are by its newest lists: its own, and those of its second-level resellers."""

    direct: frozenset[str] = frozenset()
    indirect: frozenset[str] = frozenset()

    @property
    def listed(self) -> frozenset[str]:
        """All of them."""
        return self.direct | self.indirect


def needed(profile: AccountProfile, datasets: Iterable[Dataset]) -> tuple[Dataset, ...]:
    """Return the lists that these datasets are asked of, in the order to take them.

    What is taken as of now is asked of the account's own customers only: those of second-level resellers are theirs to
    look after.
    """
    wanted = set()
    for dataset in datasets:
        by_kind = profile.role is Role.DISTRIBUTOR and dataset.kind_parameter is not None
        if dataset.slice_by is SliceBy.CUSTOMER or dataset.customer_parameter or by_kind:
            wanted.add(CUSTOMERS.name)
            if profile.role is Role.DISTRIBUTOR and dataset.partition is not PartitionKind.SNAPSHOT_DATE:
                wanted |= {SUB_AGENTS.name, INDIRECT_CUSTOMERS.name}
        if dataset.slice_by is SliceBy.SUB_AGENT:
            wanted.add(SUB_AGENTS.name)
        if dataset.slice_by is SliceBy.VOUCHER:
            wanted.add((OWN_VOUCHERS if profile.role is Role.CUSTOMER else CUSTOMER_VOUCHERS).name)
    return tuple(dataset for dataset in IN_ORDER if dataset.name in wanted)


def is_todays(context: RefreshContext, profile: AccountProfile, dataset: Dataset) -> bool:
    """Tell whether a list was taken today (UTC+8) and is whole. Raises CorruptFile."""
    manifest = land.landed(partition_of(context, profile.account, dataset, context.clock.today().isoformat()))
    return manifest is not None and manifest.state == "whole"


def customers(context: RefreshContext, profile: AccountProfile, datasets: Iterable[Dataset]) -> Customers:
    """Read who the customers are that these datasets are asked of; nobody where they are asked of none.

    Raises CorruptFile, RequestUnanswered for an entry that is no UIN.
    """
    wanted = needed(profile, datasets)
    direct = uins(context, profile, CUSTOMERS) if CUSTOMERS in wanted else frozenset()
    indirect = uins(context, profile, INDIRECT_CUSTOMERS) if INDIRECT_CUSTOMERS in wanted else frozenset()
    return Customers(direct, indirect - direct)


def uins(context: RefreshContext, profile: AccountProfile, dataset: Dataset) -> frozenset[str]:
    """Read the accounts of a list; none of a list of something else. Raises as `customers`."""
    column = _UIN_COLUMNS.get(dataset.name)
    texts = [text for (text,) in _rows(context, profile, dataset, (column,))] if column else []
    strange = {str(text) for text in texts if not (text and text.isdecimal())}
    if strange:
        raise RequestUnanswered(
            f"The list {dataset.name} of account '{profile.account}' holds what is no UIN: {', '.join(sorted(strange))}. "
            "Take the list again; if it stays, the API has changed.",
            action=dataset.action.name,
            code="UnknownShape",
        )
    return frozenset(filter(None, texts))


def used_vouchers(context: RefreshContext, profile: AccountProfile, month: BillMonth) -> tuple[Slice, ...]:
    """Read which vouchers may have been used in a month: something of them was, and they were not to come yet.

    A voucher may be settled after it has expired, so its end is not looked at. Raises CorruptFile.
    """
    own = profile.role is Role.CUSTOMER
    ends = month.next.start.strftime("%Y-%m-%d %H:%M:%S")
    found = set()
    names = ("CustomerUin", "VoucherId", "TotalAmount", "RemainingAmount", "EffectiveTime")
    for uin, voucher, total, remaining, effective in _rows(
        context, profile, OWN_VOUCHERS if own else CUSTOMER_VOUCHERS, names
    ):
        if (
            voucher
            and voucher.isdecimal()
            and parse_amount(total) != parse_amount(remaining)
            and (effective or "") < ends
        ):
            found.add(Slice.of(None if own else uin, {"VoucherId": int(voucher)}))
    return tuple(sorted(found, key=str))


def newest(context: RefreshContext, profile: AccountProfile, dataset: Dataset) -> str | None:
    """Return the day (`YYYY-MM-DD`, UTC+8) of the newest landing of what is taken as of now, None if it never was."""
    folder = partition_of(context, profile.account, dataset, "*").path.parent.parent
    return max((path.parent.name.partition("=")[2] for path in folder.glob("*=*/data.parquet")), default=None)


def _rows(
    context: RefreshContext, profile: AccountProfile, dataset: Dataset, columns: Sequence[str]
) -> list[tuple[str | None, ...]]:
    """Return columns of the newest landing of a list; nothing if it was never taken."""
    day = newest(context, profile, dataset)
    if day is None:
        return []
    place = partition_of(context, profile.account, dataset, day)
    return list(zip(*(land.texts(place, column) for column in columns), strict=True))
