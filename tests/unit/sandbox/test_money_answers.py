"""Credit and vouchers in the sandbox: whatever is told twice is told alike, and sums are exact."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from pipelines.endpoints.shapes import Role
from pipelines.sandbox import World
from tests.unit.sandbox.asking import NOW, WORLD, ask, code, total

PARTNERS = [Role.DISTRIBUTOR, Role.RESELLER, Role.SECOND_LEVEL_RESELLER]
DIRECT = [int(uin) for uin in WORLD.customer_uins]
FIRST = DIRECT[0]


@pytest.mark.parametrize("role", PARTNERS)
def test_a_partners_credit_is_the_sum_of_its_customers(role: Role) -> None:
    """Totals of customers are the sums of both lists, and what is left of the partner's is what is not allocated."""
    own = ask("QueryPartnerCredit", role)
    direct = ask("QueryDirectCustomersCredit", role)["Data"]
    paged = ask("QueryCustomersCredit", role, Page=1, PageSize=100)["Data"]
    assert own["CustomerTotalCredit"] == total(direct, "TotalCredit") == total(paged, "Credit")
    assert own["CustomerRemainingCredit"] == total(direct, "RemainingCredit") == total(paged, "RemainingCredit")
    assert own["RemainingCredit"] == own["TotalCredit"] - own["AllocatedCredit"] > 0
    pools = ask("QuerySubAgentsDetailV2", role, Page=1, PageSize=100)["Data"] if role is Role.DISTRIBUTOR else []
    assert own["AllocatedCredit"] == own["CustomerTotalCredit"] + total(pools, "Credit")


def test_a_distributor_sees_its_resellers_credit_and_vouchers_as_they_do() -> None:
    """The pools in the distributor's list are those that each second-level reseller is told of."""
    for row in ask("QuerySubAgentsDetailV2", Page=1, PageSize=100)["Data"]:
        who = {"role": Role.SECOND_LEVEL_RESELLER, "uin": str(row["SubAgentUin"])}
        credit, vouchers = ask("QueryPartnerCredit", **who), ask("QueryVoucherPool", **who)
        assert (row["Credit"], row["RemainingCredit"]) == (credit["TotalCredit"], credit["RemainingCredit"])
        assert (row["Voucher"], row["RemainingVoucher"]) == (vouchers["TotalQuota"], vouchers["RemainingQuota"])


def test_credit_is_the_sum_of_its_allocations() -> None:
    """A customer's allocations, latest first, add up to its credit, whichever way that is asked; some are negative."""
    by_uin = ask("QueryCreditByUinList", UinList=DIRECT)["Data"]
    assert [row["Uin"] for row in by_uin] == DIRECT
    amounts = []
    for row in by_uin:
        pages = [ask("QueryCreditAllocationHistory", ClientUin=row["Uin"], Page=page, PageSize=100) for page in (1, 2)]
        history = [entry for page in pages for entry in page["History"]]
        assert len(history) == pages[0]["Total"]
        assert row["TotalCredit"] == total(history, "Credit")
        assert history == sorted(history, key=lambda entry: entry["AllocatedTime"], reverse=True)
        assert not history or history[0]["AllocatedCredit"] == row["TotalCredit"]
        amounts += [entry["Credit"] for entry in history]
    assert min(amounts) < 0 < max(amounts)
    assert any(amount != round(amount, 2) for amount in amounts), "amounts beyond two decimals"


def test_allocations_wait_for_their_time() -> None:
    """An earlier day has fewer allocations, and a credit that is theirs."""
    early = NOW - timedelta(days=1500)
    history = ask("QueryCreditAllocationHistory", ClientUin=FIRST, Page=1, PageSize=100, now=early)
    assert history["Total"] < ask("QueryCreditAllocationHistory", ClientUin=FIRST)["Total"]
    assert all(entry["AllocatedTime"] <= f"{early:%Y-%m-%d %H:%M:%S}" for entry in history["History"])
    credit = ask("QueryCreditByUinList", UinList=[FIRST], now=early)["Data"][0]["TotalCredit"]
    assert credit == total(history["History"], "Credit")


def test_what_is_left_changes_from_day_to_day_only() -> None:
    """The same day has the same balances; another day others."""
    days = [NOW, NOW.replace(hour=23), NOW + timedelta(days=1)]
    left = [[row["RemainingCredit"] for row in ask("QueryDirectCustomersCredit", now=now)["Data"]] for now in days]
    assert left[0] == left[1] != left[2]


