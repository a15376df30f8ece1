"""The report's charts, as Vega-Lite specifications made with Altair.

Every amount in them is text, spelled from the exact one; only the browser makes a number of it, to place a mark.
Colours are the page's own CSS variables, so that one chart serves light, dark and print.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Any

import altair as alt

from pipelines.publish.report.spelling import NAMELESS, bucket, exact, rounded, share

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipelines.publish.report.figures import CurrencySection, Point

Spec = dict[str, Any]

COLOURS = 7
"""How many products get a colour of their own, --c1 to --c7; if there are more, the last is for the rest together."""

MOST_BARS = 10
"""How many bars a chart gets before the rest of them become one."""

MOST_MOVERS = 5
"""How many are drawn of those that rose, and as many of those that fell."""

_OTHERS = "All others"
_INK, _MUTED, _LINE, _PAPER = "var(--ink)", "var(--muted)", "var(--line)", "var(--paper)"
_BAR, _RISE, _FALL = "var(--c1)", "var(--rise)", "var(--fall)"
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Helvetica Neue', Arial, sans-serif"
_BAR_HEIGHT = 46
_LABEL, _SHARE = 170, 66  # pixels that are kept for an amount and its share at the right of a bar's name
_MONTH_LABEL = (
    "[monthAbbrevFormat(toNumber(slice(datum.value, 5)) - 1),"
    " datum.index == 0 || slice(datum.value, 5) == '01' ? slice(datum.value, 0, 4) : '']"
)
_COST_LABEL = "datum.value == 0 ? '0' : datum.label"
_DAY_LABEL = (
    "indexof(['01', '06', '11', '16', '21', '26'], slice(datum.value, 8)) < 0 ? '' : [slice(datum.value, 8),"
    " slice(datum.value, 8) == '01' ? monthAbbrevFormat(toNumber(slice(datum.value, 5, 7)) - 1) : '']"
)


def drawn(section: CurrencySection) -> dict[str, Spec]:
    """Return the specification of each chart that there is something to draw for, by its name in the page."""
    money = section.currency
    ages = [_bar(bucket(age.age_bucket), age.unpaid_cost, money) for age in section.ages]
    charts = {
        "months": _filled(
            _stacked("Month", _MONTH_LABEL), _stack(section, section.months), f"Billed by month, in {money}"
        ),
        "days": _filled(_stacked("Day", _DAY_LABEL), _stack(section, section.days), f"Billed by day, in {money}"),
        "movers": _filled(_ranked(), _moved(section), f"Change against the month before, in {money}"),
        "ages": _filled(_ranked(), ages, f"Unpaid by age, in {money}"),
    }
    for dimension in ("customer", "product", "region", "pay_mode"):
        described = f"Billed by {dimension.replace('_', ' ')}, in {money}"
        charts[dimension] = _filled(_ranked(_SHARE), _parts(section, dimension), described)
    return {name: chart for name, chart in charts.items() if chart["datasets"]["rows"]}


def series(section: CurrencySection) -> list[str]:
    """Return the products that have a colour, the dearest first."""
    sums = _summed((point.product_name, point.billed_cost) for point in section.months)
    names = sorted(sums, key=lambda name: (-sums[name], name))
    return names if len(names) <= COLOURS else [*names[: COLOURS - 1], _OTHERS]


def _filled(chart: Spec, rows: Sequence[Spec], describes: str) -> Spec:
    """Give a chart its rows and their number, its height if that grows with them, and its words."""
    numbered = [{"position": position, **row} for position, row in enumerate(rows)]
    height = chart.get("height", _BAR_HEIGHT * len(rows))
    return chart | {"datasets": {"rows": numbered}, "height": height, "description": describes}


@cache
def _stacked(period: str, label: str) -> Spec:
    """Draw costs of months or days, one upon the other by product; paler what may still change."""
    chart = (
        _chart()
        .mark_bar(stroke=_PAPER, strokeWidth=0.6, width={"expr": "min(bandwidth('x'), 110)"})
        .encode(
            x=alt.X("period:O", title=None, axis=alt.Axis(labelExpr=label, labelAngle=0, labelOverlap=False)),
            y=alt.Y("cost:Q", title=None, axis=alt.Axis(format="~s", tickCount=4, labelExpr=_COST_LABEL)),
            color=alt.Color("tone:N", scale=None),
            order="position:Q",
            opacity=alt.condition("datum.is_final", alt.value(1), alt.value(0.6)),
            tooltip=_tooltip(period=period, name="Product", amount="Billed", total="All products"),
        )
    )
    return _finished(chart) | {"height": 240}


@cache
def _ranked(beside: int = 0) -> Spec:
    """Draw one bar below each name, with its amount at the right, `beside` pixels of which are its share's."""
    base = _chart().encode(y=alt.Y("position:O", axis=None), tooltip=_tooltip(name="Name", amount="Exactly"))
    bar = base.mark_bar(height=8, yOffset=9, cornerRadius=2).encode(
        x=alt.X("cost:Q", axis=None, scale=alt.Scale(nice=False)), color=alt.Color("tone:N", scale=None)
    )
    zero = base.mark_tick(orient="vertical", size=16, thickness=1, yOffset=9, color=_MUTED).encode(x=alt.datum(0))
    name = base.mark_text(align="left", dy=-6, fill=_INK, limit=_from_right(_LABEL)).encode(
        x=alt.value(0), text="name:N"
    )
    label = base.mark_text(align="right", dy=-6, fill=_INK, fontWeight=600).encode(
        x=alt.value(_from_right(beside)), text="label:N"
    )
    part = base.mark_text(align="right", dy=-6, fill=_MUTED).encode(x=alt.value("width"), text="share:N")
    return _finished(alt.LayerChart(layer=[bar, zero, name, label, part]))


