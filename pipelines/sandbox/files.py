"""Bill and commission files: the answers that link to them, and their content.

They are made from the same bills as all other answers, so all figures agree. What no document shows (a whole header
line, encoding and delimiter, the columns of a commission file) is invented, as `endpoints.files` expects it. `storage`
makes links and serves the files.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections import defaultdict
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import openpyxl

from pipelines.endpoints.shapes import CUSTOMER_KINDS, DIRECT
from pipelines.periods import BillMonth, MonthState
from pipelines.sandbox.api_request import json_members
from pipelines.sandbox.bill import SCALE, LineSums, money, resources
from pipelines.sandbox.bill_view import Filters
from pipelines.sandbox.goods import PRODUCTS, TAGS
from pipelines.sandbox.profiles import profile
from pipelines.sandbox.refusals import Refusal
from pipelines.sandbox.storage import File

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pipelines.sandbox.api_request import Answer, ApiRequest, Members
    from pipelines.sandbox.bill import Line
    from pipelines.sandbox.bill_view import BillView

Row = dict[str, str]
"""A row of a file, by normalised header (`_key`)."""

FIRST_RESOURCE_MONTH = "2023-11"
"""The first month with files by instance, from the definition."""
LINES_PER_CSV = 5000
"""A customer with more lines has several CSVs in a pack, since spreadsheets have a limit."""
COMMISSION_PERCENT = 5
COMMISSION_RATE = "0.05"
CENT = SCALE // 100
NONE = "-"
"""What a file has in place of a missing value."""
PACK = "Pack"
_SAVED_AT = re.compile(rb"<dcterms:(created|modified).*?</dcterms:\1>")

PRODUCT_NAMES = {product.code: product.name for product in PRODUCTS}
TAG_KEYS = sorted({key for tags in TAGS for key in tags or ()})

_RESOURCE = (
    *("Bill Month", "Instance ID", "Instance Name", "Product Name", "Payer Account ID", "Owner Account ID"),
    *("Operator Account ID", "Reseller Account ID", "Billing Mode", "Instance Type", "Tag Keys", "Project Name"),
    *("Region", "Availability Zone", "Subproduct Name", "Transaction Type"),
)
_COMPONENT = (
    *("Transaction ID", "Transaction Time", "Usage Start Time", "Usage End Time", "Component Type", "Component Name"),
    *("Component List Price", "Component Price Measurement Unit", "Component Usage", "Component Usage Unit"),
    *("Usage Duration", "Duration Unit"),
)
_AMOUNTS = (
    *("Customer Discount Rate", "Total Amount Before Voucher", "Customer Voucher Deduction", "Total Cost", "Currency"),
    "Payment Status",
)
_CODES = ("Product Code", "Subproduct Code", "Component Type Code", "Component Code")

CUSTOMER_RESOURCE = (*_RESOURCE, "Original Cost", *_AMOUNTS)
CUSTOMER_DETAIL = (
    *(*_RESOURCE, *_COMPONENT, "Original Cost", "RI Deduction (Duration)", "RI Deduction (Cost)"),
    *(*_AMOUNTS, *_CODES),
)
"""Headers from documents 1085/56859 and 1085/48350."""
_OWN = (
    *("Payer Account ID", "Owner Account ID", "Operator Account ID", "BillingMode", "ProductName", "Subproduct Name"),
    *("Project Name", "Region", "Availability Zone", "Instance ID", "InstanceName", "TransactionType", "Bill Month"),
)
_OWN_AMOUNTS = ("Currency", "Total Amount After Discount (Excluding Tax)", "Voucher Deduction")
_TAGS = tuple(f"tag_key:{key}" for key in TAG_KEYS)
OWN_RESOURCE = (*_OWN, "OriginalCost", *_OWN_AMOUNTS, "Total Cost (Including Tax)", *_TAGS)
OWN_DETAIL = (
    *(*_OWN, *_COMPONENT, "Component Contracted Price", "OriginalCost"),
    *("RI Deduction (Duration)", "RI Deduction (Cost)", "SP Deduction", "SP Deduction Rate", "SP Deduction(Cost)"),
    *("Discount Multiplier", "Blended Discount Multiplier", *_OWN_AMOUNTS, "Amount Before Tax", "TaxRate", "TaxAmount"),
    *("Total Cost (Including Tax)", *_CODES, *_TAGS),
)
"""Headers as a public parser of own bills reads them, with and without spaces."""
COMMISSION = (
    *("Month", "Customer UIN", "Customer Name", "Product Name", "Total Amount", "Commission Rate", "Commission Amount"),
    "Currency",
)


def describe_customer_bill_download_url(request: ApiRequest) -> Members:
    """Link to a customer's bill, or to a pack of all customers' bills of an issued month.

    That a pack takes no customer and any other file needs one follows from the definition's examples. The codes for
    files that do not exist are inferred from its list of codes.
    """
    parameters, month = request.parameters, request.month
    level, kind = LEVELS[parameters["FileType"].removesuffix(PACK)], parameters["CustomerUinType"]
    is_pack = parameters["FileType"].endswith(PACK)
    if is_pack == ("CustomerUin" in parameters):
        raise Refusal("InvalidParameter", "A pack takes no CustomerUin, any other file needs one.")
    if kind not in CUSTOMER_KINDS:
        raise Refusal("FailedOperation", f"The sandbox has no files of {kind}.")
    _check_level(level, month)
    return _linked(request, _pack(request, level, kind) if is_pack else _customer_bill(request, level, kind))


def describe_bill_download_url(request: ApiRequest) -> Members:
    """Link to the caller's own bill."""
    level = LEVELS[request.parameters["FileType"]]
    _check_level(level, request.month)
    return _linked(request, _bill(request, level, request.uin))


