"""Customers, applications, invitations, form lists and policies in the sandbox."""

from __future__ import annotations

import pytest

from pipelines.endpoints.shapes import Role
from pipelines.sandbox import World
from tests.unit.sandbox.asking import WORLD, ask, code

PAGE = {"Page": 1, "PageSize": 100}


def test_customers_have_what_is_hard_to_keep() -> None:
    """Names in several scripts, quotes and no-break spaces, nulls, empty texts and every kind of identity check."""
    uins = [int(uin) for uin in World(customers=20).customer_uins]
    rows = [
        row
        for seed in range(6)
        for row in ask(
            "DescribeCustomerInfo",
            world=World(seed, customers=20),
            CustomerUin=[int(uin) for uin in World(seed, customers=20).customer_uins],
        )["Data"]
    ]
    assert len(uins) == 20
    names = "".join(row["Name"] for row in rows)
    assert all(piece in names for piece in ("云", "Söhne", '"', "\u00a0", "ษ", "株"))
    for member in ("Email", "Mark", "AuthPassTime"):
        assert None in {row[member] for row in rows}
    assert "" in {row["Phone"] for row in rows}
    assert {row["AuthStatus"] for row in rows} == {"3", "0", "2", "-1", "-999"}
    assert {row["AccountStatus"] for row in rows} == {"0", "2"}
    assert {row["HasExpense"] for row in rows} == {0, 1}
    assert all((row["AuthType"] == -1) is (row["AuthPassTime"] is None) for row in rows)


def test_customers_are_told_in_the_order_asked() -> None:
    """DescribeCustomerInfo has a row for each asked customer, and the verification status agrees with it."""
    uins = [int(uin) for uin in WORLD.customer_uins[3:6]][::-1]
    rows = ask("DescribeCustomerInfo", CustomerUin=uins)["Data"]
    assert [int(row["CustomerUin"]) for row in rows] == uins
    for row in rows:
        verified = ask("QueryAccountVerificationStatus", ClientUin=int(row["CustomerUin"]))["AccountStatus"]
        assert verified is (row["AuthStatus"] == "3")


def test_expense_follows_the_bill() -> None:
    """HasExpense is 1 for customers with lines in the running month, 0 for those without."""
    rows = ask("DescribeCustomerInfo", CustomerUin=[int(uin) for uin in WORLD.customer_uins])["Data"]
    counts = WORLD.line_counts("2026-11")
    assert [row["HasExpense"] for row in rows] == [int(counts[row["CustomerUin"]] > 0) for row in rows]


def test_resellers_of_the_second_level_are_found() -> None:
    """They are listed latest first, found by a part of the name, by their whole uin, and by a customer's uin."""
    action, rows = "QuerySubAgentsDetailV2", ask("QuerySubAgentsDetailV2", **PAGE)["Data"]
    assert {str(row["SubAgentUin"]) for row in rows} == set(WORLD.reseller_uins)
    assert [row["BindTime"] for row in rows] == sorted((row["BindTime"] for row in rows), reverse=True)
    assert ask(action, **PAGE, Order="acs")["Data"] == rows[::-1]
    one = rows[0]
    uin = str(one["SubAgentUin"])
    for kind, wanted in (("Name", one["Name"][1:]), ("SubAgentUin", uin), ("ClientUin", WORLD.indirect_uins(uin)[0])):
        assert ask(action, **PAGE, FilterType=kind, Filter=wanted)["Data"] == [one]
    assert ask(action, **PAGE, FilterType="SubAgentUin", Filter=uin[1:])["Data"] == []


def test_the_number_of_resellers_is_the_worlds() -> None:
    """A world can have none or many, with as many customers each as it says."""
    assert ask("QuerySubAgentsDetailV2", world=World(resellers=0), **PAGE)["Total"] == 0
    world = World(resellers=5, indirect_customers=7)
    rows = ask("QuerySubAgentsDetailV2", world=world, **PAGE)["Data"]
    assert [row["CountOfCustomers"] for row in rows] == [7] * 5
    assert len({uin for reseller in world.reseller_uins for uin in world.indirect_uins(reseller)}) == 35


