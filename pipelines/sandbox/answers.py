"""What the sandbox answers: one function for each action it knows, in one table.

To add an action, write its function here and put it in `ANSWERS`. It gets a question whose parameters have been checked
and returns the reply's members as JSON text; their order is the catalogue's. Signatures, roles, limits and faults were
dealt with before (`gateway`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.sandbox.bill import SCALE, Amounts, money
from pipelines.sandbox.goods import PAY_MODES, PRODUCTS, REGIONS, TERMS
from pipelines.sandbox.refusals import Refusal
from pipelines.sandbox.statement import PAY_MODE_OF, Filters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from pipelines.sandbox.faults import Faults
    from pipelines.sandbox.statement import Statement
    from pipelines.sandbox.world import World

Members = dict[str, str]
"""A reply's members by name, each as JSON text."""

PRODUCT_NAMES = {product.code: product.name for product in PRODUCTS}
REGION_NAMES = {region.id: region.name for region in REGIONS}
LABELS = {terms.action_type: terms.label for terms in TERMS}


@dataclass(frozen=True, slots=True)
class Question:
    """A request that passed all checks. `late` and `moved`: what has happened to the listing of its customer and month.

    `withheld`: the answer quietly lacks rows.
    """

    parameters: Mapping[str, Any]
    world: World
    faults: Faults
    now: datetime
    late: int = 0
    moved: int = 0
    withheld: bool = False

    @property
    def statement(self) -> Statement:
        """What is to be seen of the asked customer's month. Raises Refusal if the customer is not the caller's."""
        customer_uin = str(self.parameters["CustomerUin"])
        if customer_uin not in self.world.customer_uins or customer_uin in self.faults.unbound:
            raise Refusal("UnauthorizedOperation.NotCustomerUin", f"{customer_uin} is not your customer.")
        month = self.parameters.get("Month") or self.parameters["BillMonth"]
        return self.world.statement(customer_uin, month, self.now, self.late, self.moved)

    @property
    def filters(self) -> Filters:
        """What the question asks to see only."""
        return Filters(*(self.parameters.get(name) for name in ("PayMode", "ActionType", "IsConfirmed")))

    @property
    def window(self) -> slice:
        """The asked page's place in a list."""
        size: int = self.parameters["PageSize"]
        first = (self.parameters["Page"] - 1) * size
        return slice(first, first + size)


def describe_customer_uin(question: Question) -> Members:
    """List the account's customers. `Total` is text, says the definition."""
    uins = [uin for uin in question.world.customer_uins if uin not in question.faults.unlisted]
    rows = [{"CustomerUin": uin} for uin in uins[question.window]]
    return {"Data": json.dumps(rows), "Total": json.dumps(str(len(uins)))}


def describe_customer_bill_summary(question: Question) -> Members:
    """Sum a customer's month, as the JSON number (a double) that is nearest to the exact sum."""
    total = question.statement.sums(question.filters).total
    return {"TotalCost": repr(total / SCALE)}  # Python rounds the quotient of two whole numbers correctly


def describe_bill_summary_by_product(question: Question) -> Members:
    """Sum a customer's month by product."""
    sums = question.statement.sums_by(lambda group: group.business)
    rows = [{"BusinessCode": code, "BusinessCodeName": PRODUCT_NAMES[code], **_costs(sums[code])} for code in sums]
    return {"SummaryOverview": json.dumps(rows)}


def describe_bill_summary_by_region(question: Question) -> Members:
    """Sum a customer's month by region."""
    sums = question.statement.sums_by(lambda group: group.region)
    rows = [{"RegionId": id_, "RegionName": REGION_NAMES[id_], **_costs(sums[id_])} for id_ in sums]
    return {"SummaryOverview": json.dumps(rows)}


def describe_bill_summary_by_pay_mode(question: Question) -> Members:
    """Sum a customer's month by pay mode and, within each, by transaction type."""
    statement = question.statement
    rows = []
    for mode, sums in statement.sums_by(lambda group: PAY_MODE_OF[group.action_type]).items():
        details = statement.sums_by(lambda group: group.action_type, Filters(pay_mode=mode))
        detail = [{"ActionType": kind, "ActionTypeName": LABELS[kind], **_costs(of)} for kind, of in details.items()]
        costs = _costs(sums)
        original = {"OriginalCost": costs.pop("OriginalCost")}
        rows.append({"PayMode": mode, "PayModeName": PAY_MODES[mode], **original, "Detail": detail, **costs})
    return {"SummaryOverview": json.dumps(rows)}


def describe_customer_bill_detail(question: Question) -> Members:
    """List a customer's lines of a month, a page at a time; past the end there are none."""
    statement, window = question.statement, question.window
    lines = statement.page(question.filters, window)
    if question.withheld:
        del lines[len(lines) // 2 :: 7]
    return {"Total": str(statement.count(question.filters)), "DetailSet": f"[{', '.join(line.text for line in lines)}]"}


def _costs(amounts: Amounts) -> dict[str, str]:
    return {
        "OriginalCost": money(amounts.original),
        "VoucherPayAmount": money(amounts.voucher),
        "TotalCost": money(amounts.total),
    }


ANSWERS: Mapping[str, Callable[[Question], Members]] = {
    "DescribeCustomerUin": describe_customer_uin,
    "DescribeCustomerBillSummary": describe_customer_bill_summary,
    "DescribeBillSummaryByProduct": describe_bill_summary_by_product,
    "DescribeBillSummaryByRegion": describe_bill_summary_by_region,
    "DescribeBillSummaryByPayMode": describe_bill_summary_by_pay_mode,
    "DescribeCustomerBillDetail": describe_customer_bill_detail,
}