def describe_rebate_download_url(request: ApiRequest) -> Members:
    """Link to the commission details of an issued month."""
    _check_issued(request, "InvalidParameterValue")
    path = f"%2Fmnt/commission/CommissionDetail-{request.uin}-{_compact(request.month)}-{{}}.xlsx"
    return _linked(request, File(path, lambda: _commission(request)))


def _linked(request: ApiRequest, file: File) -> Members:
    identity = json.dumps([request.action.name, request.uin, dict(request.parameters)], sort_keys=True)
    target = request.storage.link(file, identity)
    return json_members(DownloadUrl=target and request.address + target, Ready=int(bool(target)))


def _customer_bill(request: ApiRequest, level: Level, kind: str) -> File:
    uin = request.billed_customer()
    if (uin in request.world.own_uins(request.role, request.uin)) != (kind == DIRECT):
        raise Refusal("InvalidParameter", f"{uin} is not a {kind}.")
    return _bill(request, level, uin)


def _bill(request: ApiRequest, level: Level, uin: str) -> File:
    bill_view = request.bill_view_of(uin, request.month)
    path = f"{level.stem}-{uin}-{_compact(request.month)}-{{}}.csv"
    return File(path, lambda: _csv(level.headers, _rows(level, bill_view, request.uin)))


def _pack(request: ApiRequest, level: Level, kind: str) -> File:
    """Return a pack: an archive with a CSV for each customer, or several for one with very many lines."""
    _check_issued(request, "FailedOperation")
    world, role = request.world, request.role
    others = world.billed_uins(role, request.uin).difference(world.own_uins(role, request.uin))
    uins = request.customer_uins if kind == DIRECT else sorted(others)
    if not uins:
        raise Refusal("FailedOperation", "There are no such customers.")

    def members() -> Iterator[tuple[str, bytes]]:
        for uin in uins:
            rows = _rows(level, request.bill_view_of(uin, request.month), request.uin)
            for number, part in enumerate(_chunks(rows), 1):
                yield f"{level.stem}-{uin}-{_compact(request.month)}-{number}.csv", _csv(level.headers, part)

    pack_name = "AllCustomersBills" if kind == DIRECT else "AllResellersBills"
    return File(
        f"%2Fmnt/bills/{level.stem}-{request.uin}-{pack_name}-{_compact(request.month)}-{{}}.zip",
        lambda: _archive(members()),
    )


def _archive(members: Iterable[tuple[str, bytes]]) -> bytes:
    """Return a ZIP archive without times, so that equal contents give equal files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _chunks(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Divide rows into lists of LINES_PER_CSV. No rows give one empty list."""
    yield list(islice(rows, LINES_PER_CSV))
    while part := list(islice(rows, LINES_PER_CSV)):
        yield part


def _compact(month: str) -> str:
    return month.replace("-", "")


def _check_level(level: Level, month: str) -> None:
    if level.by_instance and month < FIRST_RESOURCE_MONTH:
        raise Refusal("InvalidParameter", f"There are no files by instance before {FIRST_RESOURCE_MONTH}.")


def _check_issued(request: ApiRequest, code: str) -> None:
    if BillMonth(request.month).state(request.now) is not MonthState.ISSUED:
        raise Refusal(code, f"The bill of {request.month} is not issued yet.")


# The content of the files


class Level(NamedTuple):
    """A kind of bill file: how its name begins, its headers, and whether lines are summed by instance."""

    stem: str
    headers: tuple[str, ...]
    by_instance: bool


LEVELS: Mapping[str, Level] = {
    "billDetail": Level("L3-bill_details", CUSTOMER_DETAIL, by_instance=False),
    "billResource": Level("L2-bill_by_Instance", CUSTOMER_RESOURCE, by_instance=True),
    "L3": Level("L3-bill_details", OWN_DETAIL, by_instance=False),
    "L2": Level("L2-bill_by_Instance", OWN_RESOURCE, by_instance=True),
}


