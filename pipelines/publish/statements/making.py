"""A month's statements: one workbook for each customer, from one release.

Whatever could be wrong with the question or with `customers.csv` is found before the first workbook is written. A month
that was closed is told by the release and the terms that it was closed with, so that its statements stay the same.
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
    """A workbook that was written: for whom, where, what is due (by currency, rounded), how far it can be relied on.

    A bill is whole if all of it landed and its sums agree; it is final if it is out besides.
    """

    account: str
    customer_uin: str
    path: Path
    due: dict[str, Decimal]
    is_whole: bool
    standing: Standing

    @property
    def is_final(self) -> bool:
        """Whether the bill is out and whole."""
        return self.standing is Standing.FINAL


@dataclass(frozen=True, slots=True)
class Statements:
    """A month's workbooks, of the release that they were made from; `ownerless` costs stand on none of them.

    `unlanded` are customers that have none since their bill did not land; of `partial` accounts others may lack too.
    `closed_terms` says how many rows of terms a closed month has; None if it is not closed.
    """

    release_id: str
    made: tuple[Made, ...]
    ownerless: tuple[Ownerless, ...]
    unlanded: tuple[Unlanded, ...]
    partial: tuple[str, ...]
    closed_terms: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether every bill that was asked for is there and whole."""
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
    """Write the workbook of every customer that has a bill in a month, or of these accounts and customers only.

    A month that was closed is told from what it was closed with, and `terms_file` is not read. `progress` is told how
    many of how many are written. Where no customer is named, workbooks of customers that have no bill any more are
    removed, of accounts whose month landed whole or that are known no more; other files of the owner stay.

    Where all is landed and nobody was billed, none is made. Raises SettingError if there is nothing of what was asked
    for or the terms are wrong, CorruptFile if what the month was closed with is damaged, StorageFailed if the disk
    refuses, Busy.
    """
    with locks.held(paths.statements_lock(home), f"the statements of {home}"):
        release, book, close = _sources(home, month.key, terms_file)
        with _faults_of(home, close), reader(release) as connection:
            connection.execute(f"set TimeZone = '{BILLING_ZONE.key}'")
            asked = _asked(connection, month.key, accounts, customers, close)
            known = known_customers(connection)
            if not close:
                book.refuse_unknown(known)  # those that were frozen were refused then
            plans = [_plan(book, bill, close) for bill in asked]
            disk.private_folder(paths.statements_folder(home))
            _clear_leftovers(home, month.key)
            made: list[Made] = []
            for plan in plans:
                progress(len(made), len(plans))
                made.append(_make(home, connection, plan))
            progress(len(made), len(plans))
            if not customers:
                _remove_stale(home, month.key, accounts, known, made, _are_whole(connection, month.key))
            done = _done(connection, month.key, accounts, made)
        named = replace(done, unlanded=(), partial=()) if customers else done  # others are no matter then
        return replace(named, closed_terms=len(book.rows)) if close else named


def _done(connection: DuckDBPyConnection, month: str, accounts: Collection[str], made: Iterable[Made]) -> Statements:
    """Return the workbooks with what these accounts, or all, have of the month besides."""
    month_work = stamps(connection, month)

    def is_asked(account: str) -> bool:
        return not accounts or account in accounts

    return Statements(
        release_id=month_work[0].release_id,
        made=tuple(made),
        ownerless=tuple(rest for rest in ownerless(connection, month) if is_asked(rest.account)),
        unlanded=tuple(lacking for lacking in unlanded(connection, month) if is_asked(lacking.account)),
        partial=tuple(
            stamp.account
            for stamp in month_work
            if is_asked(stamp.account) and not stamp.is_own_bill and not stamp.is_complete
        ),
    )


def refuse_unfit(connection: DuckDBPyConnection, month: str, book: TermsBook) -> None:
    """Raise SettingError for terms that no statement of a bill month (YYYY-MM) could be made with."""
    book.refuse_unknown(known_customers(connection))
    for bill in bills(connection, month):
        _terms(book, bill)


