"""The invoicing terms of customers, as `customers.csv` says: read and refused here, applied in `figures`.

One row is what holds for a customer from a bill month on, until another row of the customer begins. A file is taken
whole or not at all: what is wrong in it is told by line and column, all at once.
"""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from pipelines.errors import SettingError
from pipelines.periods import FIRST_BILL_MONTH, BillMonth

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

_FAULTS_TOLD = 20
_NUMBER = re.compile(r"[+-]?[0-9]{1,12}(\.[0-9]{1,12})?")

_WANTED = {
    "account": "an account's name, as in accounts.toml",
    "customer_uin": "the customer's account number (UIN)",
    "customer_number": "your own number of the customer, of at most 250 characters, or nothing",
    "display_name": "the name to print, of at most 250 characters, or nothing for the service's",
    "cost_centre": "your cost centre, of at most 250 characters, or nothing",
    "markup": "a percentage with its sign, such as 5%, above -100%, or nothing for none",
    "tax": "a percentage with its sign, such as 9%, from 0% to 100%, or nothing for none",
    "invoice_currency": "a currency's three letters, such as EUR, or nothing for the bill's own",
    "rate": "what one unit of the bill's currency is in the invoice's, such as 0.92, or nothing if it is the same",
    "valid_from": "the first bill month it holds for, such as 2026-10, or nothing for every month",
}


def _percentage(text: str) -> Decimal:
    """Read `5%` or `5 %` as 0.05; a number without the sign could mean either, so it is none."""
    number = text.removesuffix("%").rstrip()
    if number == text or not _NUMBER.fullmatch(number):
        raise ValueError
    return Decimal(number) / 100


