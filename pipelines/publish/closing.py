"""`make close`: keeps what was invoiced for a bill month, the release it came from and the proof that its sums agree.

A month is closed once and for good; its folder appears complete, in one step. `rpt_restatements` and
`rpt_restatement_lines` compare later restatements with it. `model.closes` defines the folder's format.
"""

from __future__ import annotations

import getpass
import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import duckdb

from pipelines import locks, paths
from pipelines.errors import BillEtlError, BuildFailed, SettingError, StorageFailed
from pipelines.model.closes import CLOSE, COST_COLUMNS, COSTS, TERMS, TIE_OUT, AccountMonth, Close, sha256
from pipelines.model.session import is_refusal, reader
from pipelines.periods import BILLING_ZONE, BillMonth, MonthState
from pipelines.publish import disk, queries
from pipelines.publish.exports import without_formula
from pipelines.publish.release import BUILD_WAIT, build_and_publish, is_current
from pipelines.publish.statements import check_terms
from pipelines.publish.statements.terms import content_of, parse_terms

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from duckdb import DuckDBPyConnection

_MAX_OBJECTIONS = 10


def close_month(
    home: Path,
    month: BillMonth,
    *,
    now: datetime,
    code_version: str,
    reason: str | None = None,
    terms_file: Path | None = None,
    masked: bool = True,
) -> Close:
    """Close a bill month with the current release, publish that it is closed, and return the content of `close.json`.

    `now` is the billing clock's time. `reason` closes a month that is over although its bill is not issued or not all
    of it is complete and reconciled; it is kept. `terms_file` is the owner's `customers.csv`: a copy is kept, readable
    by the owner only, and statements of the month use it from now on. `masked` is as in `build_and_publish`.

    Raises SettingError if the month is already closed or still running; if there are objections and no reason; if the
    terms are wrong; if there is no release, or it lacks landed files. Raises Busy, and StorageFailed if the disk
    refuses. In all these cases nothing is closed. An error after the month was closed, also BuildFailed, says first
    that the month is closed: then only `build_and_publish` is left to do.
    """
    stated_reason = (reason or "").strip() or None
    close: Close | None = None
    with ExitStack() as stack:
        with locks.held(paths.build_lock(home), f"the build of {home}", wait=BUILD_WAIT):
            if not paths.closed_folder(home, month.key).exists():
                stack.enter_context(_errors_name_close(home, month))
                close = _write_close(home, month, now, stated_reason, terms_file, masked=masked)
        # Also publishes a close by an earlier call that was killed before this line.
        build_and_publish(home, now=now, code_version=code_version, masked=masked)
    if close is None:
        raise SettingError(
            f"{month} is already closed: {paths.closed_folder(home, month.key) / CLOSE} says when and by whom. A month "
            "can be closed only once; rpt_restatements and rpt_restatement_lines show what was restated since."
        )
    return close


@contextmanager
def _errors_name_close(home: Path, month: BillMonth) -> Iterator[None]:
    """Make an error say first that the month is closed, if the block closed it before the error.

    Errors of the disk then become StorageFailed, others of DuckDB or the system BuildFailed.
    """
    outcome = f"{month} is closed, and only publishing is left: fix this, then run make rebuild."
    try:
        yield
    except (BillEtlError, OSError, duckdb.Error) as error:
        if not paths.closed_folder(home, month.key).exists():
            raise
        if isinstance(error, BillEtlError):
            error.args = (f"{outcome} {error}",)
            raise
        is_storage = isinstance(error, OSError | duckdb.IOException) or is_refusal(error)
        failure = StorageFailed if is_storage else BuildFailed
        raise failure(f"{outcome} {error}") from error


