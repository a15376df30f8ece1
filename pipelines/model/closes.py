"""What was frozen when a bill month was closed, as the month's folder says: read here, written by `publish.closing`.

A folder `closed/<month>/` holds `close.json` (a `Close`), the costs that were invoiced, the tie-out and the invoicing
terms. It is never written again: what differs from its digests is corrupt.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from pipelines import paths
from pipelines.errors import CorruptFile

if TYPE_CHECKING:
    from pathlib import Path

CLOSE, COSTS, TIE_OUT = "close.json", "closed_costs.parquet", "tie_out.csv"
"""The files of a folder: what it is, the costs at the grain of a statement, and how each customer's bill tied out."""

TERMS = "customers.csv"
"""The owner's invoicing terms as they were when the month was closed; not there if there were none."""

COST_COLUMNS = {
    "account": "varchar",
    "customer_uin": "varchar",
    "is_own_bill": "boolean",
    "bill_month": "varchar",
    "product_code": "varchar",
    "product_name": "varchar",
    "region_name": "varchar",
    "pay_mode_name": "varchar",
    "transaction_type": "varchar",
    "billing_currency": "varchar",
    "line_count": "bigint",
    "list_cost": "decimal(38,8)",
    "contracted_cost": "decimal(38,8)",
    "voucher_amount": "decimal(38,8)",
    "billed_cost": "decimal(38,8)",
}
"""The columns of frozen costs: one row per account, customer (null: the account's own bill) and kind of cost."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AccountMonth(_Strict):
    """What an account's month was like when it was closed; `is_own_bill`: not those of customers, but its own."""

    account: str
    is_own_bill: bool
    month_state: str
    is_complete: bool
    is_reconciled: bool


class Close(_Strict):
    """How a month was closed: by whom, with which release, of which files and SQL (digests by name).

    `reason` is what was given to close it in spite of `overridden`, the sentences that spoke against it. `closed_at` is
    the billing clock's. `files` are the month's landed files, by path; `contents` are the other files of the folder, by
    name, and `release_sha256` is the digest of the release that is kept.
    """

    bill_month: str
    release_id: str
    release_sha256: str
    closed_at: AwareDatetime
    closed_by: str
    reason: str | None
    overridden: tuple[str, ...]
    schema_version: str
    code_version: str
    accounts: tuple[AccountMonth, ...]
    files: dict[str, str]
    models: dict[str, str]
    contents: dict[str, str]


@dataclass(frozen=True, slots=True)
class ClosedMonth:
    """A closed month: its folder relative to the home, the SHA-256 of its `close.json`, and what that says."""

    path: str
    digest: str
    close: Close

    @property
    def bill_month(self) -> str:
        """The month, YYYY-MM."""
        return self.close.bill_month


def closed_months(home: Path) -> list[ClosedMonth]:
    """List every closed month of a home, oldest first. Raises CorruptFile for one that is not as it was closed."""
    return [_read(home, folder) for folder in sorted(paths.closed_root(home).glob("????-??"))]


def sha256(path: Path) -> str:
    """Return the SHA-256 (hex) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(home: Path, folder: Path) -> ClosedMonth:
    try:
        text = (folder / CLOSE).read_bytes()
        close = Close.model_validate_json(text)
        found = {name: sha256(folder / name) for name in close.contents}
    except (OSError, ValidationError) as error:
        raise _corrupt(folder, f"it cannot be read ({type(error).__name__})") from error
    if close.bill_month != folder.name:
        raise _corrupt(folder, f"it is what was frozen of {close.bill_month}")
    for name, digest in close.contents.items():
        if found[name] != digest:
            raise _corrupt(folder, f"its {name} is not the one that was frozen")
    return ClosedMonth(folder.relative_to(home).as_posix(), hashlib.sha256(text).hexdigest(), close)


def _corrupt(folder: Path, what: str) -> CorruptFile:
    return CorruptFile(
        f"{folder}, which holds what was frozen of a closed month, is corrupt: {what}. Put it back from a backup; "
        "readers keep the last release."
    )
