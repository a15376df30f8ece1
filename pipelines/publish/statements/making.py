"""Makes the statements of a month: one workbook for each customer, from one release.

Errors in the arguments or in customers.csv are found before the first workbook is written. Statements of a closed month
are made from the release and the terms that it was closed with, so that they stay the same.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import duckdb

from pipelines import locks, paths
from pipelines.errors import CorruptFile, SettingError
from pipelines.model.closes import COSTS, TERMS, closed_months, sha256
from pipelines.model.project import SCHEMA_VERSION
from pipelines.model.session import reader
from pipelines.periods import BILLING_ZONE
from pipelines.publish import disk
from pipelines.publish.currencies import NO_CURRENCY, rounded
from pipelines.publish.release_stamp import stamps
from pipelines.publish.statements.bills import bills, costs, known_customers, lines, ownerless, unlanded
from pipelines.publish.statements.figures import Standing, Statement, section
from pipelines.publish.statements.lines_sheet import COLUMNS
from pipelines.publish.statements.terms import TermsBook, read_terms
from pipelines.publish.statements.workbook import write_workbook

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from pipelines.model.closes import Close
    from pipelines.periods import BillMonth
    from pipelines.publish.statements.bills import CustomerBill, Ownerless, Unlanded
    from pipelines.publish.statements.terms import InvoiceTerms


@dataclass(frozen=True, slots=True)
class Made:
    """A workbook that was written. `due` has the rounded amount due by currency.

    A bill is whole if it is complete and reconciled, and final if it is issued too.
    """

    account: str
    customer_uin: str
    path: Path
    due: dict[str, Decimal]
    is_whole: bool
    standing: Standing

    @property
    def is_final(self) -> bool:
        """Whether the bill is issued and whole."""
        return self.standing is Standing.FINAL


@dataclass(frozen=True, slots=True)
class Statements:
    """The workbooks of a month, and what they lack.

    `ownerless` are costs that are on no statement. `unlanded` are customers without a statement because their bill did
    not land; in the `partial` accounts more customers may be missing. `closed_terms` counts the rows of terms of a
    closed month; None if the month is not closed.
    """

    release_id: str
    made: tuple[Made, ...]
    ownerless: tuple[Ownerless, ...]
    unlanded: tuple[Unlanded, ...]
    partial: tuple[str, ...]
    closed_terms: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether every bill that was wanted is there and whole."""
        return not self.unlanded and not self.partial and all(made.is_whole for made in self.made)


