"""The folders of closed months: their format, and how they are read. `publish.closing` writes them.

A folder `closed/<month>/` holds `close.json` (a `Close`), the invoiced costs, the tie-out and the invoicing terms. It
never changes: a file that differs from its digest is corrupt.
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
"""Files of the folder: the description of the close, the costs as statements show them, and every bill's sums."""

TERMS = "customers.csv"
"""The owner's invoicing terms when the month was closed; missing if there were none."""

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
"""Columns of the costs: one row for each account, customer (null: the account's own bill) and kind of cost."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AccountMonth(_Strict):
    """State of an account's month when it was closed. `is_own_bill`: its own bill, not those of its customers."""

    account: str
    is_own_bill: bool
    month_state: str
    is_complete: bool
    is_reconciled: bool


class Close(_Strict):
    """The content of `close.json`: who closed the month, when, and with which release, files and SQL.

    `reason` was given to close the month despite the objections in `overridden`. `closed_at` is the billing clock's
    time. `files` has the digests of the month's landed files by path, `models` those of the SQL by name, `contents`
    those of the folder's other files by name, `release_sha256` that of the kept release.
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
    """A closed month: its folder relative to the home, the SHA-256 of its `close.json`, and its content."""

    path: str
    digest: str
    close: Close

    @property
    def bill_month(self) -> str:
        """The month, YYYY-MM."""
        return self.close.bill_month


def closed_months(home: Path) -> list[ClosedMonth]:
    """Return the closed months of a home, oldest first. Raises CorruptFile if a file of one is changed or missing."""
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
        raise _corrupt(folder, f"its {CLOSE} is of {close.bill_month}")
    for name, digest in close.contents.items():
        if found[name] != digest:
            raise _corrupt(folder, f"its {name} was changed since the close")
    return ClosedMonth(folder.relative_to(home).as_posix(), hashlib.sha256(text).hexdigest(), close)


def _corrupt(folder: Path, what: str) -> CorruptFile:
    return CorruptFile(
        f"{folder}, the folder of a closed month, is corrupt: {what}. Put it back from a backup; "
        "readers keep the last release."
    )
