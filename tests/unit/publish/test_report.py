"""Tests of the month's page, made of figures by hand: what it says, what it lets in, and what it never does."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from pipelines import paths
from pipelines.model.session import reader
from pipelines.periods import BILLING_ZONE
from pipelines.publish.release_stamp import ReleaseStamp, stamps
from pipelines.publish.report import charts, spelling
from pipelines.publish.report.figures import (
    Age,
    Anomaly,
    Comparison,
    CostShare,
    Credit,
    CurrencySection,
    ExpiringVoucher,
    Figures,
    Forecast,
    Gap,
    Mover,
    Point,
    Problem,
    Restatement,
    Totals,
)
from pipelines.publish.report.page import MOST_ROWS, page
from pipelines.publish.report.reading import figures

if TYPE_CHECKING:
    from pathlib import Path

EVIL = "</script><script>alert('x')</script><img src=http://evil.example/x onerror=alert(1)>"
AT = datetime(2026, 11, 20, 4, 30, tzinfo=UTC)


@dataclass
class Read(HTMLParser):
    """What a browser would make of a page: its texts, scripts and styles, and every attribute."""

    texts: list[str] = field(default_factory=list)
    scripts: list[tuple[dict[str, str | None], str]] = field(default_factory=list)
    styles: list[str] = field(default_factory=list)
    attributes: list[tuple[str, str, str | None]] = field(default_factory=list)
    inside: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the attributes of an element, and begin a script."""
        self.inside = tag
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        """Leave an element."""
        self.inside = ""

    def handle_data(self, data: str) -> None:
        """Keep a text where it belongs."""
        if self.inside == "script":
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)
        elif self.inside == "style":
            self.styles.append(data)
        else:
            self.texts.append(data)

    @property
    def text(self) -> str:
        """All that is there to be read, spaces made one."""
        return re.sub(r"\s+", " ", "".join(self.texts))

    @property
    def policy(self) -> str:
        """What the page allows."""
        return next(
            value or ""
            for tag, name, value in self.attributes
            if (tag, name) == ("meta", "content") and "default-src" in (value or "")
        )


def read(figures: Figures) -> Read:
    """Return the page of these figures, read."""
    found = Read()
    found.feed(page(figures))
    found.close()
    return found


def stamp(**fields: Any) -> ReleaseStamp:
    """Return a seal of a month that is whole."""
    whole: dict[str, Any] = {
        "account": "north",
        "bill_month": "2026-10",
        "is_own_bill": False,
        "month_state": "issued",
        "as_of_at": AT,
        "is_complete": True,
        "is_reconciled": True,
        "closed_release_id": None,
        "release_id": "20261120T043000Z-abcdef12",
        "built_at": AT,
        "code_version": "1.2.3",
        "schema_version": "2.0.0",
    }
    return ReleaseStamp(**whole | fields)


def section(
    currency: str | None = "USD", cost: str = "30.00000001", name: str = "Ant", **fields: Any
) -> CurrencySection:
    """Return one currency's month that cost `cost`, all of it one customer's."""
    billed = Decimal(cost)
    parts: dict[str, Any] = {
        "totals": Totals(currency, 3, 1, billed, billed, Decimal(0), billed, Decimal(10), Decimal(5), 0),
        "forecasts": [],
        "comparisons": [Comparison(currency, "Summary", billed, Decimal(0), 0, 0, is_informative=False)],
        "restatements": [],
        "months": [Point(currency, "2026-10", "CVM", billed, is_final=True)],
        "days": [Point(currency, "2026-10-03", "CVM", billed, is_final=True)],
        "shares": [
            CostShare(currency, "customer", name, "100", billed, Decimal(10)),
            CostShare(currency, "product", "CVM", None, billed, Decimal(10)),
            CostShare(currency, "region", None, None, billed, Decimal(10)),
            CostShare(currency, "pay_mode", "Pay-As-You-Go", None, billed, Decimal(10)),
        ],
        "movers": [Mover(currency, name, "100", "CVM", "grown", Decimal(10), billed, billed - 10, is_comparable=True)],
        "ages": [Age(currency, "1-30", Decimal(5), 1, "2026-10")],
        "anomalies": [Anomaly(currency, date(2026, 10, 3), name, "100", "CVM", billed, Decimal(1), billed - 1)],
    }
    return CurrencySection(**parts | fields)


