"""What every unit test goes by: few generated examples, no time limit on one, and one TLS context."""

from __future__ import annotations

import functools
import ssl
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

settings.register_profile(
    "unit",
    max_examples=40,
    deadline=None,  # a busy machine is no failure
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
)
settings.load_profile("unit")


@pytest.fixture(scope="session", autouse=True)
def _one_tls_context() -> Iterator[None]:
    """Read the system's certificates once; each HTTP client would; no test connects by TLS."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", functools.cache(ssl.create_default_context))
        yield
