"""The month's report: one page of HTML for each account, offline, that says how far its figures can be trusted.

`queries` asks a release, `figures` are the shapes of what it answers, `charts` and `spelling` draw and spell them, and
`page` puts all into one file. What does not belong here: figures that no model has.
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
from pipelines.publish.report.queries import figures

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from pipelines.publish.release_stamp import ReleaseStamp


@dataclass(frozen=True, slots=True)
class Report:
    """A page that was written, and how far its figures can be trusted."""

    path: Path
    stamp: ReleaseStamp


def write_reports(home: Path, key: str, accounts: Sequence[str] = ()) -> list[Report]:
    """Write the page of each account that has the month (YYYY-MM) in the current release, or of these accounts alone.

    All pages are of one release. Raises SettingError without a release, and for a month or an account that it does not
    hold, CorruptFile for one that cannot be opened: then nothing is written; StorageFailed if the disk refuses.
    """
    month, link = BillMonth(key), paths.current_release(home)
    if not link.exists():
        raise SettingError(f"There is no release at {link} yet: run make demo, or make month MONTH={month}.")
    with reader(link) as connection:
        connection.execute(f"set TimeZone = '{BILLING_ZONE.key}'")
        pages = [(stamp, page(figures(connection, stamp))) for stamp in _chosen(connection, month, accounts)]
    return [Report(_written(home, stamp, text), stamp) for stamp, text in pages]


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


def _written(home: Path, stamp: ReleaseStamp, text: str) -> Path:
    path = paths.report_file(home, stamp.bill_month, stamp.account)
    disk.write_into_place(text.encode(), path)
    return path
