"""Several real processes on one pacing state: never too fast, about as fast as allowed, in equal shares."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from tests.integration import slot_taker

ROOT = Path(__file__).parents[2]


@dataclass
class Takers:
    """Processes that took slots from `begin` to `end`, and when the requests of each left."""

    begin: float
    end: float
    lefts: list[list[float]]

    @property
    def together(self) -> list[float]:
        """When any request left."""
        return sorted(chain.from_iterable(self.lefts))

    @property
    def rate(self) -> float:
        """Requests a second."""
        return (len(self.together) - 1) / (self.together[-1] - self.together[0])

    @property
    def fullest_second(self) -> int:
        """The most requests that left in any one second."""
        return max(sum(begin <= at < begin + 1 for at in self.together) for begin in self.together)

    @property
    def shares(self) -> list[int]:
        """How many requests of each process left before the end."""
        return [sum(at < self.end for at in left) for left in self.lefts]


def run_takers(folder: Path, count: int, limit: int, seconds: float, kill_first_after: float | None = None) -> Takers:
    """Let `count` processes take slots for `seconds`; kill the first of them after a while if told so."""
    command = [sys.executable, "-m", slot_taker.__name__, str(folder), str(limit), str(seconds)]
    pipe = subprocess.PIPE
    with ExitStack() as stack:
        takers = [
            stack.enter_context(subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True))
            for _ in range(count)
        ]
        for taker in takers:
            assert taker.stdout
            assert taker.stdout.readline() == "ready\n"
        begin = time.monotonic() + 0.2
        for taker in takers:
            assert taker.stdin
            taker.stdin.write(f"{begin}\n")
            taker.stdin.flush()
        if kill_first_after is not None:
            time.sleep(begin + kill_first_after - time.monotonic())
            takers.pop(0).kill()
        lefts = [json.loads(taker.communicate(timeout=60)[0]) for taker in takers]
    return Takers(begin, begin + seconds, lefts)


def test_four_processes_share_five_a_second(tmp_path: Path) -> None:
    """Four processes at 5/s: at most 5 in any second, nearly the allowed rate, shares within a factor of 1.5."""
    taken = run_takers(tmp_path, 4, 5, seconds=4.0)
    assert taken.fullest_second <= 5
    assert taken.rate >= 0.95 * 5 / 1.03
    assert max(taken.shares) <= 1.5 * min(taken.shares)


def test_a_killed_process_stops_nobody(tmp_path: Path) -> None:
    """When one of two processes is killed, the other goes on within the limit and soon has the whole rate."""
    taken = run_takers(tmp_path, 2, 5, seconds=3.5, kill_first_after=1.0)
    assert taken.fullest_second <= 5
    assert sum(taken.begin + 2 <= at < taken.end for at in taken.together) >= 6
