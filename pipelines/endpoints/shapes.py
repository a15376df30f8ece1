"""The types that the catalogue is written in: Action, Dataset and what they consist of.

Immutable values only. `client/` signs, paces and sends requests; `refresh/` and `extract/` decide which to make.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from types import MappingProxyType


class Role(StrEnum):
    """An account's role at the service. It decides which actions the account may call."""

    DISTRIBUTOR = "distributor"
    RESELLER = "reseller"
    SECOND_LEVEL_RESELLER = "second_level_reseller"
    CUSTOMER = "customer"


PARTNERS = (Role.DISTRIBUTOR, Role.SECOND_LEVEL_RESELLER, Role.RESELLER)
DISTRIBUTORS = (Role.DISTRIBUTOR,)
CUSTOMERS = (Role.CUSTOMER,)
EVERYONE = (*PARTNERS, Role.CUSTOMER)

LIMITS_PAGE = date(2026, 2, 10)
"""The date of the API category page (document 1085/51407), the source of most rate limits."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a reply, or a column of a downloaded file.

    - `name`, `type`: as in the API's definition. Types are `string`, `int64`, `uint64`, `float`, `bool`, `object` and
      `list<...>` of these.
    - `fields`: the members of an object, or of a list's objects.
    - `nullable`: the definition says that it can be null. Every field is treated as nullable anyway.
    - `values`: all values that a document lists; empty if none does.
    - `personal`: it holds personal data.
    - `headers`: other spellings of a file column's header.
    - `inferred`: no document or sample shows this file column; it is only expected.
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
    """A parameter of a request.

    `minimum` and `maximum` are the documented range of its value, or of its length if it is a list. `fields` are the
    members of an object.
    """

    name: str
    type: str = "string"
    required: bool = False
    minimum: int | None = None
    maximum: int | None = None
    fields: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True)
class Paging:
    """How to page through an action's rows: the number of the first page and the rows to request on each.

    `documented` is False if the API documents neither the first page nor the largest size: both are then assumptions.
    """

    size: int
    first: int = 1
    documented: bool = True


@dataclass(frozen=True, slots=True)
class Action:
    """An operation of the Partner API (version 2022-09-28), such as `DescribeCustomerBillDetail`.

    What can be called:

    - `category`: the API's own group of actions, one module of this package each.
    - `limit`: the documented rate limit, in requests per second. `limit_as_of` is the date of the page that states it:
      the service has lowered limits before.
    - `roles`: the account roles that may call it.
    - `writes`: it changes something at the service. The client refuses to call it.

    What goes in and out:

    - `parameters`: of a request.
    - `fields`: of the reply, without `RequestId`.
    - `rows`: the reply's field that holds the rows. An object there is one row. None: the reply itself is one row.
    - `total`: the reply's field that counts the rows of all pages, as a dotted path. None: the API gives no total.
    - `paging`: None if one reply holds everything.
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
        """The fields of one row: those of the field named by `rows`, or the whole reply's."""
        if self.rows is None:
            return self.fields
        return next(member.fields for member in self.fields if member.name == self.rows)


class PartitionKind(StrEnum):
    """The period that one partition of a dataset covers. Months and days are in UTC+8.

    The value is part of the partition's folder name in the lake: `<kind>=<key>`.
    """

    BILL_MONTH = "bill_month"
    BILL_DATE = "bill_date"
    SNAPSHOT_DATE = "snapshot_date"


class Merge(StrEnum):
    """Which landed rows a new landing replaces."""

    BY_SLICE = "by_slice"
    """Those of the slices that were requested; all others stay."""
    WHOLE = "whole"
    """All rows of the partition. Only a requested slice that failed keeps its landed rows."""


class SliceBy(StrEnum):
    """What a dataset is sliced by: one request for each, or for each batch if `slice_by_parameter` takes a list."""

    ACCOUNT = "account"
    """Nothing: the request is about the account itself."""
    CUSTOMER = "customer"
    """The partner's customers."""
    SUB_AGENT = "sub_agent"
    """The second-level resellers of a distributor."""
    VOUCHER = "voucher"
    """The vouchers of which an amount was used."""
    POLICY_CODE = "policy_code"
    """The rebate policies named in the settings (`policy_codes`)."""
    INVITATION_TOKEN = "invitation_token"  # noqa: S105  the name of a kind, not a token
    """The invitations named in the settings (`invitation_tokens`)."""


TAG_KEY = "<tag key>"
"""A placeholder in `tag_variants` for each tag key that the settings name."""

DIRECT, INDIRECT = CUSTOMER_KINDS = ("Customer", "ResellerCustomer")
"""Values of `kind_parameter`: a customer of the account itself, or an indirect customer of a distributor."""

Parameters = Mapping[str, str | int | tuple[str, ...]]
"""Values of a request's parameters, by name."""
NOTHING: Parameters = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Dataset:
    """A kind of data to land: which action gives it, how its requests are filled in and how its rows are proven.

    Each dataset is one raw asset, one folder in the lake and one `stg_` model. Some actions feed several datasets.
    `description` says in a phrase what its rows are.

    Parameters of its requests:

    - `key_parameter`: takes the partition's month or day.
    - `span_parameters`: take the first and last second of the partition (`YYYY-MM-DD hh:mm:ss`).
    - `customer_parameter`: takes the customer that the rows belong to.
    - `kind_parameter`: takes whether that is a direct or an indirect customer (`CUSTOMER_KINDS`).
    - `slice_by`, `slice_by_parameter`: one request for each customer, voucher and so on, and the parameter that takes
      it. If that parameter takes a list, one request for each batch.
    - `fixed`: the same in every request.
    - `variants`: every request is made once with each of these; `tag_variants`: once with each of these and each tag
      key of the settings.

    Rows:

    - `file`: the columns, if the rows are in a file that the reply links to.
    - `cost`, `currency`: the row fields whose sums are kept as proof. None: the rows have no such field.
    - `merge`: which landed rows a landing replaces.

    Which slices are requested, by the rows of other datasets:

    - `needs_issued_bill`: none before the month's bill is issued.
    - `changed_if`: before that, only customers whose rows in this cheaper dataset have changed.
    - `requested_if_cost`: only customers with a cost other than 0 in this dataset.
    - `requested_if_rows`: only customers with rows in this dataset.
    - `reconciled_with`: once the bill is issued, each customer's cost must equal its cost in this dataset.

    `roles`: the roles that it is requested for by default; None: all that may call the action. It is set where sources
    disagree on the action's roles.
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
        """The fields of one row, of the file or of the reply."""
        return self.action.row_fields if self.file is None else self.file

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the source columns in the lake, in order, without lineage columns and `_extra`."""
        return tuple(member.name for member in self.fields)

    @property
    def batch(self) -> int:
        """How many customers, vouchers and so on (`slice_by`) one request takes."""
        parameter = next((p for p in self.action.parameters if p.name == self.slice_by_parameter), None)
        return parameter.maximum or 1 if parameter and parameter.type.startswith("list<") else 1

    @property
    def default_roles(self) -> tuple[Role, ...]:
        """The roles it is requested for, unless `extra_datasets` in the settings adds another."""
        return self.action.roles if self.roles is None else self.roles
