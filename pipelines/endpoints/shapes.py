"""The words the catalogue is written in: what an action and a dataset are made of.

Only frozen values belong here. How a request is signed, paced or sent is `client/`'s business; what is asked when is
`extract/`'s and `refresh`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from types import MappingProxyType


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
    definition flags; every field is treated as nullable anyway. `values` are all that a document enumerates (empty: it
    enumerates none), `personal` marks what tells of a person. Of a file's column, `headers` are other spellings of its
    header, and `inferred` says that no document or sample has the column: it is only expected.
    """

    name: str
    type: str = "string"
    fields: tuple[Field, ...] = ()
    nullable: bool = False
    values: tuple[str, ...] = ()
    personal: bool = False
    headers: tuple[str, ...] = ()
    inferred: bool = False


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
    holds the rows (None: the reply itself is one row; one that is an object is one row), `total` the member that counts
    them over all pages, with dots where it is inside another.
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
    BILL_DATE = "bill_date"
    SNAPSHOT_DATE = "snapshot_date"


class Merge(StrEnum):
    """What a landing replaces: the asked customers' rows, or the whole partition."""

    BY_SLICE = "by_slice"
    WHOLE = "whole"


class SliceBy(StrEnum):
    """What a dataset is asked for one by one, or a few at a time where `slice_by_parameter` takes a list."""

    ACCOUNT = "account"
    """Nothing: the account asks for itself."""
    CUSTOMER = "customer"
    SUB_AGENT = "sub_agent"
    """The second-level resellers of a distributor."""
    VOUCHER = "voucher"
    """The vouchers of which something was used."""
    POLICY_CODE = "policy_code"
    """As the settings name them."""
    INVITATION_TOKEN = "invitation_token"  # noqa: S105  a kind, no token
    """As the settings name them."""


TAG_KEY = "<tag key>"
"""Stands in `tag_variants` where each tag key that the settings name goes."""

DIRECT, INDIRECT = CUSTOMER_KINDS = ("Customer", "ResellerCustomer")
"""What a customer is to a distributor: one of its own, or one of its second-level resellers."""

Parameters = Mapping[str, str | int | tuple[str, ...]]
"""Parameters of a request, by name."""
NOTHING: Parameters = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Dataset:
    """One dataset = one raw asset = one folder in the lake = the stem of one `stg_` model.

    Of a request's parameters, `key_parameter` carries the partition's month or day, `span_parameters` its first and
    last second (`YYYY-MM-DD hh:mm:ss`), `customer_parameter` the customer that the rows are of, `kind_parameter`
    whether that is a customer of the account's own or of its second-level resellers (`CUSTOMER_KINDS`),
    `slice_by_parameter` what else it is asked for (`slice_by`), a list where the action takes one. `fixed` are the same in
    every request; with `variants` everything is asked once for each of them, with `tag_variants` once for each and each
    tag key.

    `file`: the rows are in a file that the reply links to, with these columns. `needs_issued_bill`: there is nothing before
    the month's bill is out. `cost` and `currency` name the row fields whose sums prove a landing (None: no such field).
    `reconciled_with` names the dataset whose per-customer cost this dataset's sum must equal once a month is closed;
    `changed_if` the cheap one that tells whose rows of a month that is not closed may have changed; `requested_if_cost` and
    `requested_if_rows` the ones that must have a cost other than 0, and rows, of a customer for this one to be asked. `roles`
    is narrower than the action's where sources disagree.
    """

    name: str
    description: str
    action: Action
    partition: PartitionKind
    merge: Merge
    key_parameter: str | None = None
    span_parameters: tuple[str, str] | None = None
    customer_parameter: str | None = None
    kind_parameter: str | None = None
    slice_by: SliceBy = SliceBy.ACCOUNT
    slice_by_parameter: str | None = None
    fixed: Parameters = field(default_factory=lambda: NOTHING)
    variants: tuple[Parameters, ...] = (NOTHING,)
    tag_variants: tuple[Parameters, ...] = ()
    file: tuple[Field, ...] | None = None
    needs_issued_bill: bool = False
    cost: str | None = None
    currency: str | None = None
    reconciled_with: str | None = None
    changed_if: str | None = None
    requested_if_cost: str | None = None
    requested_if_rows: str | None = None
    roles: tuple[Role, ...] | None = None

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields of one row: the file's columns, or the reply's."""
        return self.action.row_fields if self.file is None else self.file

    @property
    def columns(self) -> tuple[str, ...]:
        """The source columns in the lake, in the catalogue's order, without lineage columns and `_extra`."""
        return tuple(member.name for member in self.fields)

    @property
    def batch(self) -> int:
        """How many of `slice_by` one request takes."""
        parameter = next((p for p in self.action.parameters if p.name == self.slice_by_parameter), None)
        return parameter.maximum or 1 if parameter and parameter.type.startswith("list<") else 1

    @property
    def default_roles(self) -> tuple[Role, ...]:
        """The roles that are asked for it unless a setting widens them."""
        return self.action.roles if self.roles is None else self.roles
