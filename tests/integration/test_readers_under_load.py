"""Readers while releases come and go: none of them fails, and none sees half a release."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pipelines import paths
from pipelines.publish import build_and_publish, disk, release
from tests.integration import projects
from tests.lake import line, put_month

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

NOW = datetime(2026, 11, 20, 4, 30, tzinfo=UTC)
HELD = (1, 1, 20)
"""How often each of the readers asks before it opens the release anew."""
RELEASES = 12

READER = """
import os, sys, time, duckdb
os.nice(10)  # releases are to come quickly
path, stop, held = sys.argv[1], sys.argv[2], int(sys.argv[3])
while not os.path.exists(stop):
    with duckdb.connect(path, read_only=True) as connection:
        for _ in range(held):
            print(*connection.execute('''
                select
                    release_id,
                    (select sum(billed_cost)::varchar from fct_bill_lines where bill_month = '2026-10'),
                    (select sum(billed_cost)::varchar from fct_monthly_costs where bill_month = '2026-10'),
                    (select count(*) from fct_bill_lines)
                from meta.release
            ''').fetchone())
    time.sleep(0.02)
"""
"""Opens the release, asks it `held` times what it is and what it holds, and opens it again."""


def test_no_reader_fails_and_each_sees_one_whole_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three processes ask again and again while releases are published; each answer is of one release, wholly."""
    monkeypatch.setattr(release, "read_project", projects.costs_only)
    expected = dict([publish(tmp_path, 0)])
    stop = tmp_path / "stop"
    with ExitStack() as stack:
        readers = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", READER, str(paths.current_release(tmp_path)), str(stop), str(held)],
                    stdout=stack.enter_context((tmp_path / f"{number}.out").open("w")),
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            for number, held in enumerate(HELD)
        ]
        try:
            expected |= dict(publish(tmp_path, number) for number in range(1, RELEASES + 1))
        finally:
            stop.touch()
        errors = [reader.communicate(timeout=60)[1] for reader in readers]
    assert errors == [""] * len(HELD)
    assert [reader.returncode for reader in readers] == [0] * len(HELD)
    assert len(expected) == RELEASES + 1
    for number, held in enumerate(HELD):
        answers = [line.split() for line in (tmp_path / f"{number}.out").read_text().splitlines()]
        assert {tuple(answer) for answer in answers} <= {(name, *whole) for name, whole in expected.items()}
        seen = {answer[0] for answer in answers}
        assert len(seen) >= (RELEASES // 5 if held == 1 else 2), f"reader {number} saw only {len(seen)} releases"
    assert len(list(paths.releases_folder(tmp_path).iterdir())) == release.KEPT


def publish(home: Path, number: int) -> tuple[str, tuple[str, str, str]]:
    """Land so many lines and publish; return the release's id and what a reader must find in it."""
    lines = [line(str(index), f"{number}.{index:08}") for index in range(number + 1)]
    put_month(home, "2026-10", {"1": lines})
    made = build_and_publish(home, now=NOW + timedelta(seconds=number), code_version="test")
    assert made is not None
    total = f"{number * (number + 1) + number * (number + 1) // 2 / 10**8:.8f}"
    return made.release_id, (total, total, str(number + 1))


SPINNER = """
import os, sys
link, stop = sys.argv[1:]
print("ready", flush=True)
while not os.path.exists(stop):
    for _ in range(1000):
        os.close(os.open(link, os.O_RDONLY))
"""


def test_the_link_leads_to_a_release_at_every_moment(tmp_path: Path) -> None:
    """A process that opens it without pause never finds it missing while it is swapped hundreds of times."""
    files = [tmp_path / name for name in ("one", "other")]
    for file in files:
        file.touch()
    link, stop = tmp_path / "link", tmp_path / "stop"
    disk.point(link, files[0])
    command = [sys.executable, "-c", SPINNER, str(link), str(stop)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as reader:
        assert reader.stdout
        reader.stdout.readline()
        for number in range(400):
            disk.point(link, files[number % 2])
        stop.touch()
        assert reader.communicate(timeout=60)[1] == ""
    assert reader.returncode == 0
