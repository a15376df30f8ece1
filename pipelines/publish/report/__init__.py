"""The report of a month: one offline HTML page for each account, with its figures and how far they can be trusted.

`queries` reads a release into the classes of `figures`; `charts` and `spelling` draw and format them; `page` makes one
file of it. Every figure comes from a model: none is computed only here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines import paths
from pipelines.errors import SettingError
from pipelines.model.session import reader
from pipelines.periods import BILLING_ZONE, BillMonth
from pipelines.publish import disk
from pipelines.publish.release_stamp import stamps
from pipelines.publish.report.page import page
from pipelines.publish.report.reading import figures

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from pipelines.publish.release_stamp import ReleaseStamp


@dataclass(frozen=True, slots=True)
class Report:
    """A page that was written, and the stamp that says how far its figures can be trusted."""

    path: Path
    stamp: ReleaseStamp


def write_reports(home: Path, key: str, accounts: Sequence[str] = ()) -> list[Report]:
    """Write a page for each account, or each of `accounts`, with bills of the month (YYYY-MM) in the current release.

    All pages are of one release. Raises SettingError if there is no release, or if it lacks the month or an account;
    CorruptFile if it cannot be opened (nothing is written in either case); StorageFailed if the disk refuses.
    """
    month, link = BillMonth(key), paths.current_release(home)
    if not link.exists():
        raise SettingError(f"There is no release at {link} yet: run make demo, or make month MONTH={month}.")
    with reader(link) as connection:
        connection.execute(f"set TimeZone = '{BILLING_ZONE.key}'")
        pages = [(stamp, page(figures(connection, stamp))) for stamp in _chosen(connection, month, accounts)]
    return [Report(_write(home, stamp, text), stamp) for stamp, text in pages]


def _chosen(connection: DuckDBPyConnection, month: BillMonth, accounts: Sequence[str]) -> list[ReleaseStamp]:
    found = stamps(connection, month.key)
    if not found:
        raise SettingError(f"The current release has no bills of {month}: run make month MONTH={month}.")
    names = {stamp.account for stamp in found}
    if unknown := sorted(set(accounts) - names):
        raise SettingError(
            f"The current release has no bills of {month} for {', '.join(unknown)}; it has them for "
            f"{', '.join(sorted(names))}."
        )
    return [stamp for stamp in found if not accounts or stamp.account in accounts]


def _write(home: Path, stamp: ReleaseStamp, text: str) -> Path:
    path = paths.report_file(home, stamp.bill_month, stamp.account)
    disk.write_into_place(text.encode(), path)
    return path
