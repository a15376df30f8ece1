"""Every answer of the sandbox: its types, its paging, and who gets it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from pipelines.endpoints import ACTIONS
from pipelines.endpoints.shapes import Role
from pipelines.sandbox import Faults, PagingQuirk, World
from pipelines.sandbox.answers import ANSWERS
from tests.unit.matrix import check_all
from tests.unit.sandbox.asking import MONTH, READS, UNKNOWN, WORLD, ask, code, sound_request, total

if TYPE_CHECKING:
    from pipelines.endpoints.shapes import Field

TYPES = {"string": str, "int64": int, "uint64": int, "float": Decimal, "bool": bool}
EVERY_QUESTION = [(action.name, role) for action in READS for role in action.roles if action.name in ANSWERS]
PAGED = [(name, role) for name, role in EVERY_QUESTION if ACTIONS[name].paging]
FIRST = int(WORLD.customer_uins[0])


def check_types(value: Any, field: Field, where: str) -> None:
    """Assert that a value is of its field's type, and so is all inside it."""
    if value is None:
        return
    if field.type == "list<object>":
        assert isinstance(value, list), where
        for item in value:
            check_members(item, field, where)
    elif field.type == "object":
        check_members(value, field, where)
    else:
        assert type(value) is TYPES[field.type], f"{where}: {value!r} is no {field.type}"
        assert field.type != "uint64" or value >= 0, where


def check_members(value: Any, field: Field, where: str) -> None:
    """Assert that an object has members of its field only, each of its type."""
    members = {member.name: member for member in field.fields}
    assert value.keys() <= members.keys(), where
    for name, inside in value.items():
        check_types(inside, members[name], f"{where}.{name}")


def test_every_read_action_is_answered() -> None:
    """Nothing that can be read is left out, and nothing else is answered."""
    assert set(ANSWERS) == {action.name for action in READS}


def test_every_reply_has_the_catalogues_types() -> None:
    """Every member that the catalogue has is there, and all in it are of its types."""

    def check(name: str, role: Role) -> None:
        action = ACTIONS[name]
        reply = ask(name, role, **sound_request(name, role))
        assert reply.keys() == {member.name for member in action.fields}
        for member in action.fields:
            check_types(reply[member.name], member, f"{name}.{member.name}")

    check_all(check, EVERY_QUESTION)


def test_every_reply_says_something() -> None:
    """A sound question has rows in its answer, unless second-level resellers are asked of a second-level reseller."""

    def check(name: str, role: Role) -> None:
        action = ACTIONS[name]
        if action.rows is None:
            return
        rows = ask(name, role, **sound_request(name, role))[action.rows]
        assert bool(rows) is not ("SubAgents" in name and role is Role.SECOND_LEVEL_RESELLER)

    check_all(check, EVERY_QUESTION)


def test_pages_are_the_list() -> None:
    """Pages of two rows are, one after the other, the page of many; past the end there are none; the total stays."""

    def check(name: str, role: Role) -> None:
        action = ACTIONS[name]
        request = sound_request(name, role)
        rows, count = str(action.rows), str(action.total).split(".")
        whole = ask(name, role, **{**request, "Page": 1, "PageSize": 100})
        pages = [ask(name, role, **{**request, "Page": page, "PageSize": 2}) for page in (1, 2, 3)]
        assert [row for page in pages for row in page[rows]] == whole[rows][:6]
        assert ask(name, role, **{**request, "Page": 9999, "PageSize": 100})[rows] == []
        for page in pages:
            assert page[count[0]] == whole[count[0]]
        counted = whole[count[0]] if len(count) == 1 else whole[count[0]][count[1]]
        assert min(int(counted), 100) == len(whole[rows])

    check_all(check, PAGED)


def test_any_list_can_move_and_be_short() -> None:
    """A list that moved begins with its second row and ends with its first; a withheld page lacks some."""

    def check(name: str, role: Role) -> None:
        action = ACTIONS[name]
        request = {**sound_request(name, role), "Page": 1, "PageSize": 100}
        still = ask(name, role, **request)[str(action.rows)]
        if not 1 < len(still) < 100:
            return
        assert ask(name, role, **request, moved=1)[str(action.rows)] == [*still[1:], still[0]]
        short = ask(name, role, **request, withheld=True)
        assert 0 < len(short[str(action.rows)]) < len(still)
        name_of_total = str(action.total).split(".")[0]
        assert short[name_of_total] == ask(name, role, **request)[name_of_total]

    check_all(check, PAGED)


