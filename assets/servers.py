"""Context managers that run a sandbox or Dagster's UI as child processes, and stop them at the end of the block."""

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
_DEFAULT_PORT = 3000


@contextmanager
def sandbox(*options: str) -> Iterator[str]:
    """Run a sandbox on a free loopback port and yield its address. Raises BillEtlError if it does not start."""
    with _running("pipelines", "sandbox", "--port", "0", *options, reads=True) as process:
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise BillEtlError("The sandbox did not start: run `python -m pipelines sandbox` to see why.")
        yield line.split()[-1]


@contextmanager
def ui() -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Run Dagster's UI and daemon; yield their address, once it responds, and the process.

    Raises BillEtlError if the UI does not start within two minutes.
    """
    port = _free_port()
    with _running("dagster", "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)) as process:
        _await_response(port, process)
        yield f"http://127.0.0.1:{port}", process


def _await_response(port: int, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.5)
        else:
            return
    raise BillEtlError("Dagster's UI did not start: its output above says why.")


@contextmanager
def _running(module: str, *options: str, reads: bool = False) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", module, *options]
    output = subprocess.PIPE if reads else None
    with subprocess.Popen(command, cwd=ROOT, stdout=output, text=True, start_new_session=True) as process:  # noqa: S603  commands of this project
        try:
            yield process
        finally:
            _end(process)


def _end(process: "subprocess.Popen[str]") -> None:
    """Send SIGTERM to a process group that we started; after ten seconds send SIGKILL."""
    for number, seconds in ((signal.SIGTERM, _SECONDS_TO_END), (signal.SIGKILL, None)):
        try:
            os.killpg(process.pid, number)
            process.wait(seconds)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def _free_port() -> int:
    """Return Dagster's default port, or any free one if that is taken. Raises BillEtlError if none is free."""
    for port in (_DEFAULT_PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise BillEtlError("No port is free on 127.0.0.1.")
