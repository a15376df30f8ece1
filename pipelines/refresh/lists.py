"""An account's lists, read from the lake: its customers, its second-level resellers and their customers, its vouchers.

`partition` refreshes the lists. `slices` decides what to request for each of their entries.
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

LISTS = (CUSTOMERS, SUB_AGENTS, INDIRECT_CUSTOMERS, CUSTOMER_VOUCHERS, OWN_VOUCHERS)
"""Datasets whose entries other datasets are requested for. Each comes after the lists that it needs itself."""

_UIN_COLUMNS = {CUSTOMERS.name: "CustomerUin", SUB_AGENTS.name: "SubAgentUin", INDIRECT_CUSTOMERS.name: "ClientUin"}
"""The column that holds the UINs, by list of accounts."""


@dataclass(frozen=True, slots=True)
class Customers:
    """UINs of an account's customers from its newest lists: its own (direct), and its second-level resellers'."""

    direct: frozenset[str] = frozenset()
    indirect: frozenset[str] = frozenset()

    @property
    def listed(self) -> frozenset[str]:
        """Direct and indirect customers."""
        return self.direct | self.indirect


def needed_lists(profile: AccountProfile, datasets: Iterable[Dataset]) -> tuple[Dataset, ...]:
    """Return the lists that these datasets are requested by, in the order of `LISTS`.

    Snapshots are requested for the account's own customers only: second-level resellers look after theirs themselves.
    """
    names = set()
    for dataset in datasets:
        by_kind = profile.role is Role.DISTRIBUTOR and dataset.kind_parameter is not None
        if dataset.slice_by is SliceBy.CUSTOMER or dataset.customer_parameter or by_kind:
            names.add(CUSTOMERS.name)
            if profile.role is Role.DISTRIBUTOR and dataset.partition is not PartitionKind.SNAPSHOT_DATE:
                names |= {SUB_AGENTS.name, INDIRECT_CUSTOMERS.name}
        if dataset.slice_by is SliceBy.SUB_AGENT:
            names.add(SUB_AGENTS.name)
        if dataset.slice_by is SliceBy.VOUCHER:
            names.add((OWN_VOUCHERS if profile.role is Role.CUSTOMER else CUSTOMER_VOUCHERS).name)
    return tuple(dataset for dataset in LISTS if dataset.name in names)


def is_landed_today(context: RefreshContext, profile: AccountProfile, dataset: Dataset) -> bool:
    """Whether a whole list has landed today (UTC+8). Raises CorruptFile."""
    manifest = land.landed(partition_of(context, profile.account, dataset, context.clock.today().isoformat()))
    return manifest is not None and manifest.state == "whole"


def read_customers(context: RefreshContext, profile: AccountProfile, datasets: Iterable[Dataset]) -> Customers:
    """Read the customers that these datasets are requested for; nobody if they are not requested by customer.

    Raises CorruptFile, and RequestUnanswered for an entry that is not a UIN.
    """
    lists = needed_lists(profile, datasets)
    direct = read_uins(context, profile, CUSTOMERS) if CUSTOMERS in lists else frozenset()
    indirect = read_uins(context, profile, INDIRECT_CUSTOMERS) if INDIRECT_CUSTOMERS in lists else frozenset()
    return Customers(direct, indirect - direct)


def read_uins(context: RefreshContext, profile: AccountProfile, dataset: Dataset) -> frozenset[str]:
    """Read the UINs of a list; none for a list of vouchers. Raises as `read_customers`."""
    column = _UIN_COLUMNS.get(dataset.name)
    texts = [text for (text,) in _read_columns(context, profile, dataset, (column,))] if column else []
    invalid = {str(text) for text in texts if not (text and text.isdecimal())}
    if invalid:
        raise RequestUnanswered(
            f"The list {dataset.name} of account '{profile.account}' has entries that are not UINs: "
            f"{', '.join(sorted(invalid))}. Refresh the list; if they stay, the API has changed.",
            action=dataset.action.name,
            code="UnknownShape",
        )
    return frozenset(filter(None, texts))


def used_vouchers(context: RefreshContext, profile: AccountProfile, month: BillMonth) -> tuple[Slice, ...]:
    """Return one slice for each voucher that may have been used in a month.

    Such a voucher has an amount used, and became effective before the month ended. Its expiry does not matter: a
    voucher may be settled after it has expired. Raises CorruptFile.
    """
    own = profile.role is Role.CUSTOMER
    month_end = month.next.start.strftime("%Y-%m-%d %H:%M:%S")
    found = set()
    columns = ("CustomerUin", "VoucherId", "TotalAmount", "RemainingAmount", "EffectiveTime")
    for uin, voucher, total, remaining, effective in _read_columns(
        context, profile, OWN_VOUCHERS if own else CUSTOMER_VOUCHERS, columns
    ):
        if (
            voucher
            and voucher.isdecimal()
            and parse_amount(total) != parse_amount(remaining)
            and (effective or "") < month_end
        ):
            found.add(Slice.of(None if own else uin, {"VoucherId": int(voucher)}))
    return tuple(sorted(found, key=str))


def newest_day(context: RefreshContext, profile: AccountProfile, dataset: Dataset) -> str | None:
    """Return the day (`YYYY-MM-DD`, UTC+8) of a dataset's newest landed snapshot, None if there is none."""
    folder = partition_of(context, profile.account, dataset, "*").path.parent.parent
    return max((path.parent.name.partition("=")[2] for path in folder.glob("*=*/data.parquet")), default=None)


def _read_columns(
    context: RefreshContext, profile: AccountProfile, dataset: Dataset, columns: Sequence[str]
) -> list[tuple[str | None, ...]]:
    """Read columns of the newest landed snapshot of a list, as rows; none if it never landed."""
    day = newest_day(context, profile, dataset)
    if day is None:
        return []
    partition = partition_of(context, profile.account, dataset, day)
    return list(zip(*(land.texts(partition, column) for column in columns), strict=True))
