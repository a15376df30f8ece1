"""One process that takes slots: `python slot_taker.py FOLDER LIMIT SECONDS` prints when its requests left.

It says "ready", waits for a line with the time to begin at, and ends with a line of JSON. Times are monotonic seconds,
which all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

from pipelines.client import DiskPacer
from pipelines.endpoints import ACTIONS

ACTION = ACTIONS["DescribeCustomerBillDetail"]
LATENCY = 0.08
CALLERS = 3


async def take(folder: Path, limit: int, begin: float, end: float) -> list[float]:
    """Let several callers take slots side by side from `begin` to `end`, each busy with its request for a while."""
    pacer, left = DiskPacer(folder, "key", {ACTION.name: limit}), list[float]()

    async def call() -> None:
        while time.monotonic() < end:
            async with pacer.slot(ACTION) as slot:
                await slot.before_send()
                left.append(time.monotonic())
                slot.after_send()
                await asyncio.sleep(LATENCY)

    await asyncio.sleep(begin - time.monotonic())
    await asyncio.gather(*(call() for _ in range(CALLERS)))
    return left


if __name__ == "__main__":
    _folder, _limit, _seconds = sys.argv[1:]
    print("ready", flush=True)  # noqa: T201  the other side reads this
    _begin = sys.stdin.readline()
    _left = asyncio.run(take(Path(_folder), int(_limit), float(_begin), float(_begin) + float(_seconds)))
    print(json.dumps(_left))  # noqa: T201  the other side reads this
