"""The sandbox's own check of signatures, against a public golden vector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipelines.endpoints.shapes import Role
from pipelines.sandbox import Principal
from pipelines.sandbox.refusals import Refusal
from pipelines.sandbox.signatures import verified

if TYPE_CHECKING:
    from collections.abc import Mapping

ID, KEY = "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE", "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE"  # public example keys
AT = 1551113065
BODY = b'{"Page": 1, "PageSize": 10}'
AUTHORIZATION = (
    f"TC3-HMAC-SHA256 Credential={ID}/2019-02-25/intlpartnersmgt/tc3_request, SignedHeaders=content-type;host, "
    "Signature=7c2fc097f4cf1aa505748f29b33408b4a869ad6678dc67668fcde40e7e6fb915"
)
HEADERS = {
    "host": "intlpartnersmgt.intl.tencentcloudapi.com",
    "content-type": "application/json",
    "x-tc-timestamp": str(AT),
    "authorization": AUTHORIZATION,
}
PRINCIPAL = Principal(ID, KEY, Role.RESELLER)


def refusal(headers: Mapping[str, str], body: bytes = BODY, principal: Principal = PRINCIPAL, now: float = AT) -> str:
    """Return the code that a request is refused with."""
    with pytest.raises(Refusal) as refused:
        verified(headers, body, {principal.secret_id: principal}, now)
    return refused.value.code


def test_the_golden_vector_is_accepted() -> None:
    """A signature made by the official SDK for the example keys is the principal's."""
    assert verified(HEADERS, BODY, {ID: PRINCIPAL}, AT) is PRINCIPAL


@pytest.mark.parametrize("drift", [-300, 300])
def test_five_minutes_of_drift_are_accepted(drift: int) -> None:
    """A timestamp up to five minutes off is accepted."""
    assert verified(HEADERS, BODY, {ID: PRINCIPAL}, AT + drift) is PRINCIPAL


@pytest.mark.parametrize("drift", [-301, 301])
def test_a_stale_timestamp_is_refused(drift: int) -> None:
    """A timestamp over five minutes off is SignatureExpire, in both directions."""
    assert refusal(HEADERS, now=AT + drift) == "AuthFailure.SignatureExpire"


def test_another_body_is_refused() -> None:
    """The signature covers the exact bytes of the body."""
    assert refusal(HEADERS, BODY.replace(b" ", b"")) == "AuthFailure.SignatureFailure"


def test_another_signed_header_is_refused() -> None:
    """The signature covers the host and the content type as they were sent."""
    assert refusal({**HEADERS, "host": "127.0.0.1:80"}) == "AuthFailure.SignatureFailure"
    assert refusal({**HEADERS, "content-type": "application/json; charset=utf-8"}) == "AuthFailure.SignatureFailure"


def test_a_wrong_key_is_refused() -> None:
    """A signature made with another key is SignatureFailure."""
    assert refusal(HEADERS, principal=Principal(ID, "other", Role.RESELLER)) == "AuthFailure.SignatureFailure"


def test_an_unknown_id_is_refused() -> None:
    """An id that is nobody's is SecretIdNotFound."""
    assert refusal(HEADERS, principal=Principal("AKIDother", KEY, Role.RESELLER)) == "AuthFailure.SecretIdNotFound"


def test_a_temporary_key_needs_its_token() -> None:
    """A key with a token is refused without it, one without is refused with any; the right token is accepted."""
    temporary = Principal(ID, KEY, Role.RESELLER, token="t0ken")
    assert refusal(HEADERS, principal=temporary) == "AuthFailure.TokenFailure"
    assert refusal({**HEADERS, "x-tc-token": "t0ken"}) == "AuthFailure.TokenFailure"
    assert verified({**HEADERS, "x-tc-token": "t0ken"}, BODY, {ID: temporary}, AT) is temporary


@pytest.mark.parametrize("old_new", [("2019-02-25", "2019-02-26"), ("intlpartnersmgt", "cvm"), ("content-type;", "")])
def test_a_scope_that_is_not_the_requests_is_refused(old_new: tuple[str, str]) -> None:
    """Another day, another service or too few signed headers are SignatureFailure."""
    headers = {**HEADERS, "authorization": AUTHORIZATION.replace(*old_new)}
    assert refusal(headers) == "AuthFailure.SignatureFailure"


@pytest.mark.parametrize("header", ["authorization", "x-tc-timestamp"])
@pytest.mark.parametrize("value", [None, "", "TC3-HMAC-SHA256"])
def test_malformed_headers_are_refused(header: str, value: str | None) -> None:
    """Without a whole Authorization and a timestamp there is nothing to check."""
    headers = {name: text for name, text in {**HEADERS, header: value}.items() if text is not None}
    assert refusal(headers) == "AuthFailure.InvalidAuthorization"


def test_a_principal_does_not_show_its_secrets() -> None:
    """The text of a principal holds neither key nor token."""
    shown = repr(Principal(ID, KEY, Role.RESELLER, token="t0ken"))
    assert KEY not in shown
    assert "t0ken" not in shown
