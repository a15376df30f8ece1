"""The report's HTML: figures, charts, style and script in one file that loads nothing.

Names come from customers, so they are not trusted: the template escapes them, the charts' JSON cannot end its script
element, and the Content-Security-Policy allows only this page's own style and script. Queries do not belong here.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipelines.publish.report import charts, spelling

if TYPE_CHECKING:
    from pipelines.publish.release_stamp import ReleaseStamp
    from pipelines.publish.report.charts import Spec
    from pipelines.publish.report.figures import Comparison, Figures

MOST_ROWS = 50
"""Rows shown in a table. The page says how many more the release has."""

MOST_ANOMALIES = 10
"""Unusual days shown: readers look into the first few only."""

_HERE = Path(__file__).parent
_STATES = {
    "open": "the month is still running",
    "provisional": "the month is over, its bill is not issued yet",
    "issued": "its bill is issued; it may still be restated",
}


def page(figures: Figures) -> str:
    """Return the report as HTML."""
    drawn = {
        f"{name}-{number}": chart
        for number, section in enumerate(figures.sections)
        for name, chart in charts.draw(section).items()
    }
    style, script = _text("style.css"), _script()
    template = _environment().get_template("page.html.jinja")
    return template.render(
        figures=figures,
        stamp=figures.stamp,
        state=_STATES.get(figures.stamp.month_state, ""),
        drawn=drawn,
        data=_embedded(drawn),
        style=Markup(style),  # noqa: S704  a file of this project
        script=Markup(script),  # noqa: S704  the library's bundle and charts.js
        policy=_policy(style, script),
    )


def _verdict(stamp: ReleaseStamp) -> tuple[str, str, str]:
    """Return how far a month can be trusted: the colour class, a title and a sentence that explains it."""
    lines = "All bill lines so far" if stamp.month_state == "open" else "All bill lines"
    if stamp.is_complete and stamp.is_reconciled:
        return (
            "good",
            "Complete and reconciled",
            f"{lines} are here, and their sum equals every other sum.",
        )
    if stamp.is_complete:
        return (
            "bad",
            "Complete, not reconciled",
            f"{lines} are here, but their sum differs from another sum.",
        )
    if stamp.is_reconciled:
        return "warn", "Partial", "The sums agree, but some data is missing or not proven complete."
    return (
        "bad",
        "Partial, not reconciled",
        "Some data is missing or not proven complete, and sums differ.",
    )


def _agreement(way: Comparison) -> str:
    """Say whether a sum agrees with the sum of the bill lines."""
    if way.differing:
        found = "differs" if way.differing == 1 else f"{way.differing} differ"
    elif way.missing:
        found = "not landed" if way.cost is None else f"yes, {way.missing} not landed"
    else:
        found = "yes"
    return f"{found} (for information)" if way.is_informative else found


def _embedded(drawn: dict[str, Spec]) -> Markup:
    """Return the charts as JSON for a script element, escaped so that no name can end it or begin a comment."""
    text = json.dumps(drawn, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704


def _policy(style: str, script: str) -> str:
    """Return a Content-Security-Policy that allows only this style and script, by digest, and no address at all."""
    return (
        f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _script() -> str:
    """Return Vega, Vega-Lite and charts.js as one bundle, made offline from the copies in vl-convert."""
    bundle: str = vl_convert.javascript_bundle(_text("charts.js"))
    return bundle


@cache
def _text(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "amount": spelling.marked,
        "bucket": spelling.bucket,
        "moment": spelling.moment,
        "month_name": spelling.month_name,
    }
    environment.globals |= {
        "COLOURS": charts.COLOURS,
        "MOST_ANOMALIES": MOST_ANOMALIES,
        "MOST_ROWS": MOST_ROWS,
        "NAMELESS": spelling.NAMELESS,
        "agreement": _agreement,
        "change": spelling.change,
        "series": charts.series,
        "share": spelling.share,
        "verdict": _verdict,
    }
    return environment
