"""Programs that run beside a command: a sandbox, Dagster's UI. Each ends, with its children, when its block ends."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from assets.resources import ROOT
from pipelines.errors import BillEtlError

_SECONDS_TO_START = 120.0
_SECONDS_TO_END = 10.0
_USUAL_PORT = 3000


@contextmanager
def sandbox(*options: str) -> Iterator[str]:
    """Run a sandbox on a free loopback port; give its address."""
    with _running("pipelines", "sandbox", "--port", "0", *options, reads=True) as process:
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise BillEtlError("The sandbox did not start; `python -m pipelines sandbox` says why.")
        yield line.split()[-1]


@contextmanager
def ui() -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Run Dagster's UI and daemon from the root of the checkout; give the address, once it answers, and the process."""
    port = _free_port()
    with _running("dagster", "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)) as process:
        _await_answer(port, process)
        yield f"http://127.0.0.1:{port}", process


def _await_answer(port: int, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.5)
        else:
            return
    raise BillEtlError("Dagster's UI did not start; what it printed above says why.")


@contextmanager
def _running(module: str, *options: str, reads: bool = False) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", module, *options]
    output = subprocess.PIPE if reads else None
    with subprocess.Popen(command, cwd=ROOT, stdout=output, text=True, start_new_session=True) as process:  # noqa: S603  our own commands
        try:
            yield process
        finally:
            _end(process)


def _end(process: "subprocess.Popen[str]") -> None:
    """Ask a process group of ours to end, wait a little, then end what is left of it."""
    for number, seconds in ((signal.SIGTERM, _SECONDS_TO_END), (signal.SIGKILL, None)):
        try:
            os.killpg(process.pid, number)
            process.wait(seconds)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def _free_port() -> int:
    """Return Dagster's usual port, or any free one where that is taken."""
    for port in (_USUAL_PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise BillEtlError("No port is free on 127.0.0.1.")