def _csv(headers: Sequence[str], rows: Iterable[Row]) -> bytes:
    """Return rows as CSV for spreadsheets on Windows: with a byte order mark and CRLF."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(headers)
    keys = [_key(header) for header in headers]
    writer.writerows([row.get(key, NONE) for key in keys] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def _rows(level: Level, bill_view: BillView, reseller_uin: str) -> Iterator[Row]:
    """Give a bill's rows: each line with eight decimals, or sums by instance, kind of charge and payment with two."""
    lines = bill_view.page(Filters(), slice(None))
    if not level.by_instance:
        yield from (_row(bill_view, line, line.amounts, money, reseller_uin) for line in lines)
        return
    sums: defaultdict[tuple[int, str, bool], list[Line]] = defaultdict(list)
    for line in lines:
        sums[line.kind.resource, line.group.action_type, line.group.paid].append(line)
    for group in sums.values():
        amounts = LineSums()
        for line in group:
            amounts = amounts.plus(line.amounts)
        yield _row(bill_view, group[0], amounts, _cents, reseller_uin)


def _row(
    bill_view: BillView, line: Line, amounts: LineSums, format_amount: Callable[[int], str], reseller_uin: str
) -> Row:
    """Return all that any file shows of a line, by header: the partner's row of the detail, and what that lacks."""
    fields = json.loads(line.text)
    tags = resources(*line.owner)[line.kind.resource].tags or {}
    discounted, is_paid = format_amount(amounts.total + amounts.voucher), bill_view.issued and line.group.paid
    return {_key(name): NONE if value is None else str(value) for name, value in fields.items()} | {
        _key(header): value
        for header, value in {
            "Bill Month": bill_view.bill.month,
            "Reseller Account ID": reseller_uin,
            "Tag Keys": ";".join(tags) or NONE,
            "Component Contracted Price": fields["ComponentListPrice"] or NONE,
            "Original Cost": format_amount(amounts.original),
            **dict.fromkeys(("RI Deduction (Duration)", "SP Deduction", "SP Deduction Rate", "Tax Rate"), "0"),
            **dict.fromkeys(("RI Deduction (Cost)", "SP Deduction (Cost)", "Tax Amount"), format_amount(0)),
            **dict.fromkeys(("Discount Multiplier", "Blended Discount Multiplier"), fields["CustomerDiscountRate"]),
            **dict.fromkeys(("Total Amount Before Voucher", "Total Amount After Discount (Excluding Tax)"), discounted),
            **dict.fromkeys(("Customer Voucher Deduction", "Voucher Deduction"), format_amount(amounts.voucher)),
            **dict.fromkeys(
                ("Total Cost", "Amount Before Tax", "Total Cost (Including Tax)"), format_amount(amounts.total)
            ),
            "Payment Status": "Paid" if is_paid else "Unpaid",
            "Product Code": fields["BusinessCode"],
            "Subproduct Code": fields["ProductCode"],
            "Component Type Code": fields["ComponentCode"],
            "Component Code": fields["ItemCode"],
            **{f"tag_key:{key}": value for key, value in tags.items()},
        }.items()
    }


def _key(header: str) -> str:
    """Return a header in the form in which its spellings, including the API's field name, are equal."""
    return header.replace(" ", "").lower()


def _cents(amount: int) -> str:
    """Return an amount in 1/SCALE USD rounded to cents, half away from zero."""
    cents = (2 * abs(amount) + CENT) // (2 * CENT)
    sign = "-" if amount < 0 and cents else ""
    return f"{sign}{cents // 100}.{cents % 100:02d}"


def _commission(request: ApiRequest) -> bytes:
    """Return a workbook with each customer's cost by product and the commission on it, as numbers with two decimals."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Commission Details")
    sheet.append([f"Commission details of {request.month}"])
    sheet.append(COMMISSION)
    for uin in request.customer_uins:
        name = profile(request.world.seed, uin).name
        for code, amounts in request.bill_view_of(uin, request.month).sums_by(lambda group: group.business).items():
            commission = _cents(amounts.total * COMMISSION_PERCENT // 100)
            numbers = map(Decimal, (_cents(amounts.total), COMMISSION_RATE, commission))
            sheet.append([request.month, int(uin), name, PRODUCT_NAMES[code], *numbers, "USD"])
    written = io.BytesIO()
    book.save(written)
    with zipfile.ZipFile(written) as parts:
        return _archive((name, _SAVED_AT.sub(b"", parts.read(name))) for name in parts.namelist())


ANSWERS: Mapping[str, Answer] = {
    "DescribeCustomerBillDownloadUrl": describe_customer_bill_download_url,
    "DescribeBillDownloadUrl": describe_bill_download_url,
    "DescribeRebateDownloadUrl": describe_rebate_download_url,
}