UNDOCUMENTED = {
    "DescribeCustomerUin": ("Data", {}),
    "QueryCustomersCredit": ("Data", {}),
    "QueryCreditAllocationHistory": ("History", {"ClientUin": FIRST}),
}


@pytest.mark.parametrize("name", UNDOCUMENTED)
def test_the_world_decides_on_undocumented_paging(name: str) -> None:
    """The first page may be 0, large pages may be cut in silence, and pages may be ignored."""
    rows, asked = UNDOCUMENTED[name]

    def page(number: int, size: int, **quirk: Any) -> list[Any]:
        return ask(name, world=World(paging=PagingQuirk(**quirk)), **asked, Page=number, PageSize=size)[rows]

    first, second = page(1, 4), page(2, 4)
    assert first[0] not in second
    assert page(0, 4, first=0) == first
    assert page(1, 4, first=0) == second
    assert page(2, 9, largest=4, capped=True) == second
    assert page(2, 4, page_ignored=True) == first


def test_what_may_be_left_out_has_a_default() -> None:
    """Without page and size the first page of the largest size is answered."""
    assert len(ask("QueryCreditAllocationHistory", ClientUin=FIRST)["History"]) == 100
    assert ask("QueryCreditAllocationHistory", ClientUin=FIRST)["Total"] > 100
    assert len(ask("QueryPolicyProductListByCode", PolicyCode="RP-2026-COMPONENTS")["ProductList"]) == 13


OF_CUSTOMERS = [
    action.name
    for action in READS
    if action.name in ANSWERS
    and {"CustomerUin", "ClientUin", "ClientUins", "UinList"} & {p.name for p in action.parameters}
    and "DownloadUrl" not in action.name
]


def test_others_customers_are_refused() -> None:
    """A customer that is not the caller's, or was unbound, is NotCustomerUin, and so is a list that it stands in."""

    def check(name: str) -> None:
        role = ACTIONS[name].roles[-1]
        request = sound_request(name, role) | ({"CustomerUin": FIRST} if name == "DescribeCustomerVoucherList" else {})
        member = next(iter({"CustomerUin", "ClientUin", "ClientUins", "UinList"} & request.keys()))
        own = request[member]
        stranger = [*own[:3], UNKNOWN] if isinstance(own, list) else UNKNOWN
        assert code(name, role, **request) == ""
        assert code(name, role, **{**request, member: stranger}) == "UnauthorizedOperation.NotCustomerUin"
        gone = str(own[0] if isinstance(own, list) else own)
        assert code(name, role, **request, faults=Faults(unbound=(gone,))) == "UnauthorizedOperation.NotCustomerUin"

    check_all(check, OF_CUSTOMERS)


def listed(role: Role, uin: str | None = None) -> list[str]:
    """Return the customers that an account lists."""
    return [row["CustomerUin"] for row in ask("DescribeCustomerUin", role, uin=uin, Page=1, PageSize=100)["Data"]]


def test_a_distributor_and_its_reseller_know_the_same_customer() -> None:
    """The reseller lists as its own whom its distributor finds under it, and both get the same bill."""
    under: list[str] = []
    for row in ask("QuerySubAgentsDetailV2", Page=1, PageSize=100)["Data"]:
        found = ask("QueryT1IndirectCustomersDetail", SubAgentUin=row["SubAgentUin"], Page=1, PageSize=100)
        uins = [str(customer["ClientUin"]) for customer in found["Data"]]
        assert uins == listed(Role.SECOND_LEVEL_RESELLER, str(row["SubAgentUin"]))
        assert row["CountOfCustomers"] == found["Total"] == len(uins)
        under += uins
    assert len(set(under)) == 6
    assert not set(under) & set(listed(Role.DISTRIBUTOR))
    assert listed(Role.DISTRIBUTOR) == listed(Role.RESELLER) == list(WORLD.customer_uins)
    costs = []
    for uin in under[:3]:
        asked = {"CustomerUin": int(uin), "Month": MONTH, "Page": 1, "PageSize": 200}
        bills = [
            ask("DescribeCustomerBillDetail", role, **asked) for role in (Role.DISTRIBUTOR, Role.SECOND_LEVEL_RESELLER)
        ]
        assert bills[0] == bills[1]
        costs.append(total(bills[0]["DetailSet"], "TotalCost"))
    assert any(costs)


