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
from pipelines.publish import disk
from pipelines.publish.exports import without_formula
from pipelines.publish.release import BUILD_WAIT, build_and_publish, is_current
from pipelines.publish.statements import check_terms
from pipelines.publish.statements.terms import content_of, parse_terms

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path
    from typing import Any

    from duckdb import DuckDBPyConnection

_MAX_OBJECTIONS = 10

_RELEASE = "select release_id, schema_version, code_version from meta.release"
_FILES = "select path, digest from meta.files where bill_month = getvariable('month')"
_MODELS = "select model_name, digest from meta.models"

_ACCOUNTS = """
    select account, is_own_bill, month_state, is_complete, is_reconciled
    from main.dim_bill_months
    where bill_month = getvariable('month')
    order by account, is_own_bill
"""

_OBJECTIONS = """
    with

    bills as (
        select
            account, customer_uin, false as is_own_bill, month_state, is_complete and is_reconciled as is_fine, reason
        from main.rpt_reconciliation
        where bill_month = getvariable('month') and coalesce(is_counted, true)
        union all
        select account, null, true, month_state, is_complete and (coalesce(is_equal, false) or is_informative), reason
        from main.rpt_own_reconciliation
        where bill_month = getvariable('month')
    ),

    of_bills as (
        select
            account, customer_uin, is_own_bill,
            'landed while the month was ' || month_state || '.' as objection
        from bills where month_state <> 'issued'
        union all
        select account, customer_uin, is_own_bill, coalesce(reason, 'not complete or not reconciled.')
        from bills where not is_fine
    ),

    of_accounts as (
        select
            account, is_own_bill,
            case
                when month_state <> 'issued' then 'landed while the month was ' || month_state || '.'
                else 'not complete or not reconciled.'
            end as objection
        from main.dim_bill_months
        where bill_month = getvariable('month') and not (month_state = 'issued' and is_complete and is_reconciled)
        union all
        select distinct account, is_own_bill, 'nothing of the month has landed.'
        from main.dim_bill_months
        where account not in (select account from main.dim_bill_months where bill_month = getvariable('month'))
    ),

    objections as (
        select account, customer_uin, objection from of_bills
        union
        select account, null, objection from of_accounts anti join of_bills using (account, is_own_bill)
        union
        select counted_by_account, customer_uin, 'accounts that both have this customer landed different bills for it.'
        from main.rpt_shared_customers
        where bill_month = getvariable('month') and not is_agreed
    )

    select account || coalesce(', customer ' || customer_uin, '') || ': ' || objection
    from objections
    order by all
"""

_COSTS = """
    select
        account, customer_uin, false as is_own_bill, bill_month, product_code, product_name, region_name,
        pay_mode_name, transaction_type, billing_currency, sum(line_count)::bigint as line_count,
        sum(list_cost) as list_cost, sum(contracted_cost) as contracted_cost, sum(voucher_amount) as voucher_amount,
        sum(billed_cost) as billed_cost
    from main.fct_monthly_costs
    where bill_month = getvariable('month')
    group by all
    union all
    select
        account, null, true, bill_month, product_code, product_name, region_name,
        pay_mode_name, transaction_type, billing_currency, sum(line_count),
        sum(list_cost), null, null, sum(billed_cost)
    from main.fct_own_monthly_costs
    where bill_month = getvariable('month')
    group by all
    order by all
"""

_TIE_OUT = """
    select
        account, customer_uin, billing_currency, 'customer' as bill,
        detail_cost, summary_cost, by_product_cost, by_region_cost, by_pay_mode_cost, null as by_project_cost,
        case
            -- greatest and least ignore nulls, so a missing total would go unnoticed.
            when detail_cost + summary_cost + by_product_cost + by_region_cost + by_pay_mode_cost is null then null
            when is_reconciled then 0
            else
                greatest(detail_cost, summary_cost, by_product_cost, by_region_cost, by_pay_mode_cost)
                - least(detail_cost, summary_cost, by_product_cost, by_region_cost, by_pay_mode_cost)
        end as difference,
        landed_rows as row_count, is_complete, is_reconciled, as_of_at as proven_at, reason
    from main.rpt_reconciliation
    where bill_month = getvariable('month') and coalesce(is_counted, true)
    union all
    select
        own.account, null, any_value(own.billing_currency), 'own',
        any_value(own.detail_cost), null,
        any_value(own.compared_cost) filter (where own.compared_with = 'summary by product'),
        null, null,
        any_value(own.compared_cost) filter (where own.compared_with = 'summary by project'),
        case
            when bool_and(own.difference is not null) filter (where not own.is_informative)
                then max(abs(own.difference)) filter (where not own.is_informative)
        end,
        (select sum(line_count)::bigint from main.fct_own_monthly_costs as costs
         where costs.account = own.account and costs.bill_month = getvariable('month')),
        bool_and(own.is_complete), bool_and(coalesce(own.is_equal, false) or own.is_informative),
        min(own.as_of_at), string_agg(distinct own.reason, ' ') filter (where not own.is_informative)
    from main.rpt_own_reconciliation as own
    where own.bill_month = getvariable('month')
    group by own.account
    order by all
"""


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
        connection.execute("set variable month = $month", {"month": month.key})
        accounts = _rows(connection, _ACCOUNTS)
        if not accounts:
            raise SettingError(f"The release has nothing of {month}: run make month MONTH={month} first.")
        terms = None if terms_file is None else _read_checked_terms(connection, month, terms_file)
        objections = tuple(text for (text,) in connection.execute(_OBJECTIONS).fetchall())
        if objections and not reason:
            raise SettingError(_refusal(month, objections))
        (release_fields,) = _rows(connection, _RELEASE)
        private = () if terms is None else (TERMS,)  # no customer may see the markup of another
        with disk.folder_in_place(paths.closed_folder(home, month.key), private) as aside:
            try:
                _write(connection, aside)
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
                accounts=tuple(AccountMonth(**row) for row in accounts),
                files=_digests(connection, _FILES),
                models=_digests(connection, _MODELS),
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


def _write(connection: DuckDBPyConnection, folder: Path) -> None:
    """Write the costs as Parquet and the tie-out as CSV."""
    columns = ", ".join(f'"{name}"::{type_} as "{name}"' for name, type_ in COST_COLUMNS.items())
    costs = f"select {columns} from ({_COSTS})"  # noqa: S608  names of this project
    for name, query in ((COSTS, costs), (TIE_OUT, _spreadsheet_safe(connection, _TIE_OUT))):
        target = str(folder / name).replace("'", "''")
        connection.execute(f"copy ({query}) to '{target}' (format {name.rpartition('.')[2]})")


def _spreadsheet_safe(connection: DuckDBPyConnection, query: str) -> str:
    """Return the query with its texts changed so that no spreadsheet takes them for formulas."""
    columns = [(f'"{name}"', type_) for name, type_, *_ in connection.execute(f"describe {query}").fetchall()]
    expressions = (f"{without_formula(name) if type_ == 'VARCHAR' else name} as {name}" for name, type_ in columns)
    return f"select {', '.join(expressions)} from ({query})"  # noqa: S608  names of this project


def _rows(connection: DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    found = connection.execute(query)
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _digests(connection: DuckDBPyConnection, query: str) -> dict[str, str]:
    return dict(sorted(connection.execute(query).fetchall()))


def _user() -> str:
    """Return the name of the system's user; its number if it has none, as in many containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
