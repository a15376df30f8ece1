"""The page of a month in a browser, under its own policy."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

from pipelines.publish import build_and_publish
from tests.acceptance.programs import program
from tests.integration.test_report_page import NOW, land, written

if TYPE_CHECKING:
    from pathlib import Path


def test_a_browser_draws_every_chart_under_the_pages_own_policy(tmp_path: Path) -> None:
    """With eval and every address forbidden, each chart becomes a drawing."""
    browser = program("chromium", "google-chrome", package="chromium")
    home = tmp_path / "home"
    land(home)
    assert build_and_publish(home, now=NOW, code_version="test")
    page = written(home)
    drawn = subprocess.run(
        [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--virtual-time-budget=5000",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout
    places = re.findall(r'<div class="chart"', page.read_text(encoding="utf-8"))
    assert places
    assert len(re.findall(r"<svg [^>]*class=\"marks\"", drawn)) == len(places)