def _write_close(
    home: Path, month: BillMonth, now: datetime, reason: str | None, terms_file: Path | None, *, masked: bool
) -> Close:
    if month.state(now) is MonthState.OPEN:
        raise SettingError(f"{month} is still open: it cannot be closed before it is over (UTC+8), even with REASON.")
    current = paths.current_release(home)
    if not current.exists():
        raise SettingError(f"There is no release at {current} to close {month} with: run make month MONTH={month}.")
    if not is_current(home, masked=masked):
        raise SettingError(
            f"The release lacks landed files or code changes: run make rebuild, look at {month}, then close."
        )
    release = current.resolve()
    with reader(release) as connection:
        connection.execute(f"set TimeZone = '{BILLING_ZONE.key}'")
        accounts = queries.read(connection, AccountMonth, "close_accounts", month=month.key)
        if not accounts:
            raise SettingError(f"The release has nothing of {month}: run make month MONTH={month} first.")
        terms = None if terms_file is None else _read_checked_terms(connection, month, terms_file)
        objections = tuple(row["objection"] for row in queries.rows(connection, "close_objections", month=month.key))
        if objections and not reason:
            raise SettingError(_refusal(month, objections))
        (release_fields,) = queries.rows(connection, "close_release")
        private = () if terms is None else (TERMS,)  # no customer may see the markup of another
        with disk.folder_in_place(paths.closed_folder(home, month.key), private) as aside:
            try:
                _write(connection, month, aside)
            except duckdb.IOException as error:
                raise StorageFailed(f"{month} is not closed: {error}. Fix the disk, then close it again.") from error
            if terms is not None:
                (aside / TERMS).write_bytes(terms)
            close = Close(
                bill_month=month.key,
                release_sha256=sha256(release),
                closed_at=now.astimezone(BILLING_ZONE),
                closed_by=_user(),
                reason=reason,
                overridden=objections,
                accounts=tuple(accounts),
                files=_digests(connection, "close_files", month),
                models=_digests(connection, "close_models", month),
                contents={file.name: sha256(file) for file in sorted(aside.iterdir())},
                **release_fields,
            )
            (aside / CLOSE).write_text(close.model_dump_json(indent=2) + "\n", encoding="utf-8")
            disk.keep(release, paths.closed_release(home, month.key))
    return close


def _read_checked_terms(connection: DuckDBPyConnection, month: BillMonth, file: Path) -> bytes:
    """Return the content of a terms file; it is read only once, so that the copy kept is the content that was checked.

    Raises SettingError if a statement could not be made with it.
    """
    content = content_of(file)
    check_terms(connection, month.key, parse_terms(file, content))
    return content


def _refusal(month: BillMonth, objections: Sequence[str]) -> str:
    shown = objections[:_MAX_OBJECTIONS]
    more = [f"... and {len(objections) - len(shown)} more"] if len(objections) > len(shown) else []
    return "\n".join(
        [
            f"{month} is not closed, because not all of it is issued, complete and reconciled:",
            *(f"  {line}" for line in (*shown, *more)),
            f"Run make month MONTH={month}, then close it again.",
            f"To close it as it is, give a reason: make close MONTH={month} REASON='...' (pipelines close: --reason).",
        ]
    )


def _write(connection: DuckDBPyConnection, month: BillMonth, folder: Path) -> None:
    """Write the costs as Parquet and the tie-out as CSV."""
    columns = ", ".join(f'"{name}"::{type_} as "{name}"' for name, type_ in COST_COLUMNS.items())
    costs = f"select {columns} from (\n{queries.text('close_costs')})"  # noqa: S608  names of this project
    for name, query in ((COSTS, costs), (TIE_OUT, _spreadsheet_safe(connection, month, queries.text("close_tie_out")))):
        target = str(folder / name).replace("'", "''")
        connection.execute(f"copy (\n{query}) to '{target}' (format {name.rpartition('.')[2]})", {"month": month.key})


def _spreadsheet_safe(connection: DuckDBPyConnection, month: BillMonth, query: str) -> str:
    """Return the query with its texts changed so that no spreadsheet takes them for formulas."""
    described = connection.execute(f"describe {query}", {"month": month.key}).fetchall()
    columns = [(f'"{name}"', type_) for name, type_, *_ in described]
    expressions = (f"{without_formula(name) if type_ == 'VARCHAR' else name} as {name}" for name, type_ in columns)
    return f"select {', '.join(expressions)} from (\n{query})"  # noqa: S608  names of this project


def _digests(connection: DuckDBPyConnection, query: str, month: BillMonth) -> dict[str, str]:
    """Return the digests that a query lists, by name."""
    return {row["name"]: row["digest"] for row in queries.rows(connection, query, month=month.key)}


def _user() -> str:
    """Return the name of the system's user; its number if it has none, as in many containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
