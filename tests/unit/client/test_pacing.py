"""The pacer: slots on a shared disk, seen from one event loop and a timeline without waiting."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from itertools import chain, pairwise
from typing import TYPE_CHECKING

import httpx
import pytest

from pipelines.client import Client, DiskPacer, FreePacer, pacing_key
from pipelines.endpoints import ACTIONS
from pipelines.errors import StorageFailed
from tests.unit.client.standins import refusal, reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipelines.client import Credential, Pacer
    from tests.unit.client.standins import Service, Timeline

DETAIL = ACTIONS["DescribeCustomerBillDetail"]  # 5/s
SUMMARY = ACTIONS["DescribeCustomerBillSummary"]  # 1/s
WINDOW = 1.03


@pytest.fixture
def made(tmp_path: Path, timeline: Timeline) -> Callable[..., DiskPacer]:
    """Make pacers that share a folder, as the processes of a home do."""

    def make(**options: object) -> DiskPacer:
        options = {"folder": tmp_path / "pacing", "key": "key", "clock": timeline.now, "boot_id": "boot"} | options
        return DiskPacer(**options)  # type: ignore[arg-type]

    return make


async def take(pacer: Pacer, action: object, count: int, left: list[float], timeline: Timeline) -> None:
    """Send `count` requests one after the other and note when each left."""
    for _ in range(count):
        async with pacer.slot(action) as slot:  # type: ignore[arg-type]
            await slot.before_send()
            left.append(timeline.now())
            slot.after_send()


def test_several_callers_keep_the_pace(made: Callable[..., DiskPacer], timeline: Timeline) -> None:
    """Callers side by side in one process leave evenly, at limit / (1 + margin) a second."""
    pacer, left = made(), list[float]()

    async def run() -> None:
        await asyncio.gather(*(take(pacer, DETAIL, 5, left, timeline) for _ in range(10)))

    timeline.run(run())
    gaps = [later - earlier for earlier, later in pairwise(left)]
    assert gaps == pytest.approx([WINDOW / 5] * 49, abs=1e-6)


def test_callers_are_served_in_order(made: Callable[..., DiskPacer], timeline: Timeline) -> None:
    """Who asked first leaves first."""
    pacer, order = made(), list[int]()

    async def caller(number: int) -> None:
        async with pacer.slot(DETAIL):
            order.append(number)

    async def run() -> None:
        await asyncio.gather(*map(caller, range(20)))

    timeline.run(run())
    assert order == list(range(20))


def test_pacers_of_one_folder_share_one_pace_equally(made: Callable[..., DiskPacer], timeline: Timeline) -> None:
    """Four processes' worth of pacers leave at one process's rate, each in its turn."""
    lefts = [list[float]() for _ in range(4)]

    async def run() -> None:
        await asyncio.gather(*(take(made(), DETAIL, 10, left, timeline) for left in lefts))

    timeline.run(run())
    together = sorted(chain.from_iterable(lefts))
    assert together[-1] - together[0] == pytest.approx(39 * WINDOW / 5, rel=0.01)
    for earlier, later in zip(together, together[5:], strict=False):
        assert later - earlier >= WINDOW - 1e-6
    order = [next(number for number, left in enumerate(lefts) if at in left) for at in together]
    for begin in range(1, 30):  # the first comer asks twice before the others are there
        assert set(order[begin : begin + 4]) == {0, 1, 2, 3}


def test_a_crowded_process_has_one_place_in_the_queue(made: Callable[..., DiskPacer], timeline: Timeline) -> None:
    """A process with twenty callers and one with a single caller take turns: the queue is of processes."""
    crowd, single = list[float](), list[float]()

    async def run() -> None:
        pacer = made()
        callers = [take(pacer, DETAIL, 1, crowd, timeline) for _ in range(20)]
        await asyncio.gather(*callers, take(made(), DETAIL, 10, single, timeline))

    timeline.run(run())
    assert single[-1] < 1000.0 + 21 * WINDOW / 5
    assert max(crowd) > single[-1]


def test_actions_and_keys_are_paced_apart(made: Callable[..., DiskPacer], timeline: Timeline) -> None:
    """Another action, or another key, does not wait for this one."""
    left = list[float]()

    async def run() -> None:
        pacer, other = made(), made(key="other")
        await asyncio.gather(
            take(pacer, SUMMARY, 1, left, timeline),
            take(pacer, DETAIL, 1, left, timeline),
            take(other, SUMMARY, 1, left, timeline),
        )

    timeline.run(run())
    assert left == [1000.0] * 3


def test_the_pace_survives_a_restart(made: Callable[..., DiskPacer], timeline: Timeline) -> None:
    """A process that starts just after another ended still keeps a window from its last request."""
    left = list[float]()
    timeline.run(take(made(), SUMMARY, 1, left, timeline))
    timeline.stall(0.2)
    timeline.run(take(made(), SUMMARY, 1, left, timeline))
    assert left[1] - left[0] == pytest.approx(WINDOW)


def test_a_clock_that_begins_anew_stops_nothing(made: Callable[..., DiskPacer], timeline: Timeline) -> None:
    """After a reboot, or a clock set back by an hour, the old state is not believed: a request leaves in a second."""
    left = list[float]()
    timeline.run(take(made(clock=lambda: timeline.now() + 3600), SUMMARY, 3, [], timeline))
    began = timeline.now()
    timeline.run(take(made(), SUMMARY, 1, left, timeline))
    timeline.run(take(made(boot_id="next boot"), SUMMARY, 1, left, timeline))
    assert left == pytest.approx([began + WINDOW, began + 2 * WINDOW])


@pytest.mark.parametrize("content", [b"{", b"\0" * 300, b"\xff\xfe", b'{"due": 1e300}'])
def test_a_corrupt_state_is_replaced(
    made: Callable[..., DiskPacer], timeline: Timeline, tmp_path: Path, content: bytes
) -> None:
    """What cannot be read is replaced by a cautious state: a second later all goes on at the usual pace."""
    left = list[float]()
    timeline.run(take(made(), SUMMARY, 1, [], timeline))
    (state,) = (tmp_path / "pacing").iterdir()
    state.write_bytes(content)
    began = timeline.now()
    timeline.run(take(made(), SUMMARY, 3, left, timeline))
    assert left == pytest.approx([began + WINDOW, began + 2 * WINDOW, began + 3 * WINDOW])


def test_a_late_departure_holds_the_next_back(made: Callable[..., DiskPacer], timeline: Timeline) -> None:
    """A request that leaves after a slow handshake counts from when it left, in every process."""
    left = list[float]()

    async def slow() -> None:
        async with made().slot(SUMMARY) as slot:
            await asyncio.sleep(0.7)
            await slot.before_send()
            left.append(timeline.now())
            slot.after_send()

    async def run() -> None:
        await asyncio.gather(slow(), take(made(), SUMMARY, 1, left, timeline))

    timeline.run(run())
    assert left == pytest.approx([1000.7, 1000.7 + WINDOW])


def test_a_departure_that_comes_too_late_waits_its_turn(made: Callable[..., DiskPacer], timeline: Timeline) -> None:
    """A handshake of seconds, overtaken by other requests, waits until the window has room again."""
    left = list[float]()

    async def slow() -> None:
        async with made().slot(SUMMARY) as slot:
            await asyncio.sleep(3.5)
            await slot.before_send()
            left.append(timeline.now())
            slot.after_send()

    async def run() -> None:
        await asyncio.gather(slow(), take(made(), SUMMARY, 6, left, timeline))

    timeline.run(run())
    gaps = [later - earlier for earlier, later in zip(sorted(left), sorted(left)[1:], strict=False)]
    assert min(gaps) >= WINDOW - 1e-6
    assert len(left) == 7


def test_a_stalled_process_is_counted_from_when_it_wrote(made: Callable[..., DiskPacer], timeline: Timeline) -> None:
    """If the loop stalls between the claim and the write, the state is put right as soon as it is known."""
    left = list[float]()

    async def stalled() -> None:
        async with made().slot(SUMMARY) as slot:
            await slot.before_send()
            timeline.stall(0.5)
            slot.after_send()

    async def run() -> None:
        await stalled()
        await take(made(), SUMMARY, 1, left, timeline)

    timeline.run(run())
    assert left == pytest.approx([1000.5 + WINDOW])


def test_a_request_without_events_counts_from_its_end(made: Callable[..., DiskPacer], timeline: Timeline) -> None:
    """Where nobody says when the request left, it counts as late as it can have."""
    left = list[float]()

    async def run() -> None:
        async with made().slot(SUMMARY):
            await asyncio.sleep(0.6)
        await take(made(), SUMMARY, 1, left, timeline)

    timeline.run(run())
    assert left == pytest.approx([1000.6 + WINDOW])


def test_a_cancelled_waiter_leaves_no_trace(made: Callable[..., DiskPacer], timeline: Timeline, tmp_path: Path) -> None:
    """A caller cancelled while it waits takes no slot, keeps no place, and lets the next in its process go on."""
    left = list[float]()

    async def run() -> None:
        pacer = made()
        await take(pacer, SUMMARY, 1, left, timeline)
        waiting = asyncio.create_task(take(pacer, SUMMARY, 1, left, timeline))
        await asyncio.sleep(0.1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        (state,) = (tmp_path / "pacing").iterdir()
        assert '"queue": []' in state.read_text()
        await take(pacer, SUMMARY, 1, left, timeline)

    timeline.run(run())
    assert left == pytest.approx([1000.0, 1000.0 + WINDOW])


def test_an_error_inside_a_slot_releases_it(made: Callable[..., DiskPacer], timeline: Timeline) -> None:
    """A request that fails gives its error on, and the next slot comes as usual."""
    left = list[float]()

    async def run() -> None:
        pacer = made()
        with pytest.raises(ZeroDivisionError):
            async with pacer.slot(SUMMARY):
                raise ZeroDivisionError
        await take(pacer, SUMMARY, 1, left, timeline)

    timeline.run(run())
    assert left == pytest.approx([1000.0 + WINDOW])


def test_a_throttling_answer_slows_every_process(made: Callable[..., DiskPacer], timeline: Timeline) -> None:
    """A penalty told by one pacer holds the others back for a second and spaces them wider."""
    left = list[float]()
    made().penalise(DETAIL)
    timeline.run(take(made(), DETAIL, 3, left, timeline))
    assert left[0] == pytest.approx(1000.0 + WINDOW)
    assert left[2] - left[0] == pytest.approx(2 * 1.5 * WINDOW / 5, rel=0.03)


def test_limits_can_be_overridden_and_lifted(made: Callable[..., DiskPacer], timeline: Timeline) -> None:
    """A limit of the user's beats the catalogue's; 0 and None lift it and leave the disk alone."""
    left = list[float]()
    timeline.run(take(made(limits={SUMMARY.name: 10}), SUMMARY, 11, left, timeline))
    assert left[-1] - left[0] == pytest.approx(WINDOW)
    for free in (made(limits={DETAIL.name: 0}), made(limits={DETAIL.name: None}), FreePacer()):
        left.clear()
        free.penalise(DETAIL)
        timeline.run(take(free, DETAIL, 100, left, timeline))
        assert left[-1] == left[0]


def test_a_lower_limit_of_one_process_counts_the_other_s_requests(
    made: Callable[..., DiskPacer], timeline: Timeline
) -> None:
    """Processes that believe in different limits still share what has been sent."""
    left = list[float]()
    timeline.run(take(made(limits={DETAIL.name: 5}), DETAIL, 5, [], timeline))
    last = timeline.now()
    timeline.run(take(made(limits={DETAIL.name: 2}), DETAIL, 1, left, timeline))
    assert left[0] >= last - WINDOW / 5 + WINDOW - 1e-6


def test_the_state_is_private(made: Callable[..., DiskPacer], timeline: Timeline, tmp_path: Path) -> None:
    """Folder 0700, file 0600, and its name tells no secret."""
    timeline.run(take(made(), DETAIL, 1, [], timeline))
    folder = tmp_path / "pacing"
    (state,) = folder.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    assert state.name == "key.DescribeCustomerBillDetail.json"


def test_a_folder_that_cannot_be_made_is_a_storage_failure(
    made: Callable[..., DiskPacer], timeline: Timeline, tmp_path: Path
) -> None:
    """A state that cannot be kept fails with its path and what to do, instead of asking unpaced."""
    (tmp_path / "file").touch()
    with pytest.raises(StorageFailed, match="file/pacing"):
        timeline.run(take(made(folder=tmp_path / "file" / "pacing"), DETAIL, 1, [], timeline))


def test_a_full_disk_is_a_storage_failure(
    made: Callable[..., DiskPacer], timeline: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that stores only a part fails too; otherwise each look would find a torn state and wait for ever."""
    monkeypatch.setattr("os.pwrite", lambda file, content, offset: len(content) - 1)
    with pytest.raises(StorageFailed, match=os.strerror(errno.ENOSPC)):
        timeline.run(take(made(), DETAIL, 1, [], timeline))