def report(**fields: Any) -> Figures:
    """Return the figures of a month in one currency."""
    parts: dict[str, Any] = {
        "stamp": stamp(),
        "previous_month": "2026-09",
        "has_previous": True,
        "sections": [section()],
        "gaps": [],
        "credits": [
            Credit("Ant", "100", "10 %", "USD", Decimal(100), Decimal(7), 0.07, Decimal(2), 3, date(2026, 11, 20))
        ],
        "vouchers": [ExpiringVoucher("Ant", "100", "v1", Decimal(9), AT, 6, date(2026, 11, 20))],
        "problems": [Problem("bills", "stale", "It is old.", "make month MONTH=2026-10", 1, "100")],
    }
    return Figures(**parts | fields)


def everything(name: str) -> Figures:
    """Return figures in which every text that is not ours is `name`."""
    mover = Mover("USD", name, "100", name, name, Decimal(1), Decimal(3), Decimal(2), is_comparable=False)
    evil = section(
        name=name,
        currency=name,
        comparisons=[Comparison(name, name, Decimal(1), Decimal(1), 0, 1, is_informative=False)],
        months=[Point("USD", "2026-10", name, Decimal(1), is_final=False)],
        shares=[
            CostShare("USD", each, name, name, Decimal(1), None)
            for each in ("customer", "product", "region", "pay_mode", "tag")
        ],
        movers=[mover],
        ages=[Age("USD", name, Decimal(1), 1, name)],
        forecasts=[Forecast("USD", None, None, 30, None, 1, name, None, None)],
        anomalies=[Anomaly("USD", date(2026, 10, 3), name, name, name, Decimal(1), Decimal(1), Decimal(0))],
    )
    return report(
        stamp=stamp(account=name, release_id=name, closed_release_id=name, code_version=name),
        sections=[evil],
        gaps=[Gap(name, name, name)],
        credits=[Credit(name, name, name, name, None, None, None, None, None, None)],
        vouchers=[ExpiringVoucher(name, name, name, None, AT, 6, date(2026, 11, 20))],
        problems=[Problem(name, name, name, name, 1, name)],
    )


def rows_of(chart: charts.Spec) -> list[Any]:
    """Return what a chart draws."""
    return list(chart["datasets"]["rows"])


def test_an_exact_amount_has_all_its_decimals() -> None:
    """Nothing is rounded or lost beyond what a double holds, and no exponent is shown."""
    assert spelling.exact(Decimal("1234567890123456.12345678")) == "1,234,567,890,123,456.12345678"
    assert spelling.exact(Decimal("0E-8")) == "0.00000000"


@pytest.mark.parametrize(
    ("amount", "currency", "label"),
    [("2.005", "USD", "2.01"), ("-2.005", "USD", "-2.01"), ("1234.5", "JPY", "1,235"), ("0.0004", "USD", "0.00")],
)
def test_a_label_is_rounded_half_up_to_the_minor_unit(amount: str, currency: str, label: str) -> None:
    """Labels are short; a currency without a minor unit has none."""
    assert spelling.rounded(Decimal(amount), currency) == label


@pytest.mark.parametrize(
    ("amount", "currency", "text"), [("1234.5", "USD", "1,234.50000000"), ("1234.5", "JPY", "1,234.50000000")]
)
def test_a_marked_amount_reads_as_the_exact_one(amount: str, currency: str, text: str) -> None:
    """The digits beyond the minor unit stand back, and are there."""
    assert spelling.marked(Decimal(amount), currency).striptags() == text
    assert spelling.marked(Decimal(amount), currency, sign=True).striptags() == f"+{text}"
    assert spelling.marked(None, currency).striptags() == "not known"


