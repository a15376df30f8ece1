"""Tests of what is computed for a statement: exactly, and so that what is shown adds up."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from pipelines.publish.currencies import rounded
from pipelines.publish.statements.figures import Cost, CostAmounts, left, section, unlike_total
from tests.unit.publish.statements.examples import cost, one_currency, statement, terms

if TYPE_CHECKING:
    from collections.abc import Iterable

AMOUNTS = st.decimals(min_value=-(10**29), max_value=10**29, places=8)
TOLD = AMOUNTS | st.none()
COSTS = st.builds(
    Cost,
    st.sampled_from("abcde"),
    st.sampled_from("rs"),
    st.just("pay"),
    st.builds(CostAmounts, TOLD, TOLD, TOLD, TOLD, st.none()),
)


def total_of(amounts: Iterable[Decimal]) -> Decimal:
    """Add without losing a digit."""
    with localcontext(prec=100):
        return sum(amounts, Decimal())


def test_what_is_invoiced_is_marked_up_then_converted_then_taxed_and_rounded_last() -> None:
    """(billed x (1 + markup)) x rate, then tax, not one digit lost on the way."""
    invoice = one_currency(
        [cost("0.00000001"), cost("100")], markup="5%", tax="19%", invoice_currency="EUR", rate="0.923456789012"
    ).invoice
    assert invoice.billed == Decimal("100.00000001")
    assert invoice.markup == Decimal("5.0000000005")
    assert invoice.marked_up == Decimal("105.0000000105")
    assert invoice.net == Decimal("105.0000000105") * Decimal("0.923456789012")
    assert invoice.tax == invoice.net * Decimal("0.19")
    assert invoice.due == invoice.net + invoice.tax
    assert (invoice.currency, invoice.invoice_currency) == ("USD", "EUR")


def test_without_terms_what_is_billed_is_due() -> None:
    """No markup, no tax, the currency of the bill."""
    invoice = one_currency([cost("1.005"), cost("-0.5")]).invoice
    assert invoice.due == invoice.net == invoice.billed == Decimal("0.505")
    assert (invoice.markup, invoice.tax, invoice.invoice_currency) == (0, 0, "USD")


def test_a_table_has_its_parts_by_what_they_cost_and_their_total() -> None:
    """Costs of one product are added whatever their region; each table is of the same costs."""
    made = one_currency([cost("1", "a", "r"), cost("5", "b", "r"), cost("3", "a", "s")])
    by_product, by_region, by_pay_mode = made.tables
    assert [(slice_params.label, slice_params.amounts.billed) for slice_params in by_product.parts] == [
        ("b", 5),
        ("a", 4),
    ]
    assert [(slice_params.label, slice_params.amounts.billed) for slice_params in by_region.parts] == [
        ("r", 6),
        ("s", 3),
    ]
    assert len(by_pay_mode.parts) == 1
    assert by_product.total == by_region.total == by_pay_mode.total
    assert by_product.total.billed == made.invoice.billed


def test_what_the_service_did_not_tell_of_prices_leaves_their_total_untold() -> None:
    """A sum of the other discounts would look like one of all; vouchers that are not told paid nothing."""
    (by_product, *_) = one_currency(
        [cost("1", "a", discount=None, voucher=None), cost("2", "b", discount="0.5", voucher="1")]
    ).tables
    assert [slice_params.amounts.discount for slice_params in by_product.parts] == [Decimal("0.5"), None]
    assert by_product.total == CostAmounts(Decimal(3), None, Decimal(1), Decimal(3), Decimal(3))


@given(st.lists(AMOUNTS, max_size=9), st.sampled_from(["USD", "JPY", "KWD", None]))
def test_what_is_left_makes_rounded_parts_the_rounded_total(parts: list[Decimal], currency: str | None) -> None:
    """However many parts, of whatever size, the sum that is shown is the exact total, rounded."""
    total = total_of(parts)
    shown = [*(rounded(slice_params, currency) for slice_params in parts), left(total, parts, currency) or Decimal()]
    assert total_of(shown) == rounded(total, currency)


@given(st.lists(COSTS, min_size=1, max_size=9), st.sampled_from(["USD", "JPY", "KWD"]))
def test_every_table_adds_up_down_and_across(costs: list[Cost], currency: str) -> None:
    """Rounded parts and what rounding leaves come to the rounded total, and so does what a row leaves."""
    for table in section(currency, costs, terms(markup="7.5%"), Decimal(1)).tables:
        columns = list(zip(*(slice_params.amounts for slice_params in table.parts), strict=True))
        lefts = [left(total, column, currency) for total, column in zip(table.total, columns, strict=True)]
        for total, column, remainder in zip(table.total, columns, lefts, strict=True):
            if total is None or remainder is None:
                assert total is remainder is None
                continue
            shown = [*(rounded(amount, currency) for amount in column if amount is not None), remainder]
            assert total_of(shown) == rounded(total, currency)
        across = [unlike_total(slice_params.amounts, currency) for slice_params in table.parts]
        across.append(unlike_total(CostAmounts(*lefts), currency))
        whole = unlike_total(table.total, currency)
        assert whole is None or total_of(amount or Decimal() for amount in across) == whole


def test_a_statement_is_named_as_the_terms_say_else_as_the_service_does_else_by_number() -> None:
    """There is always something to call a customer."""
    assert statement(name="Service's", display_name="Ours").name == "Ours"
    assert statement(name="Service's").name == "Service's"
    assert statement(name=None).name == "200000000001"


def test_a_statement_is_final_if_the_bill_is_out_whole_and_agreed() -> None:
    """Anything less is preliminary; one that is whole may still change."""
    assert statement().is_final
    assert not statement(stamp={"month_state": "provisional"}).is_final
    assert statement(stamp={"month_state": "provisional"}).is_whole
    assert not statement(stamp={"is_complete": False}).is_final
    assert not statement(stamp={"is_reconciled": False}).is_final
