"""The report's charts, as Vega-Lite specifications made with Altair.

Every amount in them is text made from the exact Decimal; only the browser turns it into a number, to place a mark.
Colours are the page's CSS variables, so that the same chart works in light mode, dark mode and print.
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
"""Colours for products, --c1 to --c7. If there are more products, the rest share the last colour."""

MOST_BARS = 10
"""Bars in a chart. If there would be more, the last bar is the sum of the rest."""

MOST_MOVERS = 5
"""Bars for the largest increases, and as many for the largest decreases."""

_OTHERS = "All others"
_INK, _MUTED, _LINE, _PAPER = "var(--ink)", "var(--muted)", "var(--line)", "var(--paper)"
_BAR, _RISE, _FALL = "var(--c1)", "var(--rise)", "var(--fall)"
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Helvetica Neue', Arial, sans-serif"
_BAR_HEIGHT = 46
_LABEL, _SHARE = 170, 66  # pixels kept for the amount and the share, to the right of a bar's name
_MONTH_LABEL = (
    "[monthAbbrevFormat(toNumber(slice(datum.value, 5)) - 1),"
    " datum.index == 0 || slice(datum.value, 5) == '01' ? slice(datum.value, 0, 4) : '']"
)
_COST_LABEL = "datum.value == 0 ? '0' : datum.label"
_DAY_LABEL = (
    "indexof(['01', '06', '11', '16', '21', '26'], slice(datum.value, 8)) < 0 ? '' : [slice(datum.value, 8),"
    " slice(datum.value, 8) == '01' ? monthAbbrevFormat(toNumber(slice(datum.value, 5, 7)) - 1) : '']"
)


def draw(section: CurrencySection) -> dict[str, Spec]:
    """Return the chart specifications of a section by their name in the page, without charts that have no rows."""
    money = section.currency
    ages = [_bar(bucket(age.age_bucket), age.unpaid_cost, money) for age in section.ages]
    charts = {
        "months": _filled(
            _stacked("Month", _MONTH_LABEL), _stack(section, section.months), f"Billed by month, in {money}"
        ),
        "days": _filled(_stacked("Day", _DAY_LABEL), _stack(section, section.days), f"Billed by day, in {money}"),
        "movers": _filled(_ranked(), _mover_bars(section), f"Change against the month before, in {money}"),
        "ages": _filled(_ranked(), ages, f"Unpaid by age, in {money}"),
    }
    for dimension in ("customer", "product", "region", "pay_mode"):
        described = f"Billed by {dimension.replace('_', ' ')}, in {money}"
        charts[dimension] = _filled(_ranked(_SHARE), _share_bars(section, dimension), described)
    return {name: chart for name, chart in charts.items() if chart["datasets"]["rows"]}


def series(section: CurrencySection) -> list[str]:
    """Return the names in the legend: the products with a colour of their own, highest cost first."""
    sums = _summed((point.product_name, point.billed_cost) for point in section.months)
    names = sorted(sums, key=lambda name: (-sums[name], name))
    return names if len(names) <= COLOURS else [*names[: COLOURS - 1], _OTHERS]


def _filled(chart: Spec, rows: Sequence[Spec], describes: str) -> Spec:
    """Return a chart with its rows (numbered), its height if that depends on them, and its description."""
    numbered = [{"position": position, **row} for position, row in enumerate(rows)]
    height = chart.get("height", _BAR_HEIGHT * len(rows))
    return chart | {"datasets": {"rows": numbered}, "height": height, "description": describes}


@cache
def _stacked(period: str, label: str) -> Spec:
    """Return a chart of stacked costs by product for each month or day; costs that may still change are paler."""
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
def _ranked(share_width: int = 0) -> Spec:
    """Return a bar chart: each name above its bar, amount and share (`share_width` pixels) to the right."""
    base = _chart().encode(y=alt.Y("position:O", axis=None), tooltip=_tooltip(name="Name", amount="Exactly"))
    bar = base.mark_bar(height=8, yOffset=9, cornerRadius=2).encode(
        x=alt.X("cost:Q", axis=None, scale=alt.Scale(nice=False)), color=alt.Color("tone:N", scale=None)
    )
    zero = base.mark_tick(orient="vertical", size=16, thickness=1, yOffset=9, color=_MUTED).encode(x=alt.datum(0))
    name = base.mark_text(align="left", dy=-6, fill=_INK, limit=_from_right(_LABEL)).encode(
        x=alt.value(0), text="name:N"
    )
    label = base.mark_text(align="right", dy=-6, fill=_INK, fontWeight=600).encode(
        x=alt.value(_from_right(share_width)), text="label:N"
    )
    part = base.mark_text(align="right", dy=-6, fill=_MUTED).encode(x=alt.value("width"), text="share:N")
    return _finished(alt.LayerChart(layer=[bar, zero, name, label, part]))


def _stack(section: CurrencySection, points: Sequence[Point]) -> list[Spec]:
    """Return a row for each period and legend name, products with the highest cost first."""
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


def _share_bars(section: CurrencySection, dimension: str) -> list[Spec]:
    """Return a bar for each share of the month; the smallest become one bar, so that all bars add up to the month."""
    shares = [row for row in section.by(dimension) if row.billed_cost]
    shown, rest = (shares, []) if len(shares) <= MOST_BARS else (shares[: MOST_BARS - 1], shares[MOST_BARS - 1 :])
    costs = [(row.name or row.note or NAMELESS, row.billed_cost) for row in shown]
    if rest:
        costs.append((f"{len(rest)} others", sum((row.billed_cost for row in rest), Decimal(0))))
    total = section.totals.billed_cost
    return [_bar(name, cost, section.currency) | {"share": share(cost, total)} for name, cost in costs]


def _mover_bars(section: CurrencySection) -> list[Spec]:
    """Return bars for the largest increases, then for the largest decreases, by customer (own bill: by product)."""
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
    """Return the position that many pixels left of the right edge."""
    return {"expr": f"width - {pixels}"}


def _chart() -> alt.Chart:
    return alt.Chart(alt.NamedData("rows", format=alt.JsonDataFormat(parse={"cost": "number"})), width="container")


def _tooltip(**titles: str) -> list[alt.Tooltip]:
    return [alt.Tooltip(field, type="nominal", title=title) for field, title in titles.items()]


def _finished(chart: alt.Chart | alt.LayerChart) -> Spec:
    """Return the specification with the page's style, and without `$schema`: the page names no host."""
    styled = (
        chart.configure(background="transparent", font=_FONT, padding=0, aria=False)
        .configure_view(stroke=None)
        .configure_text(fontSize=13)
        .configure_axis(domain=False, gridColor=_LINE, labelColor=_MUTED, labelFontSize=13, labelPadding=6, ticks=False)
        .configure_axisX(grid=False)
    )
    specification: Spec = styled.to_dict()
    del specification["$schema"]
    return specification