def test_a_key_is_told_by_host_and_digest() -> None:
    """The pacing key tells endpoints, ports and keys apart, joins named groups, and holds no id and no path."""
    endpoint = "https://intlpartnersmgt.intl.tencentcloudapi.com"
    key = pacing_key(endpoint, "AKIDsomesecretid")
    assert key.startswith("intlpartnersmgt.intl.tencentcloudapi.com+")
    assert "AKIDsomesecretid" not in key
    assert key == pacing_key(f"{endpoint}/", "AKIDsomesecretid")
    others = {
        pacing_key(endpoint, "AKIDanother"),
        pacing_key("http://127.0.0.1:8001", "AKIDsomesecretid"),
        pacing_key("http://127.0.0.1:8002", "AKIDsomesecretid"),
        pacing_key(endpoint, "AKIDsomesecretid", group="root"),
    }
    assert len(others | {key}) == 5
    assert pacing_key(endpoint, "a", group="root") == pacing_key(endpoint, "b", group="root")
    assert "/" not in pacing_key(endpoint, "a", group="../../x")


def test_the_client_sends_in_its_slots(
    made: Callable[..., DiskPacer], timeline: Timeline, service: Service, credential: Credential
) -> None:
    """Calls side by side leave at the pacer's pace, and a throttling answer holds back all of them."""
    arrived: list[float] = []

    async def noting(request: httpx.Request) -> httpx.Response:
        arrived.append(timeline.now())
        return await service(request)

    service.answers = [reply(), refusal("RequestLimitExceeded"), reply()]
    client = Client(
        account="acme",
        endpoint="https://host",
        credential=credential,
        pacer=made(),
        transport=httpx.MockTransport(noting),
        clock=timeline.now,
    )

    async def run() -> None:
        parameters = {"CustomerUin": 1, "Month": "2026-10"}
        await asyncio.gather(*(client.call(SUMMARY, parameters) for _ in range(4)))

    timeline.run(run())
    gaps = [later - earlier for earlier, later in pairwise(arrived)]
    assert gaps[0] == pytest.approx(WINDOW)
    assert gaps[1] >= WINDOW - 1e-6
    assert gaps[2:] == pytest.approx([1.5 * WINDOW] * 2, rel=0.05)
    assert client.request_stats[SUMMARY.name].throttled == 1
