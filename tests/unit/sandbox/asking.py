"""Asks the sandbox's answers without HTTP, after its own checks; and a sound request for every read action."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pipelines.endpoints import ACTIONS
from pipelines.periods import BILLING_ZONE
from pipelines.sandbox import Faults, World, checks
from pipelines.sandbox.answers import ANSWERS
from pipelines.sandbox.api_request import ApiRequest
from pipelines.sandbox.refusals import Refusal
from pipelines.sandbox.storage import Storage
from pipelines.sandbox.vouchers import time_text, vouchers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipelines.endpoints.shapes import Role
    from pipelines.sandbox.vouchers import Voucher

NOW = datetime(2026, 11, 20, 12, tzinfo=BILLING_ZONE)
MONTH = "2026-10"
WORLD = World()
READS = [action for action in ACTIONS.values() if not action.writes]
UNKNOWN = 100000000001
"""An account that is nobody's customer."""

_SPAN = {"StartTime": "2026-10-01 00:00:00", "EndTime": "2026-10-31 23:59:59", "PeriodType": "day"}
_PAGE = {"Page": 1, "PageSize": 100}


def ask(
    action: str,
    role: Role | None = None,
    world: World = WORLD,
    *,
    uin: str | None = None,
    now: datetime = NOW,
    faults: Faults = Faults(),  # noqa: B008 - a value
    moved: int = 0,
    withheld: bool = False,
    **parameters: Any,
) -> dict[str, Any]:
    """Return a reply's members, numbers with a point as decimals. Raises Refusal.

    `role`: the first that may call the action if it is not given.
    """
    known = ACTIONS[action]
    role = role or known.roles[0]
    checks.check_role(known, role)
    asked = checks.checked_parameters(known, json.dumps(parameters).encode(), now, world.paging)
    uin = uin or world.default_uin(role)
    request = ApiRequest(known, asked, role, uin, world, faults, now, Counter(), Storage(), moved, withheld)
    return {name: json.loads(text, parse_float=Decimal) for name, text in ANSWERS[action](request).items()}


def code(action: str, role: Role | None = None, world: World = WORLD, **asked: Any) -> str:
    """Return the code that a request is refused with, '' if it is answered."""
    try:
        ask(action, role, world, **asked)
    except Refusal as refusal:
        return refusal.code
    return ""


def total(rows: list[dict[str, Any]], name: str) -> Decimal:
    """Add a member of rows."""
    return sum((Decimal(row[name]) for row in rows), Decimal())


def sound_request(action: str, role: Role, world: World = WORLD) -> dict[str, Any]:
    """Return parameters that an account of this role can ask this action with."""
    uins = world.own_uins(role, world.default_uin(role))
    uin = int(uins[0]) if uins else 0
    used = _used_voucher(world, uins or (world.default_uin(role),)) if action.endswith("UsageDetails") else None
    if used and uins:
        uin = int(used.customer_uin)
    named = {
        "BillMonth": MONTH,
        "BillType": 1,
        "ClientUin": uin,
        "ClientUins": [int(u) for u in uins[:20]],
        "CustomerUin": [int(u) for u in uins[:20]] if action == "DescribeCustomerInfo" else uin,
        "CustomerUinType": "Customer",
        "Date": "2026-11-18",
        "Dimension": "Business",
        "FeeType": "totalCost",
        "FileType": {"DescribeBillDownloadUrl": "L3", "DescribeRebateDownloadUrl": "CommissionDetail"}.get(
            action, "billDetailPack"
        ),
        "GroupType": "project",
        "InvitationToken": [*world.invitations(role, world.default_uin(role)), "unknown"],
        "Month": MONTH,
        "PolicyCode": "RP-2026-COMPONENTS",
        "SubAgentUin": int(world.reseller_uins[0]),
        "UinList": [int(u) for u in uins[:50]],
        "VoucherId": used and used.id,
        **_SPAN,
        **_PAGE,
    }
    needed = {parameter.name for parameter in ACTIONS[action].parameters if parameter.required}
    return {name: value for name, value in named.items() if name in needed}


def _used_voucher(world: World, uins: Iterable[str]) -> Voucher:
    now = time_text(NOW)
    return next(voucher for uin in uins for voucher in vouchers(world, uin, now) if voucher.used(now))