def test_a_change_is_told_only_where_it_means_something() -> None:
    """Against nothing, or less than nothing, there is no percentage."""
    assert spelling.change(Decimal(15), Decimal(10)) == "+50.0 %"
    assert spelling.change(Decimal(15), Decimal(0)) == ""
    assert spelling.change(Decimal(15), Decimal(-1)) == ""
    assert spelling.change(Decimal(15), None) == ""
    assert spelling.share(Decimal(1), Decimal(0)) == ""


def test_the_page_says_how_far_it_can_be_trusted() -> None:
    """Account, month, state, as of, release and each way to sum up stand in it, and the seal's own sentence."""
    found = read(report())
    for text in (
        "October 2026",
        "account north",
        "Complete and reconciled",
        "2026-11-20 12:30",
        "20261120T043000Z-abcdef12",
        stamp().sentence,
        "Summary",
        "30.00000001",
    ):
        assert text in found.text, text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"is_complete": False}, "Partial"),
        ({"is_reconciled": False}, "Complete, not reconciled"),
        ({"is_complete": False, "is_reconciled": False}, "Partial, not reconciled"),
    ],
)
def test_what_is_not_whole_is_said_first(fields: dict[str, Any], words: str) -> None:
    """The verdict is in words, and each customer that is not whole is named with its reason."""
    found = read(report(stamp=stamp(**fields), gaps=[Gap("Ant", "100", "Page 2 is missing.")]))
    assert words in found.text
    assert "Complete and reconciled" not in found.text
    assert "Ant 100: Page 2 is missing." in found.text


def test_costs_in_no_told_currency_are_called_so() -> None:
    """Where lines tell no currency the page and its charts say "no currency", as statements do, never None."""
    found = read(report(sections=[section(), section(currency=None)]))
    assert "In no currency" in found.text
    assert "Billed by month, in no currency" in found.scripts[0][1]
    assert "None" not in found.text
    assert "The month in no currency" in read(report(sections=[section(currency=None)])).text


def test_a_sum_that_lines_do_not_tell_is_not_known() -> None:
    """Without the list price of each line neither it nor the discount is a number."""
    totals = Totals("USD", 3, 1, None, Decimal(30), Decimal(0), Decimal(30), Decimal(10), Decimal(5), 0)
    assert "At list pricenot known Discountnot known" in read(report(sections=[section(totals=totals)])).text


def test_a_way_that_differs_is_told_with_its_difference() -> None:
    """A difference is exact and signed; what did not land is not taken for agreement."""
    ways = [
        Comparison("USD", "Summary", Decimal("29.5"), Decimal("-0.50000001"), 0, 2, is_informative=False),
        Comparison("USD", "By region", None, None, 1, 0, is_informative=False),
        Comparison("USD", "Cost explorer", Decimal(1), Decimal(-29), 0, 1, is_informative=True),
    ]
    text = read(report(sections=[section(comparisons=ways)])).text
    assert re.search(r"Summary ?29\.50000000 ?-0\.50000001 ?2 differ", text)
    assert re.search(r"By region ?not known ?not known ?not landed", text)
    assert "differs (for information)" in text


def test_a_restated_and_frozen_month_says_so() -> None:
    """What changed after the bill was out, and against what was frozen, stand in the seal."""
    restated = Restatement("USD", 2, Decimal("1.25"), AT, Decimal("-3.5"))
    text = read(report(stamp=stamp(closed_release_id="frozen-1"), sections=[section(restatements=[restated])])).text
    assert "frozen-1" in text
    assert "2 bill lines, USD +1.25000000" in text
    assert "USD -3.50000000" in text


def test_two_currencies_are_never_summed() -> None:
    """Each has its own block and total; their sum stands nowhere."""
    found = read(report(sections=[section("USD", "30"), section("JPY", "400")]))
    assert "In USD" in found.text
    assert "In JPY" in found.text
    assert "30.00000000" in found.text
    assert "400.00000000" in found.text
    assert "430." not in found.text


