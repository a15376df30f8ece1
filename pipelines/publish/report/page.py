"""The page: figures, charts, look and script in one file that needs nothing else, and lets nothing else in.

Names come from customers, so none is trusted: the template escapes, the charts' data cannot end its element, and the
page's own policy runs and loads nothing but what was put in here. What does not belong here: asking a release.
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
"""How long a table gets; the page says how many rows it leaves out, and the release has them all."""

MOST_ANOMALIES = 10
"""How many unusual days are shown: a reader looks into the first few."""

_HERE = Path(__file__).parent
_STATES = {
    "open": "it still runs",
    "provisional": "it is over, its bill is not out yet",
    "issued": "its bill is out; it may still be restated",
}


def page(figures: Figures) -> str:
    """Return the whole page of a report, as HTML."""
    drawn = {
        f"{name}-{number}": chart
        for number, section in enumerate(figures.sections)
        for name, chart in charts.drawn(section).items()
    }
    style, script = _text("style.css"), _script()
    template = _environment().get_template("page.html.jinja")
    return template.render(
        figures=figures,
        stamp=figures.stamp,
        state=_STATES.get(figures.stamp.month_state, ""),
        drawn=drawn,
        data=_embedded(drawn),
        style=Markup(style),  # noqa: S704  our own file
        script=Markup(script),  # noqa: S704  the library's bundle and our own lines
        policy=_policy(style, script),
    )


def _verdict(stamp: ReleaseStamp) -> tuple[str, str, str]:
    """Return how far a month can be trusted: a tone, the words, and what they mean."""
    lines = "All bill lines so far" if stamp.month_state == "open" else "All bill lines"
    if stamp.is_complete and stamp.is_reconciled:
        return "good", "Complete and reconciled", f"{lines} are here, and every way to sum them up comes to the same."
    if stamp.is_complete:
        return "bad", "Complete, not reconciled", f"{lines} are here, but not every way to sum them up agrees."
    if stamp.is_reconciled:
        return "warn", "Partial", "What is here agrees, but something is missing or not proven to be whole."
    return "bad", "Partial, not reconciled", "Something is missing, and not every way to sum up what is here agrees."


def _agreement(way: Comparison) -> str:
    """Say whether one way to sum up agrees with the bill lines."""
    if way.differing:
        found = "differs" if way.differing == 1 else f"{way.differing} differ"
    elif way.missing:
        found = "not landed" if way.cost is None else f"yes, {way.missing} not landed"
    else:
        found = "yes"
    return f"{found} (for information)" if way.is_informative else found


def _embedded(drawn: dict[str, Spec]) -> Markup:
    """Spell JSON that can stand in a script element: nothing in it can end the element or begin a comment."""
    text = json.dumps(drawn, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704


def _policy(style: str, script: str) -> str:
    """Allow this style and this script, by their digests, and nothing else: no address can be loaded or sent to."""
    return (
        f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _script() -> str:
    """Return Vega with our lines at its end: one bundle, made offline from what vl-convert carries."""
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