def test_nobody_sees_bills_of_others_customers() -> None:
    """A reseller is refused indirect customers, a second-level reseller all but its own."""
    direct, indirect = int(WORLD.customer_uins[0]), [WORLD.indirect_uins(uin)[0] for uin in WORLD.reseller_uins]
    refused = {
        (role, uin): code("DescribeCustomerBillSummary", role, CustomerUin=int(uin), Month=MONTH) != ""
        for role in (Role.DISTRIBUTOR, Role.RESELLER, Role.SECOND_LEVEL_RESELLER)
        for uin in (direct, *indirect)
    }
    assert [key for key, is_refused in refused.items() if not is_refused] == [
        (Role.DISTRIBUTOR, direct),
        *((Role.DISTRIBUTOR, uin) for uin in indirect),
        (Role.RESELLER, direct),
        (Role.SECOND_LEVEL_RESELLER, indirect[0]),
    ]


def test_an_unlisted_customer_is_on_no_list() -> None:
    """A customer that is not listed any more has gone from every list, and still answers."""
    faults = Faults(unlisted=(str(FIRST),))
    for name, member in (
        ("DescribeCustomerUin", "CustomerUin"),
        ("QueryCustomersCredit", "ClientUin"),
        ("QueryDirectCustomersCredit", "Uin"),
        ("DescribeCustomerVoucherList", "CustomerUin"),
    ):
        request = sound_request(name, Role.RESELLER)
        gone = {int(row[member]) for row in ask(name, **request)["Data"]}
        gone -= {int(row[member]) for row in ask(name, **request, faults=faults)["Data"]}
        assert gone == {FIRST}
    assert code("DescribeCustomerBillSummary", faults=faults, CustomerUin=FIRST, Month=MONTH) == ""


DAYS = [f"{MONTH}-{day:02d}" for day in range(1, 32)]


@pytest.mark.parametrize("customer", range(4))
def test_days_sum_to_the_month(customer: int) -> None:
    """A day is the sum of the rows booked on it, written with eight decimals, and all days are the month's summary."""
    uin = int(WORLD.customer_uins[customer])
    by_day = {day: ask("DescribeCustomerBillDetailByDay", CustomerUin=uin, Date=day)["TotalCost"] for day in DAYS}
    by_product = ask("DescribeBillSummaryByProduct", CustomerUin=uin, BillMonth=MONTH)["SummaryOverview"]
    assert sum(map(Decimal, by_day.values())) == total(by_product, "TotalCost")
    rows = ask("DescribeCustomerBillDetail", CustomerUin=uin, Month=MONTH, Page=1, PageSize=200)["DetailSet"]
    for day in {row["TransactionTime"][:10] for row in rows[:-1]} - {rows[-1]["TransactionTime"][:10]}:
        day_work = [row for row in rows if row["TransactionTime"].startswith(day)]
        assert Decimal(by_day[day]) == total(day_work, "TotalCost")
    assert all(len(cost.partition(".")[2]) == 8 for cost in by_day.values())


def test_a_day_without_lines_is_zero() -> None:
    """A customer that spends nothing has days of 0.00000000, and today has what was booked by now."""
    idle = next(uin for uin, count in WORLD.line_counts(MONTH).items() if not count)
    asked = {"CustomerUin": int(idle), "Date": DAYS[0]}
    assert ask("DescribeCustomerBillDetailByDay", **asked)["TotalCost"] == "0.00000000"
    november = {"CustomerUin": FIRST, "BillMonth": "2026-11"}
    whole = total(ask("DescribeBillSummaryByProduct", **november)["SummaryOverview"], "TotalCost")
    days = [f"2026-11-{day:02d}" for day in range(1, 21)]
    costs = [ask("DescribeCustomerBillDetailByDay", CustomerUin=FIRST, Date=day)["TotalCost"] for day in days]
    assert sum(map(Decimal, costs)) == whole
    assert Decimal(costs[-1]) != 0
