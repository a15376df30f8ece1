"""One partition's pull: all its datasets of one account at once, as one asyncio program.

Limits are per action, so datasets run side by side; one that fails leaves the others. How one is asked is `program`'s
business, what becomes of the rows is decided after (`land/`).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pipelines.errors import CredentialRefused
from pipelines.extract.fetching import STEADY, Clock
from pipelines.extract.program import Costs, DatasetProgram

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from pipelines.endpoints.shapes import Dataset
    from pipelines.extract.replies import ApiCaller
    from pipelines.extract.request import DatasetPull, ExtractRequest, Progress


async def pull(
    request: ExtractRequest, caller: ApiCaller, progress: Callable[[Progress], None], clock: Clock = STEADY
) -> AsyncGenerator[tuple[Dataset, DatasetPull | Exception], None]:
    """Ask everything of a question; give each dataset as it is done, or what kept it from being done.

    A failure of the credentials ends all of the account's datasets. Ledgers of datasets that failed are kept.
    """
    costs = Costs(request)
    tasks = {
        asyncio.create_task(DatasetProgram(request, dataset, caller, costs, progress, clock).run()): dataset
        for dataset in request.datasets
    }
    handed_over = set()
    try:
        waiting = set(tasks)
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                error = task.exception()
                if isinstance(error, CredentialRefused):
                    for other in waiting:
                        other.cancel()
                        yield tasks[other], error
                    waiting = set()
                elif error is not None and not isinstance(error, Exception):
                    raise error
                handed_over.add(task)
                yield tasks[task], error or task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks.keys() - handed_over:
            if not task.cancelled() and not task.exception():
                task.result().close()
