"""How a long pull tells its progress: a bar on a terminal, and a line in the Dagster log now and then."""

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
    """Tells pages done of those known so far, the rate against the limit, and the time left."""

    def __init__(self, log: logging.Logger, limits: Mapping[str, Mapping[str, int]]) -> None:
        """Take the log, and by account the limits that differ from the catalogue's."""
        self._log = log
        self._limits = limits
        self._began: dict[tuple[str, str], float] = {}
        self._told: dict[tuple[str, str], float] = {}
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

    def plan(self, planned: Sequence[Planned]) -> None:
        """Take note of what is about to be asked, and of what is not and why."""
        for plan in planned:
            asked = f"{plan.asked} asked in about {plan.most} requests, {-(-plan.most // plan.limit)} s at the limit"
            left = f"; {plan.left} left" if plan.left else ""
            why = f": {plan.why}" if plan.why else ""
            self._log.info(f"{plan.dataset} of '{plan.account}', {plan.partition_key}: {asked}{left}{why}")

    def tell(self, progress: extract.Progress) -> None:
        """Take note of where a dataset's pull is."""
        which = (progress.account, progress.dataset.name)
        now = time.monotonic()
        began = self._began.setdefault(which, now)
        rate = progress.asked / (now - began) if now > began else 0.0
        action = progress.dataset.action
        limit = self._limits.get(progress.account, {}).get(action.name, action.limit)
        text = f"{rate:.1f} requests/s of at most {limit}/s"
        task = self._tasks.get(which)
        if task is None:
            task = self._tasks[which] = self._bars.add_task(progress.dataset.name, rate=text)
        self._bars.update(task, completed=progress.done, total=progress.known, rate=text)
        if now - self._told.setdefault(which, now) >= _SECONDS_BETWEEN_LINES:
            self._told[which] = now
            left = (progress.known - progress.done) / rate if rate else 0.0
            self._log.info(
                f"{progress.dataset.name} of '{progress.account}': {progress.done} of {progress.known} pages, "
                f"{text}, about {left:.0f} s left"
            )