def _number(text: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise ValueError
    return Decimal(text)


def _month(text: str) -> str:
    try:
        return BillMonth(text).key
    except SettingError:
        raise ValueError from None


_Words = Annotated[str, Field(max_length=250)]
"""What is printed as it is; a cell that is much longer is cut by spreadsheets."""


class InvoiceTerms(BaseModel):
    """What holds for a customer from a month on; by default no markup, no tax, the bill's currency.

    `markup` and `tax` are ratios (5% is 0.05), `rate` the units of `invoice_currency` for one of the bill's; `line` is
    where the file says so, 0 where it says nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    line: int = 0
    account: Annotated[str, Field(min_length=1)]
    customer_uin: Annotated[str, Field(min_length=1)]
    customer_number: _Words | None = None
    display_name: _Words | None = None
    cost_centre: _Words | None = None
    markup: Annotated[Decimal, Field(gt=-1), BeforeValidator(_percentage)] = Decimal()
    tax: Annotated[Decimal, Field(ge=0, le=1), BeforeValidator(_percentage)] = Decimal()
    invoice_currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None
    rate: Annotated[Decimal, Field(gt=0), BeforeValidator(_number)] | None = None
    valid_from: Annotated[str, BeforeValidator(_month)] = FIRST_BILL_MONTH


@dataclass(frozen=True, slots=True)
class TermsBook:
    """The terms of all customers; `source` is the file, for messages."""

    source: str = "customers.csv"
    rows: tuple[InvoiceTerms, ...] = ()

    def of(self, account: str, customer_uin: str, month: str) -> InvoiceTerms:
        """Return what holds for a customer in a bill month (YYYY-MM)."""
        held = [row for row in self.rows if (row.account, row.customer_uin) == (account, customer_uin)]
        begun = [row for row in held if row.valid_from <= month]
        default = InvoiceTerms(account=account, customer_uin=customer_uin)
        return max(begun, key=lambda row: row.valid_from, default=default)

    def refuse_unknown(self, known: Mapping[str, Collection[str]]) -> None:
        """Raise SettingError for rows of accounts, or of customers of an account, that are not among the `known`."""
        _refuse(
            _fault(self.source, row.line, column, getattr(row, column), fault)
            for row in self.rows
            for column, fault in _unknown(row, known)
        )

    def wrong(self, terms: InvoiceTerms, column: str, fault: str) -> SettingError:
        """Return the error that says what is wrong with a row, in view of the bill that it is for."""
        value = getattr(terms, column)
        return SettingError(_fault(self.source, terms.line, column, "" if value is None else f"{value}", fault))


def read_terms(file: Path) -> TermsBook:
    """Read a file of terms: UTF-8, with or without a byte order mark. Raises SettingError, which names each fault."""
    return parse_terms(file, content_of(file))


def content_of(file: Path) -> bytes:
    """Return the bytes of a file of terms, whatever they are. Raises SettingError if it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise SettingError(f"{file} cannot be read: {error.strerror or error}. Mend it there.") from None


def parse_terms(file: Path, content: bytes) -> TermsBook:
    """Return the terms that a file of this content holds; `file` is only named. Raises SettingError as `read_terms`."""
    try:
        text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig").read()
    except UnicodeDecodeError:
        raise SettingError(f"{file} is not UTF-8: save it as 'CSV UTF-8 (comma delimited)'.") from None
    rows: list[InvoiceTerms] = []
    faults: list[str] = []
    try:
        for line, cells in _records(file, text):
            row, wrong = _terms(file, line, cells)
            rows.extend(row)
            faults.extend(wrong)
    except csv.Error as error:
        raise SettingError(f"{file} is no CSV file: {error}. Save it as 'CSV UTF-8 (comma delimited)'.") from None
    _refuse([*faults, *_overlaps(file, rows)])
    return TermsBook(str(file), tuple(rows))


def _records(file: Path, text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Give each row that is not empty by column, with its line; what is wrong with the header is told at once."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header = [name.strip() for name in next(reader, [])]
    _refuse(_header_faults(file, header))
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            raise SettingError(
                f"{file}, line {reader.line_num}: it has {len(cells)} cells where the first line has {len(header)}. "
                'Put a cell that holds a comma between quotes ("Harbour, Ltd."), and leave no comma out.'
            )
        yield reader.line_num, {name: cell.strip() for name, cell in zip(header, cells, strict=True)}


def _header_faults(file: Path, header: Sequence[str]) -> Iterator[str]:
    allowed = ", ".join(_WANTED)
    for name in header:
        if name not in _WANTED:
            yield f"{file}, line 1: there is no column '{name}'. The columns, with commas between, are {allowed}."
        elif header.count(name) > 1:
            yield f"{file}, line 1: column '{name}' is there twice. Remove one."
    for name in ("account", "customer_uin"):
        if name not in header:
            yield f"{file}, line 1: column '{name}' is missing. The columns are {allowed}."


def _terms(file: Path, line: int, cells: Mapping[str, str]) -> tuple[list[InvoiceTerms], list[str]]:
    """Return a row of the file as terms, or what is wrong with it."""
    filled: dict[str, Any] = {name: cell for name, cell in cells.items() if cell}
    try:
        row = InvoiceTerms(line=line, **filled)
    except ValidationError as error:
        columns = {detail["loc"][0] for detail in error.errors()}
        return [], [_fault(file, line, name, cells.get(name, "")) for name in _WANTED if name in columns]
    if row.rate is not None and row.invoice_currency is None:
        return [], [_fault(file, line, "invoice_currency", "", "the row has a rate, but not into which currency")]
    return [row], []


def _overlaps(file: Path, rows: Sequence[InvoiceTerms]) -> Iterator[str]:
    """Tell of rows of one customer that begin together: a row ends where the next begins, so nothing else overlaps."""
    beginnings: dict[tuple[str, str, str], list[InvoiceTerms]] = defaultdict(list)
    for row in rows:
        beginnings[row.account, row.customer_uin, row.valid_from].append(row)
    for (account, customer_uin, month), several in beginnings.items():
        for row in several[1:]:
            yield _fault(
                file,
                row.line,
                "valid_from",
                month,
                f"line {several[0].line} is for customer {customer_uin} of {account} from that month too. Remove one, "
                "or give it another month",
            )


def _unknown(row: InvoiceTerms, known: Mapping[str, Collection[str]]) -> Iterator[tuple[str, str]]:
    if row.account not in known:
        yield "account", f"no such account has customers in the release; those that have are {', '.join(known)}"
    elif row.customer_uin not in known[row.account]:
        wanted = "write it as in dim_customers, all digits (a spreadsheet may have shortened it), or remove the line"
        yield "customer_uin", f"account '{row.account}' has no such customer: {wanted}"


def _fault(source: Path | str, line: int, column: str, text: str, fault: str | None = None) -> str:
    spelled = f"'{text}'" if text else "empty"
    return f"{source}, line {line}, column {column} is {spelled}: {fault or f'write {_WANTED[column]}'}."


def _refuse(faults: Iterator[str] | Sequence[str]) -> None:
    """Raise SettingError if there are faults; of very many it tells the first."""
    found = list(faults)
    if found:
        more = [f"... and {len(found) - _FAULTS_TOLD} more."] if len(found) > _FAULTS_TOLD else []
        raise SettingError("\n".join([*found[:_FAULTS_TOLD], *more]))