def make_statements(
    home: Path,
    month: BillMonth,
    *,
    terms_file: Path | None = None,
    accounts: Collection[str] = (),
    customers: Collection[str] = (),
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Statements:
    """Write a workbook for every customer with a bill in a month; only for `accounts` and `customers` if given.

    A closed month is made from its own release and terms; `terms_file` is then not read. `progress` is called with the
    number written and the number in all. If no customer is named, workbooks of customers that no longer have a bill are
    removed, unless their account's month is not whole. Other files of the owner stay.

    If everything landed and nobody was billed, none is made. Raises SettingError if a wanted bill does not exist or the
    terms are wrong, CorruptFile if a file of the closed month is damaged, StorageFailed if the disk refuses, and Busy.
    """
    with locks.held(paths.statements_lock(home), f"the statements of {home}"):
        release, book, close = _sources(home, month.key, terms_file)
        with _explain_old_tables(home, close), reader(release) as connection:
            connection.execute(f"set TimeZone = '{BILLING_ZONE.key}'")
            wanted = _wanted_bills(connection, month.key, accounts, customers, close)
            known = known_customers(connection)
            if not close:
                book.refuse_unknown(known)  # terms of a closed month were checked by the close
            plans = [_plan(book, bill, close) for bill in wanted]
            disk.private_folder(paths.statements_folder(home))
            _clear_leftovers(home, month.key)
            made: list[Made] = []
            for plan in plans:
                progress(len(made), len(plans))
                made.append(_make(home, connection, plan))
            progress(len(made), len(plans))
            if not customers:
                _remove_stale(home, month.key, accounts, known, made, _are_whole(connection, month.key))
            statements = _with_gaps(connection, month.key, accounts, made)
        if customers:  # gaps of other customers do not matter then
            statements = replace(statements, unlanded=(), partial=())
        return replace(statements, closed_terms=len(book.rows)) if close else statements


def _with_gaps(
    connection: DuckDBPyConnection, month: str, accounts: Collection[str], made: Iterable[Made]
) -> Statements:
    """Return the workbooks, with the costs and customers of the accounts (none: all) that are on no statement."""
    month_stamps = stamps(connection, month)

    def is_wanted(account: str) -> bool:
        return not accounts or account in accounts

    return Statements(
        release_id=month_stamps[0].release_id,
        made=tuple(made),
        ownerless=tuple(rest for rest in ownerless(connection, month) if is_wanted(rest.account)),
        unlanded=tuple(customer for customer in unlanded(connection, month) if is_wanted(customer.account)),
        partial=tuple(
            stamp.account
            for stamp in month_stamps
            if is_wanted(stamp.account) and not stamp.is_own_bill and not stamp.is_complete
        ),
    )


def check_terms(connection: DuckDBPyConnection, month: str, book: TermsBook) -> None:
    """Raise SettingError if the statements of a month (YYYY-MM) cannot be made with these terms."""
    book.refuse_unknown(known_customers(connection))
    for bill in bills(connection, month):
        _terms(book, bill)


@dataclass(frozen=True, slots=True)
class _WorkbookPlan:
    """A bill, its terms, and the value of one unit of its currency in the invoice's."""

    bill: CustomerBill
    terms: InvoiceTerms
    rate: Decimal


def _sources(home: Path, month: str, terms_file: Path | None) -> tuple[Path, TermsBook, Close | None]:
    """Return the release and terms for a month's statements, and the close that both are from (None: not closed)."""
    closed = {each.bill_month: each.close for each in closed_months(home)}.get(month)
    if closed is None:
        current = paths.current_release(home)
        if not current.exists():
            raise SettingError(f"There is no release at {current} yet: run make month MONTH={month}.")
        return current.resolve(), read_terms(terms_file) if terms_file else TermsBook(), None
    release, terms = paths.closed_release(home, month), paths.closed_folder(home, month) / TERMS
    if not release.exists():
        raise CorruptFile(f"{release}, which {month} was closed with, is missing: put it back from a backup.")
    if sha256(release) != closed.release_sha256:
        raise CorruptFile(f"{release} is not the release that {month} was closed with: put it back from a backup.")
    if _major(closed.schema_version) != _major(SCHEMA_VERSION):
        raise _other_version(home, closed, "which has removed or changed columns since")
    return release, read_terms(terms) if TERMS in closed.contents else TermsBook(), closed


@contextmanager
def _explain_old_tables(home: Path, close: Close | None) -> Iterator[None]:
    """Turn errors about missing columns of a closed month's release into SettingError, which says what can be done.

    Such a release may be years old and cannot be built again. For other releases see `release_faults`.
    """
    try:
        yield
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        if close is None:
            raise
        message = str(error).partition("\n")[0].rstrip(".")
        raise _other_version(home, close, f"and this release lacks some of its columns: {message}") from error


def _major(version: str) -> str:
    """Return the first number of a version of the tables; if it differs, columns may have another meaning."""
    return version.partition(".")[0]


def _other_version(home: Path, close: Close, why: str) -> SettingError:
    """Return the error that this code cannot make statements from a closed month's release, and what to do instead."""
    month = close.bill_month
    return SettingError(
        f"{month} was closed with release {close.release_id}, whose tables are of version {close.schema_version}; "
        f"this code makes statements from version {SCHEMA_VERSION}, {why}. Existing workbooks stay. To make them "
        f"again, run make statements MONTH={month} with the code that built it, {close.code_version}; the "
        f"costs are also in {paths.closed_folder(home, month) / COSTS}."
    )


def _wanted_bills(
    connection: DuckDBPyConnection,
    month: str,
    accounts: Collection[str],
    customers: Collection[str],
    close: Close | None,
) -> list[CustomerBill]:
    """Return the wanted bills; an empty list if the accounts are whole and nobody was billed.

    Raises SettingError if there are none for another reason, or if a named account or customer has no bill.
    """
    found = bills(connection, month)
    are_whole = _are_whole(connection, month)
    account_is_whole = [is_whole for account, is_whole in are_whole.items() if not accounts or account in accounts]
    if not found and not (account_is_whole and all(account_is_whole)):
        where = (
            f"release {close.release_id}, which it was closed with"
            if close
            else f"this release: run make month MONTH={month}"
        )
        raise SettingError(f"No customer has a bill in {month} in {where}.")
    for kind, names, existing in (
        ("account", accounts, {bill.stamp.account for bill in found} | {name for name in are_whole if are_whole[name]}),
        ("customer", customers, {bill.customer_uin for bill in found}),
    ):
        if missing := sorted(set(names) - existing):
            raise SettingError(
                f"There is no bill of {kind} {', '.join(missing)} in {month}. To see who has one: "
                f".venv/bin/python -m pipelines sql \"from rpt_customer_statement where bill_month = '{month}'\"."
            )
    return [
        bill
        for bill in found
        if (not accounts or bill.stamp.account in accounts) and (not customers or bill.customer_uin in customers)
    ]


def _are_whole(connection: DuckDBPyConnection, month: str) -> dict[str, bool]:
    """Return for each account with the month whether the bills of all its customers are complete and reconciled."""
    landed = [stamp for stamp in stamps(connection, month) if not stamp.is_own_bill]
    return {stamp.account: stamp.is_complete and stamp.is_reconciled for stamp in landed}


def _plan(book: TermsBook, bill: CustomerBill, close: Close | None) -> _WorkbookPlan:
    """Return the plan for a bill's workbook. Raises SettingError if the terms do not fit the bill."""
    terms, rate = _terms(book, bill)
    if close is None:
        return _WorkbookPlan(bill, terms, rate)
    # The release was made before the close, so its stamp lacks it.
    stamped = replace(bill, stamp=replace(bill.stamp, closed_release_id=bill.stamp.release_id))
    return _WorkbookPlan(stamped, terms, rate)


def _terms(book: TermsBook, bill: CustomerBill) -> tuple[InvoiceTerms, Decimal]:
    """Return the terms and the rate for a bill. Raises SettingError if the terms do not fit the bill."""
    terms = book.of(bill.stamp.account, bill.customer_uin, bill.stamp.bill_month)
    currencies = [currency or NO_CURRENCY for currency in bill.currencies]
    whose = f"the bill of customer {bill.customer_uin} in {bill.stamp.bill_month} is in {' and '.join(currencies)}"
    if terms.invoice_currency and len(bill.currencies) > 1:
        raise book.wrong(
            terms, "invoice_currency", f"{whose}, and one rate cannot apply to both: leave it and the rate empty"
        )
    is_changed = terms.invoice_currency not in (None, *bill.currencies)
    if is_changed and terms.rate is None:
        advice = f"write what one {bill.currencies[0] or 'unit'} is in {terms.invoice_currency}, such as 0.92"
        raise book.wrong(terms, "rate", f"{whose}: {advice}")
    if not is_changed and terms.rate not in (None, 1):
        raise book.wrong(terms, "rate", f"{whose}, the currency of the invoice: leave it empty")
    return terms, terms.rate or Decimal(1)


def _make(home: Path, connection: DuckDBPyConnection, plan: _WorkbookPlan) -> Made:
    bill = plan.bill
    statement = Statement(
        customer_uin=bill.customer_uin,
        customer_name=bill.customer_name,
        stamp=bill.stamp,
        terms=plan.terms,
        sections=tuple(
            section(currency or None, costs(connection, bill, currency), plan.terms, plan.rate)
            for currency in bill.currencies
        ),
        line_count=bill.line_count,
    )
    name = quote(bill.customer_uin, safe="")  # whatever the API sends, the name is not a path
    target = paths.statement_file(home, bill.stamp.bill_month, bill.stamp.account, name)
    with disk.file_in_place(target) as aside:
        write_workbook(aside, statement, lines(connection, bill, [column.name for column in COLUMNS]))
    invoices = [each.invoice for each in statement.sections]
    due = {each.invoice_currency or "": rounded(each.due, each.invoice_currency) for each in invoices}
    return Made(bill.stamp.account, bill.customer_uin, target, due, statement.is_whole, statement.standing)


def _clear_leftovers(home: Path, month: str) -> None:
    """Remove temporary files of killed runs; no other run is active, since this one holds the lock."""
    for path in (paths.statements_folder(home) / month).glob(f"*/.statement-{month}-*.xlsx"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            disk.remove(path)


def _remove_stale(
    home: Path,
    month: str,
    accounts: Collection[str],
    known: Mapping[str, set[str]],
    made: Iterable[Made],
    are_whole: Mapping[str, bool],
) -> None:
    """Remove workbooks of the month that an earlier run made and this one did not, for `accounts` (none: all).

    Those of accounts whose month is not whole stay: the bill may only be missing.
    """
    found = set((paths.statements_folder(home) / month).glob(f"*/statement-{month}-*.xlsx"))
    for path in found - {each.path for each in made}:
        account = path.parent.name
        is_wanted = not accounts or account in accounts
        if is_wanted and are_whole.get(account, True) and _is_ours(path, month, known.get(account, ())):
            disk.remove(path)


def _is_ours(path: Path, month: str, known: Collection[str]) -> bool:
    """Return whether a run made a workbook; the owner may have files such as 'statement-2026-10-1-v2.xlsx' there.

    A run names it after a customer. If the release no longer knows the customer, the name must be a number or contain
    characters escaped by `quote`, which nobody uses in names of their own.
    """
    name = path.stem.removeprefix(f"statement-{month}-")
    is_escaped_name = quote(unquote(name), safe="") == name
    is_customer = unquote(name) in known or "%" in name or (name.isascii() and name.isdecimal())
    return is_escaped_name and is_customer and path.is_file()
