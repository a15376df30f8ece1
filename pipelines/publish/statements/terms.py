"""Reads and checks customers.csv, the invoicing terms of customers. `figures` applies them.

A row applies to a customer from a bill month on, until the customer's next row begins. A file with an error is refused
as a whole; the message lists all errors by line and column.
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

_MAX_ERRORS = 20
_NUMBER = re.compile(r"[+-]?[0-9]{1,12}(\.[0-9]{1,12})?")

_ALLOWED = {
    "account": "an account's name, as in accounts.toml",
    "customer_uin": "the customer's account number (UIN)",
    "customer_number": "your own number of the customer, of at most 250 characters, or nothing",
    "display_name": "the name to print, of at most 250 characters, or nothing for the service's",
    "cost_centre": "your cost centre, of at most 250 characters, or nothing",
    "markup": "a percentage with its sign, such as 5%, above -100%, or nothing for none",
    "tax": "a percentage with its sign, such as 9%, from 0% to 100%, or nothing for none",
    "invoice_currency": "a currency's three letters, such as EUR, or nothing for the bill's own",
    "rate": "what one unit of the bill's currency is in the invoice's, such as 0.92, or nothing if it is the same",
    "valid_from": "the first bill month it applies to, such as 2026-10, or nothing for all months",
}


def _percentage(text: str) -> Decimal:
    """Read `5%` or `5 %` as 0.05. A number without the sign is refused: it could mean 5 % or 500 %."""
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
"""Text that is printed as it is; spreadsheets cut off much longer cells."""


class InvoiceTerms(BaseModel):
    """Invoicing terms of a customer from a month on; by default no markup, no tax, and the bill's currency.

    `markup` and `tax` are ratios (5% is 0.05). `rate` is the value of one unit of the bill's currency in
    `invoice_currency`. `line` is the row's line in the file, 0 for the default terms.
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
    """The terms of all customers. `source` is the name of their file, for messages."""

    source: str = "customers.csv"
    rows: tuple[InvoiceTerms, ...] = ()

    def of(self, account: str, customer_uin: str, month: str) -> InvoiceTerms:
        """Return the terms of a customer in a bill month (YYYY-MM)."""
        rows = [row for row in self.rows if (row.account, row.customer_uin) == (account, customer_uin)]
        begun = [row for row in rows if row.valid_from <= month]
        default = InvoiceTerms(account=account, customer_uin=customer_uin)
        return max(begun, key=lambda row: row.valid_from, default=default)

    def refuse_unknown(self, known: Mapping[str, Collection[str]]) -> None:
        """Raise SettingError if rows name accounts or customers that are not in `known` (customers by account)."""
        _refuse(
            _fault(self.source, row.line, column, getattr(row, column), fault)
            for row in self.rows
            for column, fault in _unknown(row, known)
        )

    def wrong(self, terms: InvoiceTerms, column: str, fault: str) -> SettingError:
        """Return the error for a row that does not fit a bill."""
        value = getattr(terms, column)
        return SettingError(_fault(self.source, terms.line, column, "" if value is None else f"{value}", fault))


def read_terms(file: Path) -> TermsBook:
    """Read a file of terms: UTF-8, with or without a byte order mark. Raises SettingError, which lists all errors."""
    return parse_terms(file, content_of(file))


def content_of(file: Path) -> bytes:
    """Return the bytes of a file of terms, unchecked. Raises SettingError if it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise SettingError(
            f"{file} cannot be read: {error.strerror or error}. Make it readable, then run again."
        ) from None


def parse_terms(file: Path, content: bytes) -> TermsBook:
    """Return the terms in `content`; `file` is only for messages. Raises SettingError as `read_terms` does."""
    try:
        text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig").read()
    except UnicodeDecodeError:
        raise SettingError(f"{file} is not UTF-8: save it as 'CSV UTF-8 (comma delimited)'.") from None
    rows: list[InvoiceTerms] = []
    faults: list[str] = []
    try:
        for line, cells in _records(file, text):
            terms, row_faults = _terms(file, line, cells)
            rows.extend(terms)
            faults.extend(row_faults)
    except csv.Error as error:
        raise SettingError(f"{file} is not a CSV file: {error}. Save it as 'CSV UTF-8 (comma delimited)'.") from None
    _refuse([*faults, *_overlaps(file, rows)])
    return TermsBook(str(file), tuple(rows))


def _records(file: Path, text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line and the cells by column of each row that is not empty. Raises SettingError for a wrong header."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header = [name.strip() for name in next(reader, [])]
    _refuse(_header_faults(file, header))
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            raise SettingError(
                f"{file}, line {reader.line_num}: it has {len(cells)} cells where the first line has {len(header)}. "
                'Put a cell that contains a comma between quotes ("Harbour, Ltd."), and keep the commas of empty cells.'
            )
        yield reader.line_num, {name: cell.strip() for name, cell in zip(header, cells, strict=True)}


def _header_faults(file: Path, header: Sequence[str]) -> Iterator[str]:
    allowed = ", ".join(_ALLOWED)
    for name in header:
        if name not in _ALLOWED:
            yield f"{file}, line 1: there is no column '{name}'. The columns, with commas between, are {allowed}."
        elif header.count(name) > 1:
            yield f"{file}, line 1: column '{name}' is there twice. Remove one."
    for name in ("account", "customer_uin"):
        if name not in header:
            yield f"{file}, line 1: column '{name}' is missing. The columns are {allowed}."


def _terms(file: Path, line: int, cells: Mapping[str, str]) -> tuple[list[InvoiceTerms], list[str]]:
    """Return a row of the file as terms, or the errors in it."""
    filled: dict[str, Any] = {name: cell for name, cell in cells.items() if cell}
    try:
        row = InvoiceTerms(line=line, **filled)
    except ValidationError as error:
        columns = {detail["loc"][0] for detail in error.errors()}
        return [], [_fault(file, line, name, cells.get(name, "")) for name in _ALLOWED if name in columns]
    if row.rate is not None and row.invoice_currency is None:
        return [], [
            _fault(file, line, "invoice_currency", "", "the row has a rate, so write the currency that it converts to")
        ]
    return [row], []


def _overlaps(file: Path, rows: Sequence[InvoiceTerms]) -> Iterator[str]:
    """Yield an error for rows of a customer that begin in the same month. A row ends where the next begins."""
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
        yield "account", f"this account has no customers in the release; accounts with customers are {', '.join(known)}"
    elif row.customer_uin not in known[row.account]:
        advice = "write it as in dim_customers, all digits (a spreadsheet may have shortened it), or remove the line"
        yield "customer_uin", f"account '{row.account}' has no such customer: {advice}"


def _fault(source: Path | str, line: int, column: str, text: str, fault: str | None = None) -> str:
    value = f"'{text}'" if text else "empty"
    return f"{source}, line {line}, column {column} is {value}: {fault or f'write {_ALLOWED[column]}'}."


def _refuse(faults: Iterator[str] | Sequence[str]) -> None:
    """Raise SettingError if there are errors; of very many it lists only the first."""
    found = list(faults)
    if found:
        more = [f"... and {len(found) - _MAX_ERRORS} more."] if len(found) > _MAX_ERRORS else []
        raise SettingError("\n".join([*found[:_MAX_ERRORS], *more]))
