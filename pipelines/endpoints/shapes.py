"""The words the catalogue is written in: what an action and a dataset are made of.

Only frozen values belong here. How a request is signed, paced or sent is `client/`'s business; what is asked when is
`extract/`'s and `refresh`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Role(StrEnum):
    """What an account is to the service; it decides which actions the account may call."""

    DISTRIBUTOR = "distributor"
    RESELLER = "reseller"
    SECOND_LEVEL_RESELLER = "second_level_reseller"
    CUSTOMER = "customer"


PARTNERS = (Role.DISTRIBUTOR, Role.SECOND_LEVEL_RESELLER, Role.RESELLER)
DISTRIBUTORS = (Role.DISTRIBUTOR,)
CUSTOMERS = (Role.CUSTOMER,)
EVERYONE = (*PARTNERS, Role.CUSTOMER)

LIMITS_PAGE = date(2026, 2, 10)
"""The day of the API category page (document 1085/51407) that most limits were read from."""


@dataclass(frozen=True, slots=True)
class Field:
    """One member of a reply: the API's own name and type.

    Types are `string`, `int64`, `uint64`, `float`, `bool`, `object` and `list<...>` of these. `nullable` is what the
    definition flags; every field is treated as nullable anyway.
    """

    name: str
    type: str = "string"
    fields: tuple[Field, ...] = ()
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Parameter:
    """One member of a request. Ranges are the documented ones, of the value, or of the number of items of a list."""

    name: str
    type: str = "string"
    required: bool = False
    minimum: int | None = None
    maximum: int | None = None
    fields: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True)
class Paging:
    """How an action pages: the first page's number and the rows asked for on each.

    `documented` is False where the API states neither the first page nor the largest size, so that both are ours.
    """

    size: int
    first: int = 1
    documented: bool = True


@dataclass(frozen=True, slots=True)
class Action:
    """One action of the API, version 2022-09-28.

    `limit` is in requests per second and dated (`limit_as_of`: the day of the page it was read from), because the
    service has lowered limits before. `writes` marks what this project never calls. `rows` is the reply's member that
    holds the rows (None: the reply itself is one row), `total` the member that counts them over all pages.
    """

    name: str
    category: str
    limit: int
    limit_as_of: date
    roles: tuple[Role, ...]
    parameters: tuple[Parameter, ...] = ()
    fields: tuple[Field, ...] = ()
    writes: bool = False
    rows: str | None = None
    total: str | None = None
    paging: Paging | None = None

    @property
    def row_fields(self) -> tuple[Field, ...]:
        """The fields of one row: those of the member named by `rows`, or the reply's own."""
        if self.rows is None:
            return self.fields
        return next(member.fields for member in self.fields if member.name == self.rows)


class PartitionKind(StrEnum):
    """What a dataset's lake partitions are keyed by, spelled as the folder is: `<kind>=<key>`. All in UTC+8."""

    BILL_MONTH = "bill_month"
    SNAPSHOT_DATE = "snapshot_date"


class Merge(StrEnum):
    """What a landing replaces: the asked customers' rows, or the whole partition."""

    BY_CUSTOMER = "by_customer"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class Dataset:
    """One dataset = one raw asset = one folder in the lake = the stem of one `stg_` model.

    `month_parameter` and `customer_parameter` name the parameters that carry the partition's month and the customer of
    a fan-out (None: not asked by month, or one request for the whole account). `fixed` are parameters with the same
    value in every request. `cost` and `currency` name the row fields whose sums prove a landing (None: no such field).
    `proven_by` names the dataset whose per-customer cost this dataset's sum must equal once a month is closed.
    """

    name: str
    action: Action
    partition: PartitionKind
    merge: Merge
    month_parameter: str | None = None
    customer_parameter: str | None = None
    fixed: Mapping[str, str | int] = field(default_factory=lambda: MappingProxyType({}))
    cost: str | None = None
    currency: str | None = None
    proven_by: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The source columns in the lake, in the catalogue's order, without lineage columns and `_extra`."""
        return tuple(member.name for member in self.action.row_fields)
