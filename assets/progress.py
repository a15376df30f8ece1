"""Progress of a long pull: bars on a terminal, and a line in the Dagster log every ten seconds."""

import logging
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from pipelines import extract
from pipelines.refresh import Planned

_SECONDS_BETWEEN_LINES = 10.0


class ProgressReport:
    """Shows for each dataset the pages done, the request rate against the limit, and the time left."""

    def __init__(self, log: logging.Logger, limits: Mapping[str, Mapping[str, int]]) -> None:
        """Keep the log, and by account the limits (requests a second by action) that differ from the catalogue's."""
        self._log = log
        self._limits = limits
        self._began: dict[tuple[str, str], float] = {}
        self._logged: dict[tuple[str, str], float] = {}
        self._tasks: dict[tuple[str, str], TaskID] = {}
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
        )
        self._bars = Progress(
            *columns,
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
            transient=True,
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def show_plan(self, planned: Sequence[Planned]) -> None:
        """Log how many slices of each dataset are about to be requested, and why others are left out."""
        for plan in planned:
            seconds = -(-plan.max_requests // plan.limit)
            requested = f"{plan.slices} slices, about {plan.max_requests} requests, {seconds} s at the limit"
            left_out = f"; {plan.left_out} left out" if plan.left_out else ""
            why = f": {plan.why_left_out}" if plan.why_left_out else ""
            self._log.info(f"{plan.dataset} of '{plan.account}', {plan.partition_key}: {requested}{left_out}{why}")

    def show_progress(self, progress: extract.Progress) -> None:
        """Update the bar of a dataset's pull, and log a line if the last one is ten seconds old."""
        key = (progress.account, progress.dataset.name)
        now = time.monotonic()
        began = self._began.setdefault(key, now)
        rate = progress.answered / (now - began) if now > began else 0.0
        action = progress.dataset.action
        limit = self._limits.get(progress.account, {}).get(action.name, action.limit)
        text = f"{rate:.1f} requests/s of at most {limit}/s"
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = self._bars.add_task(progress.dataset.name, rate=text)
        self._bars.update(task, completed=progress.done, total=progress.known, rate=text)
        if now - self._logged.setdefault(key, now) >= _SECONDS_BETWEEN_LINES:
            self._logged[key] = now
            seconds_left = (progress.known - progress.done) / rate if rate else 0.0
            self._log.info(
                f"{progress.dataset.name} of '{progress.account}': {progress.done} of {progress.known} pages, "
                f"{text}, about {seconds_left:.0f} s left"
            )
