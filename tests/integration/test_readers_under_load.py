"""Readers that never pause while releases come and go: none of them fails, and none sees half a release."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipelines import paths
from pipelines.model.project import Project, read_project
from pipelines.publish import build_and_publish, release
from tests.lake import line, put_month

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

NOW = datetime(2026, 11, 20, 4, 30, tzinfo=UTC)
HELD = (1, 1, 1, 1, 1, 1, 1, 20)
"""How often each of the readers asks before it opens the release anew."""
RELEASES = 50

READER = """
import os, sys, duckdb
os.nice(10)  # releases are to come quickly; readers have the rest of the machine
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
"""
"""Opens the release, asks it `held` times what it is and what it holds, and opens it again."""


def test_no_reader_fails_and_each_sees_one_whole_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight processes ask without pause while fifty releases are published; each answer is of one release, wholly."""
    monkeypatch.setattr(release, "read_project", lambda: costs_only(read_project()))
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


def costs_only(project: Project) -> Project:
    """Return a project that makes bill lines straight from those landed, their sums and the tables of `meta`.

    Fifty builds of everything would take minutes; how a release is copied, swapped and pruned is the same.
    """
    models: dict[str, Any] = {model.full_name: model for model in project.models}
    instead = {
        "main.fct_bill_lines": (
            "staging.stg_customer_bill_detail",
            {"occurrence": "1", "is_complete": "true", "line_source": "'pages'"},
        ),
        "meta.release": (
            "",
            {
                "is_complete": "true",
                "is_reconciled": "true",
                "release_id": "getvariable('release_id')",
                "mask_id": "getvariable('mask_id')",
            },
        ),
    }
    for name, (source, values) in instead.items():
        known = {column.name for column in models[source].columns} if source else set()
        columns = ", ".join(
            values.get(column.name, column.name if column.name in known else "null") + f" as {column.name}"
            for column in models[name].columns
        )
        models[name] = replace(
            models[name],
            sql=f"select {columns}" + (f" from {source}" if source else ""),
            reads=(source,) if source else (),
        )
    wanted = {"main.fct_monthly_costs"} | {name for name in models if name.startswith("meta.")}
    for name in reversed(models):
        if name in wanted:
            wanted |= set(models[name].reads)
    return replace(project, models=tuple(model for name, model in models.items() if name in wanted), checks=())
