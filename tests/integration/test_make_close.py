"""`make close`, with a stand-in for Python that tells which words it is given."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = """\
#!/bin/sh
printf '%s\\0' "$@"
"""


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """Give a folder whose `python` prints its words, each with a zero byte after it."""
    python = tmp_path / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    return tmp_path


def words(told: Path, *given: str, **environment: str) -> list[str]:
    """Return the words that `make close MONTH=2026-10` runs the command with."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith("MAKE")
    }  # of a make that runs this
    done = subprocess.run(
        ["make", "-o", ".venv/.ready", f"BIN={told}", "close", "MONTH=2026-10", *given],
        cwd=ROOT,
        env=kept | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split("\0")[:-1]


def test_a_reason_arrives_as_it_was_written(told: Path) -> None:
    """Neither make nor the shell expands anything in it: it is kept for good."""
    for reason in (
        "credit of $500 agreed, 5$(HOME)",
        "$(shell echo made) $$ ${HOME} $HOME",
        '`echo shell` "both" it\'s \\ # ; & | > * ~ !',
        "two\nlines",
        "数据库",
    ):
        assert words(told, f"REASON={reason}") == ["-m", "pipelines", "close", "2026-10", "--reason", reason]


def test_a_reason_in_the_environment_is_none(told: Path) -> None:
    """One that is there by chance does not override a refusal; one that is given does not need it."""
    for given in ([], ["-e"]):
        assert words(told, *given, REASON="by chance") == ["-m", "pipelines", "close", "2026-10"]
        assert words(told, *given, "REASON=as agreed", REASON="by chance")[-1] == "as agreed"