def _stack(section: CurrencySection, points: Sequence[Point]) -> list[Spec]:
    """Return one row for each period and product that has a colour, the dearest product first."""
    names, rows = series(section), []
    dated = (point for point in points if point.period)
    for period, of_period in groupby(dated, key=lambda point: point.period):
        found = list(of_period)
        sums = _summed((_coloured(point.product_name, names), point.billed_cost) for point in found)
        total = f"{section.currency} {exact(sum(sums.values(), Decimal(0)))}"
        rows += [
            {
                "period": period,
                "name": name,
                "cost": f"{sums[name]:f}",
                "amount": f"{section.currency} {exact(sums[name])}",
                "total": total,
                "tone": f"var(--c{number})",
                "is_final": all(point.is_final for point in found),
            }
            for number, name in enumerate(names, start=1)
            if name in sums
        ]
    return rows


def _parts(section: CurrencySection, dimension: str) -> list[Spec]:
    """Return a bar for each part of the month, the least of them as one, so that all bars sum to the month."""
    parts = [part for part in section.by(dimension) if part.billed_cost]
    shown, rest = (parts, []) if len(parts) <= MOST_BARS else (parts[: MOST_BARS - 1], parts[MOST_BARS - 1 :])
    named = [(part.name or part.note or NAMELESS, part.billed_cost) for part in shown]
    if rest:
        named.append((f"{len(rest)} others", sum((part.billed_cost for part in rest), Decimal(0))))
    whole = section.totals.billed_cost
    return [_bar(name, cost, section.currency) | {"share": share(cost, whole)} for name, cost in named]


def _moved(section: CurrencySection) -> list[Spec]:
    """Return a bar for each customer, or product of an own bill, that rose most, then for those that fell most."""
    changes: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for mover in section.movers:
        key = mover.customer_uin or mover.product_name or NAMELESS
        changes[key, (mover.customer_name or key) if mover.customer_uin else key] += mover.change_cost
    ordered = sorted(changes.items(), key=lambda change: (-change[1], change[0]))
    rose = [change for change in ordered if change[1] > 0][:MOST_MOVERS]
    fell = [change for change in ordered if change[1] < 0][-MOST_MOVERS:]
    return [_bar(name, cost, section.currency, sign=True) for (_, name), cost in (*rose, *fell)]


def _bar(name: str, cost: Decimal, currency: str, *, sign: bool = False) -> Spec:
    tone = _BAR if not sign else _RISE if cost > 0 else _FALL
    return {
        "name": name,
        "cost": f"{cost:f}",
        "label": rounded(cost, currency, sign=sign),
        "share": "",
        "amount": f"{currency} {exact(cost)}",
        "tone": tone,
    }


def _coloured(product_name: str | None, names: Sequence[str]) -> str:
    name = product_name or NAMELESS
    return name if name in names else _OTHERS


def _summed(costs: Iterable[tuple[str | None, Decimal]]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for name, cost in costs:
        sums[name or NAMELESS] += cost
    return sums


def _from_right(pixels: int) -> Spec:
    """Return a place that many pixels left of the right edge."""
    return {"expr": f"width - {pixels}"}


def _chart() -> alt.Chart:
    return alt.Chart(alt.NamedData("rows", format=alt.JsonDataFormat(parse={"cost": "number"})), width="container")


def _tooltip(**titles: str) -> list[alt.Tooltip]:
    return [alt.Tooltip(field, type="nominal", title=title) for field, title in titles.items()]


def _finished(chart: alt.Chart | alt.LayerChart) -> Spec:
    """Give the chart the page's look, and leave out the address of its schema: the page names no host."""
    looked = (
        chart.configure(background="transparent", font=_FONT, padding=0, aria=False)
        .configure_view(stroke=None)
        .configure_text(fontSize=13)
        .configure_axis(domain=False, gridColor=_LINE, labelColor=_MUTED, labelFontSize=13, labelPadding=6, ticks=False)
        .configure_axisX(grid=False)
    )
    specification: Spec = looked.to_dict()
    del specification["$schema"]
    return specification
