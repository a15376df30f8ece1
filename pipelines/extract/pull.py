"""Pull of several datasets of one account and partition key, all at once.

Rate limits are per action, so datasets are pulled side by side. `program` pulls each of them; `land` takes the rows.
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
    """Pull all datasets of a request; give each as it is done, with its pull or its error.

    An error of one dataset does not stop the others, except refused credentials, which end all of them. Ledgers of
    failed datasets are kept.
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