def test_customers_of_other_resellers_are_refused() -> None:
    """A second-level reseller that is not the caller's is FailedOperation.InvalidSubAgentUin."""
    asked = {"SubAgentUin": int(WORLD.customer_uins[0]), **PAGE}
    assert code("QueryT1IndirectCustomersDetail", **asked) == "FailedOperation.InvalidSubAgentUin"


def test_applicants_are_nobodys_customers() -> None:
    """Those who apply are on no list of customers or resellers."""
    clients = {row["ClientUin"] for row in ask("QueryPendingClientsV2", **PAGE)["Data"]}
    agents = {row["SubAgentUin"] for row in ask("QueryPendingSubAgentsV2", **PAGE)["Data"]}
    assert (len(clients), len(agents)) == (3, 1)
    known = {*WORLD.billed_uins(Role.DISTRIBUTOR, WORLD.partner_uin), *WORLD.reseller_uins}
    assert not {str(uin) for uin in clients | agents} & known
    assert ask("QueryPendingSubAgentsV2", Role.SECOND_LEVEL_RESELLER, **PAGE)["Total"] == 0


def test_invitations_are_found_by_their_tokens() -> None:
    """Used ones name the customer and when it was bound, the open one nobody; others' are left out."""
    tokens = list(WORLD.invitations(Role.RESELLER, WORLD.partner_uin))
    others = list(WORLD.invitations(Role.SECOND_LEVEL_RESELLER, WORLD.reseller_uins[0]))
    rows = ask("QueryInvitationInfo", Role.RESELLER, InvitationToken=[*tokens, "unknown", *others])["InvitationInfo"]
    assert [row["InvitationToken"] for row in rows] == tokens
    assert [str(row["ClientUin"]) for row in rows[:-1]] == list(WORLD.customer_uins[:3])
    assert [row["Status"] for row in rows] == [2, 2, 2, 1]
    bound = ask("DescribeCustomerInfo", CustomerUin=[row["ClientUin"] for row in rows[:-1]])["Data"]
    assert [row["BindTime"] for row in rows[:-1]] == [row["BindTime"] for row in bound]
    assert rows[-1]["ClientUin"] is None


@pytest.mark.parametrize("role", Role)
def test_everyone_gets_the_form_lists(role: Role) -> None:
    """Countries and industries are the same for all roles; Namibia's code is NA, and one industry has no children."""
    countries = ask("GetCountryCodes", role)["Data"]
    assert "NA" in {row["IOS2"] for row in countries}
    industries = ask("GetTradeConfigList", role)["TradeList"]
    assert [] in [row["Children"] for row in industries]
    assert {"101", "202"} <= {child["Id"] for row in industries for child in row["Children"]}


def test_policies_cover_products_at_several_levels() -> None:
    """One policy covers everything, `*` at each level; another every component; an unknown one nothing."""
    everything = ask("QueryPolicyProductListByCode", PolicyCode="RP-2026-ALL")["ProductList"]
    assert [set(row.values()) - {"RP-2026-ALL"} for row in everything] == [
        {"*", everything[0]["StartDate"], everything[0]["EndDate"]}
    ]
    products = ask("QueryPolicyProductListByCode", PolicyCode="RP-2026-PRODUCTS")["ProductList"]
    assert {row["ComponentCode"] for row in products} == {"*"}
    components = ask("QueryPolicyProductListByCode", PolicyCode="RP-2026-COMPONENTS", ProductCode="p_cvm")
    assert components["Total"] == len(components["ProductList"]) == 3
    assert {row["ProductName"] for row in components["ProductList"]} == {"Cloud Virtual Machine (CVM)"}
    assert ask("QueryPolicyProductListByCode", PolicyCode="RP-1999")["Total"] == 0
