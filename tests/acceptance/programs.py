"""Foreign programs that judge what we make: a test skips where one is missing, unless it must be there, as on CI."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

PEERS = Path(__file__).parents[2] / ".venv" / "peers"
"""Where `make acceptance` installs environments of their own."""

REQUIRED = "TESTS_NEED_PROGRAMS"
"""Set where every program must be there: then its absence is a failure, and no reason to skip."""


def program(*names: str, package: str) -> str:
    """Return the path of the first that the machine has; `package` is the Debian package that brings it."""
    for name in names:
        if found := shutil.which(name):
            return found
    raise _missing(f"{names[0]} is not installed (Debian: apt-get install {package})")


def peer(name: str) -> Path:
    """Return an environment of its own, by the name of its lock file."""
    if (PEERS / name / ".ready").exists():
        return PEERS / name
    raise _missing(f"{PEERS / name} is not installed: run make acceptance")


def _missing(what: str) -> BaseException:
    return (pytest.fail if os.environ.get(REQUIRED) else pytest.skip).Exception(what)
