"""`python -m assets` and `python -m pipelines`, run in this process: their imports take seconds."""

from __future__ import annotations

import io
import os
import runpy
import signal
import subprocess
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout
from unittest.mock import patch


def environment(**variables: str) -> dict[str, str]:
    """Return this process's environment with these settings, and no others of the product."""
    ours = ("BILL_ETL", "TENCENT", "DAGSTER_HOME")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | variables


def run_module(module: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a module as `python -m` does; return exit code, output and errors."""
    output, errors, ended = io.StringIO(), io.StringIO(), signal.getsignal(signal.SIGTERM)
    code: object = 0
    with (
        patch.dict(os.environ, environment(**variables), clear=True),
        patch.object(sys, "argv", [module, *words]),
        redirect_stdout(output),
        redirect_stderr(errors),
        warnings.catch_warnings(),
    ):
        # The module may have been imported by other tests; runpy warns, and runs it anew all the same.
        warnings.filterwarnings("ignore", f".*{module}.*found in sys.modules", RuntimeWarning)
        try:
            runpy.run_module(module, run_name="__main__")
        except SystemExit as end:
            code = end.code or 0
        finally:
            signal.signal(signal.SIGTERM, ended)
    assert isinstance(code, int), code
    return subprocess.CompletedProcess(words, code, output.getvalue(), errors.getvalue())
