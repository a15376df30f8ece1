"""Answers about bills, of a partner's customers and of the caller itself. Bill files are in `files`."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING

from pipelines.sandbox.api_request import json_members
from pipelines.sandbox.bill import SCALE, LineSums, money, resources
from pipelines.sandbox.bill_view import PAY_MODE_OF, Filters
from pipelines.sandbox.goods import ABSENT, PAY_MODES, PRODUCTS, REGIONS, TERMS
from pipelines.sandbox.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pipelines.sandbox.api_request import Answer, ApiRequest, Members
    from pipelines.sandbox.bill import Resource

PRODUCT_NAMES = {product.code: product.name for product in PRODUCTS}
REGION_NAMES = {region.id: region.name for region in REGIONS}
LABELS = {terms.action_type: terms.label for terms in TERMS}


def describe_customer_bill_summary(request: ApiRequest) -> Members:
    """Sum a customer's month, as the JSON number (a double) nearest to the exact sum."""
    total = request.bill_view.sums(request.filters).total
    return {"TotalCost": repr(total / SCALE)}  # Python rounds the quotient of two integers correctly


def describe_bill_summary_by_product(request: ApiRequest) -> Members:
    """Sum a customer's month by product."""
    sums = request.bill_view.sums_by(lambda group: group.business)
    rows = [{"BusinessCode": code, "BusinessCodeName": PRODUCT_NAMES[code], **_costs(sums[code])} for code in sums]
    return {"SummaryOverview": json.dumps(rows)}


def describe_bill_summary_by_region(request: ApiRequest) -> Members:
    """Sum a customer's month by region."""
    sums = request.bill_view.sums_by(lambda group: group.region)
    rows = [{"RegionId": id_, "RegionName": REGION_NAMES[id_], **_costs(sums[id_])} for id_ in sums]
    return {"SummaryOverview": json.dumps(rows)}


def describe_bill_summary_by_pay_mode(request: ApiRequest) -> Members:
    """Sum a customer's month by pay mode and, within each, by transaction type."""
    bill_view = request.bill_view
    rows = []
    for mode, sums in bill_view.sums_by(lambda group: PAY_MODE_OF[group.action_type]).items():
        details = bill_view.sums_by(lambda group: group.action_type, Filters(pay_mode=mode))
        detail = [{"ActionType": kind, "ActionTypeName": LABELS[kind], **_costs(of)} for kind, of in details.items()]
        costs = _costs(sums)
        original = {"OriginalCost": costs.pop("OriginalCost")}
        rows.append({"PayMode": mode, "PayModeName": PAY_MODES[mode], **original, "Detail": detail, **costs})
    return {"SummaryOverview": json.dumps(rows)}


def describe_customer_bill_detail(request: ApiRequest) -> Members:
    """List a page of a customer's lines of a month; none past the end."""
    bill_view = request.bill_view
    lines = request.without_withheld(bill_view.page(request.filters, request.window))
    return _listed([line.text for line in lines], bill_view.count(request.filters))


def describe_customer_bill_detail_by_day(request: ApiRequest) -> Members:
    """Sum a customer's lines booked on a day. Which of a line's times decides on its day is not documented."""
    uin, day = request.billed_customer(), request.parameters["Date"]
    return {"TotalCost": f'"{money(request.bill_view_of(uin, day[:7]).days().get(day, 0))}"'}


def describe_bill_detail(request: ApiRequest) -> Members:
    """List a page of the caller's own lines of a month."""
    bill_view = request.bill_view_of(request.uin, request.month)
    lines = request.without_withheld(bill_view.page(request.filters, request.window))
    return _listed([line.own_text for line in lines], bill_view.count(request.filters))


def describe_bill_summary(request: ApiRequest) -> Members:
    """Sum the caller's own month by product, by project or by the value of each requested tag.

    The value is '' for lines without a project or tag. `Business` divides a row by project or tag into products; in a
    row by product it is empty.
    """
    group_type, tag_keys = request.parameters["GroupType"], request.parameters.get("TagKey", [])
    if group_type == "tag" and not tag_keys:
        raise Refusal("MissingParameter", "The parameter TagKey is missing: GroupType is tag.")
    own = resources(request.world.seed, request.uin)
    sums: defaultdict[tuple[str, str], defaultdict[str, LineSums]] = defaultdict(lambda: defaultdict(LineSums))
    for cell, amounts in request.bill_view_of(request.uin, request.month).cells().items():
        resource = own[cell.kind.resource]
        for key in _summary_keys(resource, group_type, tag_keys):
            products = sums[key]
            products[resource.product.code] = products[resource.product.code].plus(amounts)
    rows = [
        {
            "Business": [] if group_type == "product" else [_product_row(*part) for part in sorted(products.items())],
            **_own_costs(products.values()),
            "GroupKey": key,
            "GroupValue": value,
        }
        for (key, value), products in sorted(sums.items())
    ]
    return json_members(SummaryDetail=rows)


def _summary_keys(resource: Resource, group_type: str, tag_keys: Sequence[str]) -> list[tuple[str, str]]:
    if group_type == "product":
        return [(resource.product.code, resource.product.name)]
    if group_type == "project":
        return [(project_of(resource), project_of(resource))]
    return [(key, (resource.tags or {}).get(key, "")) for key in tag_keys]


def project_of(resource: Resource) -> str:
    """Return the name of a resource's project; '' if it has none."""
    name = resource.fields["ProjectName"]
    return "" if name is None or name is ABSENT else str(name)


def _product_row(code: str, amounts: LineSums) -> dict[str, str]:
    return {"BusinessCodeName": PRODUCT_NAMES[code], "BusinessCode": code, **_own_costs((amounts,))}


def _own_costs(parts: Iterable[LineSums]) -> dict[str, str]:
    """Sum amounts in the form of own summaries. There are no reserved instances in the sandbox."""
    whole = LineSums()
    for part in parts:
        whole = whole.plus(part)
    costs = _costs(whole)
    total = costs.pop("TotalCost")
    return {**costs, "RICost": money(0), "TotalCost": total}


def _listed(texts: Sequence[str], total: int) -> Members:
    return {"Total": str(total), "DetailSet": f"[{', '.join(texts)}]"}


def _costs(amounts: LineSums) -> dict[str, str]:
    return {
        "OriginalCost": money(amounts.original),
        "VoucherPayAmount": money(amounts.voucher),
        "TotalCost": money(amounts.total),
    }


ANSWERS: Mapping[str, Answer] = {
    "DescribeCustomerBillSummary": describe_customer_bill_summary,
    "DescribeBillSummaryByProduct": describe_bill_summary_by_product,
    "DescribeBillSummaryByRegion": describe_bill_summary_by_region,
    "DescribeBillSummaryByPayMode": describe_bill_summary_by_pay_mode,
    "DescribeCustomerBillDetail": describe_customer_bill_detail,
    "DescribeCustomerBillDetailByDay": describe_customer_bill_detail_by_day,
    "DescribeBillDetail": describe_bill_detail,
    "DescribeBillSummary": describe_bill_summary,
}
