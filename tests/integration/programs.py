"""Foreign programs that judge what we make: a test skips where one is missing, unless it must be there, as on CI."""

from __future__ import annotations

import os
import shutil

import pytest

REQUIRED = "TESTS_NEED_PROGRAMS"
"""Set where every program must be there: then its absence is a failure, and no reason to skip."""


def program(*names: str, package: str) -> str:
    """Return the path of the first that the machine has; `package` is the Debian package that brings it."""
    for name in names:
        if found := shutil.which(name):
            return found
    missing = f"{names[0]} is not installed (Debian: apt-get install {package})"
    if os.environ.get(REQUIRED):
        pytest.fail(missing)
    pytest.skip(missing)