@dataclass(frozen=True, slots=True)
class _WorkbookPlan:
    """A bill, the terms for it, and what one unit of its currency is in the invoice's."""

    bill: CustomerBill
    terms: InvoiceTerms
    rate: Decimal


def _sources(home: Path, month: str, terms_file: Path | None) -> tuple[Path, TermsBook, Close | None]:
    """Return the release and the terms to make a month's statements of, and the close that both are from, if any."""
    closed = {frozen.bill_month: frozen.close for frozen in closed_months(home)}.get(month)
    if closed is None:
        current = paths.current_release(home)
        if not current.exists():
            raise SettingError(f"There is no release at {current} yet: run make month MONTH={month}.")
        return current.resolve(), read_terms(terms_file) if terms_file else TermsBook(), None
    release, kept = paths.closed_release(home, month), paths.closed_folder(home, month) / TERMS
    if not release.exists():
        raise CorruptFile(f"{release}, which {month} was closed with, is gone: put it back from a backup.")
    if sha256(release) != closed.release_sha256:
        raise CorruptFile(f"{release} is not the release that {month} was closed with: put it back from a backup.")
    if _major(closed.schema_version) != _major(SCHEMA_VERSION):
        raise _of_other_tables(home, closed, "of which columns went or changed their type since")
    return release, read_terms(kept) if TERMS in closed.contents else TermsBook(), closed


@contextmanager
def _faults_of(home: Path, close: Close | None) -> Iterator[None]:
    """Say what can still be done where the release of a close, which may be years old, lacks what this code asks for.

    Raises SettingError. Any other release can be built again, as `release_faults` says.
    """
    try:
        yield
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        if close is None:
            raise
        told = str(error).partition("\n")[0].rstrip(".")
        raise _of_other_tables(home, close, f"and it lacks some of that: {told}") from error


def _major(version: str) -> str:
    """Return the first number of a version of the tables: of another one a column may mean something else."""
    return version.partition(".")[0]


def _of_other_tables(home: Path, close: Close, why: str) -> SettingError:
    """Return the error that says why this code makes no statements of a close's release, and what can still be done."""
    month = close.bill_month
    return SettingError(
        f"{month} was closed with release {close.release_id}, whose tables are of version {close.schema_version}; "
        f"statements are made of version {SCHEMA_VERSION}, {why}. Workbooks that were made before stay. To make them "
        f"anew, run make statements MONTH={month} with the code that built it, {close.code_version}; the costs are in "
        f"{paths.closed_folder(home, month) / COSTS} too."
    )


def _asked(
    connection: DuckDBPyConnection,
    month: str,
    accounts: Collection[str],
    customers: Collection[str],
    close: Close | None,
) -> list[CustomerBill]:
    """Return the bills that are asked for: none if accounts are whole and billed nobody, else SettingError says so."""
    found = bills(connection, month)
    are_whole = _are_whole(connection, month)
    datasets_for = [is_whole for account, is_whole in are_whole.items() if not accounts or account in accounts]
    if not found and not (datasets_for and all(datasets_for)):
        where = (
            f"release {close.release_id}, which it was closed with"
            if close
            else f"this release: run make month MONTH={month}"
        )
        raise SettingError(f"No customer has a bill in {month} in {where}.")
    for what, asked, there in (
        ("account", accounts, {bill.stamp.account for bill in found} | {name for name in are_whole if are_whole[name]}),
        ("customer", customers, {bill.customer_uin for bill in found}),
    ):
        if missing := sorted(set(asked) - there):
            raise SettingError(
                f"There is no bill of {what} {', '.join(missing)} in {month}. To see who has one: "
                f".venv/bin/python -m pipelines sql \"from rpt_customer_statement where bill_month = '{month}'\"."
            )
    return [
        bill
        for bill in found
        if (not accounts or bill.stamp.account in accounts) and (not customers or bill.customer_uin in customers)
    ]