def test_no_name_can_become_markup_or_script() -> None:
    """A name full of tags is shown as it is: no element, attribute or script comes of it."""
    plain, evil = read(everything("Ant")), read(everything(EVIL))
    assert EVIL in evil.text
    names = [(tag, name) for tag, name, _ in evil.attributes]
    assert names == [(tag, name) for tag, name, _ in plain.attributes]
    assert len(evil.scripts) == len(plain.scripts) == 2
    data = evil.scripts[0][1]
    assert "<" not in data
    assert EVIL in json.dumps(json.loads(data), ensure_ascii=False).replace('\\"', '"')
    assert evil.scripts[1] == plain.scripts[1]
    assert evil.policy == plain.policy


def test_the_page_allows_only_its_own_script_and_style() -> None:
    """The policy names both by their digests, and nothing else: no eval, no address, no inline handler."""
    found = read(report())
    (data, _), (code, script) = found.scripts
    (style,) = found.styles

    def source(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    assert data["type"] == "application/json"
    assert code == {}
    assert found.policy == (
        f"default-src 'none'; style-src {source(style)}; script-src {source(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def test_the_page_loads_nothing() -> None:
    """No attribute, style or chart names an address; the library stands in it once."""
    found = read(report())
    assert not [each for each in found.attributes if each[1] in {"src", "href", "srcset", "action", "style"}]
    assert "://" not in found.text + "".join(found.styles) + found.scripts[0][1]
    assert not re.search(r"@import|url\(", "".join(found.styles))
    assert sum("vegaEmbed" in script or "vega-embed" in script for _, script in found.scripts) == 1
    assert len(page(report()).encode()) < 2_000_000


def test_every_chart_has_its_place_and_its_words() -> None:
    """Each specification is drawn into one figure that says what it shows, with its figures in a table."""
    found = read(report())
    drawn = json.loads(found.scripts[0][1])
    places = {value for tag, name, value in found.attributes if name == "id" and value != "charts"}
    assert set(drawn) == places
    assert {f"{name}-0" for name in ("months", "days", "customer", "product", "region", "pay_mode")} < places
    assert all(spec["description"] and "$schema" not in spec for spec in drawn.values())


def test_charts_take_their_colours_from_the_page() -> None:
    """No colour is fixed in a chart, so that dark mode and print need no other one."""
    text = json.dumps(charts.draw(section()))
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b", text)
    (style,) = read(report()).styles
    assert set(re.findall(r"var\((--[\w-]+)\)", text)) <= set(re.findall(r"(--[\w-]+):", style))


def test_bars_sum_to_the_month_though_few_are_drawn() -> None:
    """The least parts become one bar with their sum, and the table has them all, to its limit."""
    parts = [
        CostShare("USD", "customer", f"Customer {number}", f"{number}", Decimal(1), Decimal(1)) for number in range(60)
    ]
    many = section(cost="60", shares=parts)
    bars = rows_of(charts.draw(many)["customer"])
    assert len(bars) == charts.MOST_BARS
    assert bars[-1]["name"] == "51 others"
    assert sum(Decimal(bar["amount"].removeprefix("USD ")) for bar in bars) == 60
    text = read(report(sections=[many])).text
    assert f"Customer {MOST_ROWS - 1} " in text
    assert f"Customer {MOST_ROWS} " not in text
    assert "10 others" in text


def test_more_products_than_colours_share_the_last() -> None:
    """The dearest have a colour of their own, and a period's parts still sum to it."""
    points = [Point("USD", "2026-10", f"P{number}", Decimal(number), is_final=True) for number in range(1, 11)]
    many = section(months=points)
    assert charts.series(many) == ["P10", "P9", "P8", "P7", "P6", "P5", "All others"]
    rows = rows_of(charts.draw(many)["months"])
    assert sum(Decimal(row["amount"].removeprefix("USD ")) for row in rows) == 55
    assert {row["total"] for row in rows} == {"USD 55.00000000"}


def test_movers_are_those_that_rose_and_those_that_fell_most() -> None:
    """Products of a customer count together; those that hardly moved are left out."""
    movers = [
        Mover("USD", f"C{number}", f"{number}", product, "grown", Decimal(0), Decimal(0), Decimal(change), True)  # noqa: FBT003
        for number, change in enumerate(range(-8, 9))
        for product in ("a", "b")
    ]
    bars = rows_of(charts.draw(section(movers=movers))["movers"])
    assert [bar["label"] for bar in bars[:2]] == ["+16.00", "+14.00"]
    assert [bar["label"] for bar in bars[-2:]] == ["-14.00", "-16.00"]
    assert len(bars) == 2 * charts.MOST_MOVERS


def test_a_running_month_has_a_forecast_with_its_method() -> None:
    """The estimate is named one, with how it was made and how far the month is."""
    forecast = Forecast("USD", date(2026, 10, 10), 10, 31, Decimal(93), 0, "By its average.", Decimal(30), Decimal(20))
    text = read(report(stamp=stamp(month_state="open"), sections=[section(forecasts=[forecast])])).text
    assert "Forecast to month end" in text
    assert "93.00000000" in text
    assert "after 10 of 31 days" in text
    assert "By its average." in text
    assert "this month is still running" in text


def test_empty_states_are_said_in_words() -> None:
    """A section without rows says that there are none; a month that is not landed is not taken for zero."""
    empty = section(
        totals=replace(section().totals, previous_cost=None, unpaid_cost=None, unpaid_unknown=4),
        days=[],
        shares=[],
        movers=[],
        ages=[],
        anomalies=[],
    )
    text = read(report(sections=[empty], has_previous=False, credits=[], vouchers=[], problems=[])).text
    for words in (
        "September 2026 has not been landed",
        "not landed",
        "not known for 4 customers",
        "No bill line has a day.",
        "Nothing was billed.",
        "No unusual day",
        "Nothing is known to be unpaid",
        "No customer's credit is known to be",
        "No voucher with a remaining amount",
        "Nothing is missing or stale",
    ):
        assert words in text, words


def test_a_month_without_lines_says_so() -> None:
    """Where nothing was billed at all there is no block of figures, and no error."""
    found = read(report(sections=[]))
    assert "No bill lines of October 2026" in found.text
    assert json.loads(found.scripts[0][1]) == {}


def test_an_own_bill_leaves_out_what_only_customers_have() -> None:
    """No customers, discounts, vouchers or receivables; tags instead."""
    totals = replace(section().totals, contracted_cost=None, voucher_amount=None, unpaid_cost=None)
    tag = CostShare("USD", "tag", "env", "prod", Decimal(30), None)
    own = section(totals=totals, ages=[], shares=[*section().by("product"), tag])
    text = read(report(stamp=stamp(is_own_bill=True), sections=[own], credits=[], vouchers=[])).text
    assert "Own bill" in text
    assert re.search(r"env ?prod ?30\.00000000", text)
    for words in ("Discount", "Paid by vouchers", "Unpaid", "Customers whose"):
        assert words not in text, words


def test_the_same_figures_give_the_same_page() -> None:
    """Nothing of the page depends on when or where it is written."""
    assert page(report()) == page(report())


def test_unpaid_amounts_by_age_are_of_the_month_and_earlier_ones(published: Path) -> None:
    """A release's unpaid amounts are summed by the age of the bill, the report's own month among them, no later one."""
    with reader(paths.current_release(published)) as connection:
        connection.execute(f"set TimeZone = '{BILLING_ZONE.key}'")
        found = {each.account: figures(connection, each) for each in stamps(connection, "2026-10")}
        before = {each.account: figures(connection, each) for each in stamps(connection, "2026-09")}
    ages = {account: [age for part in each.sections for age in part.ages] for account, each in found.items()}
    dollars = [age for age in ages["sandbox"] if age.billing_currency == "USD"]
    assert dollars == [
        Age("USD", "1-30", Decimal("0.25"), 1, "2026-10"),
        Age("USD", "31-60", Decimal(3), 1, "2026-09"),
    ]
    assert [(age.billing_currency, age.unpaid_cost) for age in ages["other"]] == [("CNY", 2), ("CNY", 2)]
    [section] = [part for part in found["sandbox"].sections if part.totals.billing_currency == "USD"]
    assert section.totals.unpaid_cost == Decimal("0.25")
    assert [age.oldest_month for part in before["sandbox"].sections for age in part.ages] == ["2026-09"]