@pytest.mark.parametrize("uin", [WORLD.customer_uins[0], WORLD.indirect_uins(WORLD.reseller_uins[0])[1]])
def test_a_customer_is_told_its_own_credit_to_the_cent(uin: str) -> None:
    """The quota is the partner's figure for that customer, cut to two decimals; it includes its usable vouchers."""
    quota = ask("QueryCustomerBillingQuota", uin=uin)["Data"]
    role = Role.RESELLER if uin in WORLD.customer_uins else Role.SECOND_LEVEL_RESELLER
    told = ask("QueryCreditByUinList", role, UinList=[int(uin)])["Data"][0]
    for name in ("TotalCredit", "RemainingCredit"):
        assert 0 <= told[name] - quota[name] < Decimal("0.01")
        assert quota[name] == round(quota[name], 2)
    usable = ask("DescribeCustomerOwnVoucherList", uin=uin, Page=1, PageSize=100, VoucherStatus="Issued")["Data"]
    assert 0 <= total(usable, "RemainingAmount") - quota["RemainingVoucher"] < Decimal("0.01")


def test_customers_credit_can_be_searched_and_turned() -> None:
    """Latest bound first unless asked for the other way; a filter compares a part."""
    rows = ask("QueryCustomersCredit", Page=1, PageSize=100)["Data"]
    turned = ask("QueryCustomersCredit", Page=1, PageSize=100, Order="asc")["Data"]
    times = [row["AssociationTime"] for row in rows]
    assert times == sorted(times, reverse=True)
    assert turned == rows[::-1]
    found = ask("QueryCustomersCredit", FilterType="ClientUin", Filter=str(FIRST))
    assert ([row["ClientUin"] for row in found["Data"]], found["Total"]) == ([FIRST], 1)
    assert {row["Force"] for row in rows} <= {0, 2}
    assert {row["Arrears"] for row in rows} == {"-", "yes"}


def vouchers_of_all() -> list[dict[str, Decimal]]:
    """Return every voucher of the partner's customers."""
    pages = [ask("DescribeCustomerVoucherList", Page=page, PageSize=20) for page in range(1, 9)]
    rows = [row for page in pages for row in page["Data"]]
    assert len(rows) == pages[0]["TotalCount"] == len({row["VoucherId"] for row in rows})
    return rows


def test_what_is_left_of_a_voucher_is_what_was_not_used() -> None:
    """TotalAmount less RemainingAmount is the exact sum of the usage, for every voucher, over its months too."""
    used, counts = 0, []
    for row in vouchers_of_all():
        asked = {"CustomerUin": row["CustomerUin"], "VoucherId": row["VoucherId"], "PageSize": 100}
        replies = [ask("DescribeCustomerVoucherUsageDetails", Page=page, **asked) for page in (1, 2, 3)]
        usage = [use for reply in replies for use in reply["Data"]]
        assert total(usage, "Amount") == row["TotalAmount"] - row["RemainingAmount"]
        assert {(reply["TotalAmount"], reply["RemainAmount"]) for reply in replies} == {
            (row["TotalAmount"], row["RemainingAmount"])
        }
        assert replies[0]["TotalRecordsCount"] == replies[0]["RecordsCountByMonth"] == len(usage)
        used += bool(usage)
        for month in {use["PayTime"][:7] for use in usage}:
            month_work = ask("DescribeCustomerVoucherUsageDetails", Page=1, Month=month, **asked)
            assert month_work["TotalRecordsCount"] == len(usage)
            assert month_work["RecordsCountByMonth"] == sum(use["PayTime"].startswith(month) for use in usage)
            assert month_work["Month"] == month
            counts.append(month_work["RecordsCountByMonth"])
    assert used > 10
    assert max(counts) > 100, "a month's usage has more than a page"


def test_a_month_without_usage_is_empty() -> None:
    """A month in which nothing was paid has no rows, while the records of all months stay counted."""
    voucher = next(row for row in vouchers_of_all() if row["TotalAmount"] != row["RemainingAmount"])
    asked = {"CustomerUin": voucher["CustomerUin"], "VoucherId": voucher["VoucherId"], "Page": 1, "PageSize": 100}
    reply = ask("DescribeCustomerVoucherUsageDetails", Month="2022-06", **asked)
    assert (reply["Data"], reply["RecordsCountByMonth"]) == ([], 0)
    assert reply["TotalRecordsCount"] > 0


def test_vouchers_have_every_status() -> None:
    """All documented statuses are there, and the one that only an official example has."""
    rows = [
        row
        for seed in range(4)
        for row in ask("DescribeCustomerVoucherList", world=World(seed), Page=1, PageSize=100)["Data"]
    ]
    assert {row["VoucherStatus"] for row in rows} == {"Issued", "Used", "Expired", "Invalidated", "Canceled"}
    assert all((row["VoucherStatus"] == "Used") <= (row["RemainingAmount"] == 0) for row in rows)