def _are_whole(connection: DuckDBPyConnection, month: str) -> dict[str, bool]:
    """Return, by each account that has the month, whether all bills of its customers landed and agree."""
    landed = [stamp for stamp in stamps(connection, month) if not stamp.is_own_bill]
    return {stamp.account: stamp.is_complete and stamp.is_reconciled for stamp in landed}


def _plan(book: TermsBook, bill: CustomerBill, close: Close | None) -> _WorkbookPlan:
    """Return what to make of a bill. Raises SettingError if the terms do not fit it."""
    terms, rate = _terms(book, bill)
    if close is None:
        return _WorkbookPlan(bill, terms, rate)
    # The kept release is older than the close, so it does not tell of it.
    stamped = replace(bill, stamp=replace(bill.stamp, closed_release_id=bill.stamp.release_id))
    return _WorkbookPlan(stamped, terms, rate)


def _terms(book: TermsBook, bill: CustomerBill) -> tuple[InvoiceTerms, Decimal]:
    """Return what holds for a bill, and its rate. Raises SettingError if the terms do not fit the bill."""
    terms = book.of(bill.stamp.account, bill.customer_uin, bill.stamp.bill_month)
    currencies = [currency or NO_CURRENCY for currency in bill.currencies]
    whose = f"the bill of customer {bill.customer_uin} in {bill.stamp.bill_month} is in {' and '.join(currencies)}"
    if terms.invoice_currency and len(bill.currencies) > 1:
        raise book.wrong(
            terms, "invoice_currency", f"{whose}, and one rate cannot be for both: leave it and the rate empty"
        )
    is_changed = terms.invoice_currency not in (None, *bill.currencies)
    if is_changed and terms.rate is None:
        wanted = f"write what one {bill.currencies[0] or 'unit'} is in {terms.invoice_currency}, such as 0.92"
        raise book.wrong(terms, "rate", f"{whose}: {wanted}")
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
    name = quote(bill.customer_uin, safe="")  # whatever the service sends, it is one name and no path
    target = paths.statement_file(home, bill.stamp.bill_month, bill.stamp.account, name)
    with disk.file_in_place(target) as aside:
        write_workbook(aside, statement, lines(connection, bill, [column.expression for column in COLUMNS]))
    invoices = [each.invoice for each in statement.sections]
    due = {each.invoice_currency or "": rounded(each.due, each.invoice_currency) for each in invoices}
    return Made(bill.stamp.account, bill.customer_uin, target, due, statement.is_whole, statement.standing)


def _clear_leftovers(home: Path, month: str) -> None:
    """Clear what killed runs left of a month's workbooks: none is under way, since the lock is held."""
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
    """Remove a month's workbooks, of these accounts or of all, that an earlier run made and this one did not.

    Those stay whose account's month is not whole: their bill may just not have landed.
    """
    found = set((paths.statements_folder(home) / month).glob(f"*/statement-{month}-*.xlsx"))
    for path in found - {each.path for each in made}:
        account = path.parent.name
        is_asked = not accounts or account in accounts
        if is_asked and are_whole.get(account, True) and _is_ours(path, month, known.get(account, ())):
            disk.remove(path)


def _is_ours(path: Path, month: str, known: Collection[str]) -> bool:
    """Tell a workbook of a customer from its owner's own, such as 'statement-2026-10-1-v2.xlsx'.

    It is named after one of the customers that are known or, of one that is known no more, after a number or what
    `quote` had to spell: nobody gives a file of their own such a name.
    """
    name = path.stem.removeprefix(f"statement-{month}-")
    is_spelled = quote(unquote(name), safe="") == name
    is_customer = unquote(name) in known or "%" in name or (name.isascii() and name.isdecimal())
    return is_spelled and is_customer and path.is_file()
