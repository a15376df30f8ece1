"""Reading bodies: what is a reply, what is a fault."""

from __future__ import annotations

from datetime import UTC, datetime

from pipelines.client.replies import ApiFault, Reply, read
from tests.unit.matrix import check_all

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def test_a_reply_keeps_every_digit() -> None:
    """Numbers come out as the text that was sent, at any depth."""
    body = b'{"Response":{"Total":7,"TotalCost":1234567890123.12345678,"Rows":[{"A":0.10,"B":-0}],"RequestId":"r"}}'
    assert read(200, body, NOW) == Reply(
        {"Total": "7", "TotalCost": "1234567890123.12345678", "Rows": [{"A": "0.10", "B": "-0"}], "RequestId": "r"},
        "r",
        NOW,
    )


def test_an_error_inside_http_200_is_a_fault() -> None:
    """An error carries the API's code, words and RequestId."""
    body = b'{"Response":{"Error":{"Code":"InternalError","Message":"Oh."},"RequestId":"r"}}'
    assert read(200, body, NOW) == ApiFault("InternalError", "Oh.", "r")


FAULTS = [
    # status, body, code
    (502, b"<html>Bad gateway</html>", "HTTP.502"),
    (301, b"", "HTTP.301"),
    (500, b'{"Response":{"RequestId":"r"}}', "HTTP.500"),
    (204, b"", "HTTP.204"),
    (200, b"", "HTTP.NotJson"),
    (200, b"<html>Sign in</html>", "HTTP.NotJson"),
    (200, b'{"Response":{"Total":1,"RequestId":"r', "HTTP.NotJson"),
    (200, b"\xff\xfe{}", "HTTP.NotJson"),
    (200, b"[" * 100_000, "HTTP.NotJson"),
    (200, b"{}", "HTTP.NoResponse"),
    (200, b"[]", "HTTP.NoResponse"),
    (200, b'"Response"', "HTTP.NoResponse"),
    (200, b'{"Response":null}', "HTTP.NoResponse"),
    (200, b'{"Response":[]}', "HTTP.NoResponse"),
    (200, b'{"Response":{"Total":1}}', "HTTP.NoRequestId"),
    (200, b'{"Response":{"RequestId":null}}', "HTTP.NoRequestId"),
    (200, b'{"Response":{"Error":{"Message":"m"},"RequestId":"r"}}', "HTTP.NoCode"),
    (200, b'{"Response":{"Error":"InternalError","RequestId":"r"}}', "HTTP.NoCode"),
    (200, b'{"Response":{"Error":null,"RequestId":"r"}}', "HTTP.NoCode"),
    (200, b'{"Response":{"Error":{"Code":"InternalError"}}}', "InternalError"),
]


def test_anything_else_is_a_fault_with_a_code() -> None:
    """A body that is not the whole envelope with its RequestId is a fault, never a reply and never an exception."""

    def check(status: int, body: bytes, code: str) -> None:
        fault = read(status, body, NOW)
        assert isinstance(fault, ApiFault)
        assert fault.code == code

    check_all(check, FAULTS)