def test_the_older_lists_tell_the_same_vouchers() -> None:
    """By customer they have text ids, words of their own and the same amounts, but for those that were ended."""
    words = {"Issued": "Unused", "Used": "Used", "Expired": "Expired"}
    newer = [row for row in vouchers_of_all() if row["VoucherStatus"] in words]
    older = ask("QueryVoucherListByUin", ClientUins=DIRECT)["Data"]
    amounts = ask("QueryVoucherAmountByUin", ClientUins=DIRECT)["Data"]
    assert [row["ClientUin"] for row in older] == [row["ClientUin"] for row in amounts] == DIRECT
    for of_uin, amount in zip(older, amounts, strict=True):
        expected = [
            (words[row["VoucherStatus"]], row["TotalAmount"], row["RemainingAmount"])
            for row in newer
            if row["CustomerUin"] == of_uin["ClientUin"]
        ]
        assert [(row["VoucherStatus"], row["TotalAmount"], row["RemainAmount"]) for row in of_uin["Data"]] == expected
        assert of_uin["TotalCount"] == len(expected)
        assert amount["TotalAmount"] == total(of_uin["Data"], "TotalAmount")
        assert amount["RemainAmount"] == total(of_uin["Data"], "RemainAmount")
        assert not any(row["VoucherId"].isdecimal() for row in of_uin["Data"])
    unused = ask("QueryVoucherListByUin", ClientUins=DIRECT, Status="Unused")["Data"]
    assert {row["VoucherStatus"] for of_uin in unused for row in of_uin["Data"]} == {"Unused"}


@pytest.mark.parametrize("role", PARTNERS)
def test_the_voucher_pool_is_what_was_issued_and_what_is_left(role: Role) -> None:
    """The quota less what is left is the sum of all vouchers of the partner's customers."""
    own = ask("QueryVoucherPool", role)
    rows = ask("DescribeCustomerVoucherList", role, Page=1, PageSize=100)
    assert own["IssuedNum"] == rows["TotalCount"] == len(rows["Data"])
    assert own["TotalQuota"] - own["RemainingQuota"] == total(rows["Data"], "TotalAmount")
    assert own["AccountType"] == {Role.RESELLER: 1, Role.DISTRIBUTOR: 2, Role.SECOND_LEVEL_RESELLER: 3}[role]


def test_a_customer_sees_its_own_vouchers_as_its_partner_does() -> None:
    """The same vouchers and usage, without what only the partner knows."""
    page = {"Page": 1, "PageSize": 100}
    partners = ask("DescribeCustomerVoucherList", CustomerUin=FIRST, **page)["Data"]
    own = ask("DescribeCustomerOwnVoucherList", **page)["Data"]
    assert own == [
        {name: value for name, value in row.items() if name not in {"Usage", "ApplyReason"}} for row in partners
    ]
    used = next(row["VoucherId"] for row in own if row["TotalAmount"] != row["RemainingAmount"])
    theirs = ask("DescribeCustomerVoucherUsageDetails", CustomerUin=FIRST, VoucherId=used, **page)
    assert theirs.pop("CustomerUin") == FIRST
    assert ask("DescribeCustomerOwnVoucherUsageDetails", VoucherId=used, **page) == theirs


@pytest.mark.parametrize("name", ["VoucherStatus", "PaymentMode", "Usage", "ProductScope", "VoucherId"])
def test_vouchers_can_be_filtered(name: str) -> None:
    """A filter gives the vouchers that have the value, and counts them."""
    rows = vouchers_of_all()
    value = next(row[name] for row in rows if row["VoucherStatus"] != "Canceled")
    found = ask("DescribeCustomerVoucherList", Page=1, PageSize=100, **{name: value})
    assert found["Data"] == [row for row in rows if row[name] == value]
    assert found["TotalCount"] == len(found["Data"])


def test_vouchers_of_others_are_refused() -> None:
    """A voucher that is not the customer's is FailedOperation, the only code documented for it."""
    page = {"Page": 1, "PageSize": 100}
    rows = vouchers_of_all()
    other = next(row["VoucherId"] for row in rows if row["CustomerUin"] != FIRST)
    assert code("DescribeCustomerVoucherUsageDetails", CustomerUin=FIRST, VoucherId=other, **page) == "FailedOperation"
    assert code("DescribeCustomerOwnVoucherUsageDetails", VoucherId=other, **page) == "FailedOperation"
