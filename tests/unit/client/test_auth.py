"""Signing: the published vectors, the official SDK as a peer, and what a credential shows of itself."""

from __future__ import annotations

import hashlib
from itertools import product
from unittest.mock import patch

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tencentcloud.common.credential import Credential as SdkCredential
from tencentcloud.common.http.request import RequestInternal
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.intlpartnersmgt.v20220928.intlpartnersmgt_client import IntlpartnersmgtClient

from pipelines.client.auth import Credential, Tc3Auth, authorization
from pipelines.errors import SettingError
from tests.unit.matrix import check_all

HOST = "intlpartnersmgt.intl.tencentcloudapi.com"
NOW = 1551113065
EXAMPLE = Credential("AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE", "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE")

KEYS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
WORDS = st.text(max_size=12)
SCALARS = st.none() | st.booleans() | st.integers() | WORDS
PARAMETERS = st.dictionaries(
    WORDS, SCALARS | st.lists(SCALARS, max_size=4) | st.dictionaries(WORDS, SCALARS, max_size=2)
)


def test_the_signature_guide_s_example() -> None:
    """The sample request of the signature guide gets the signature that the guide prints."""
    body = b'{"Limit": 1, "Filters": [{"Values": ["\\u672a\\u547d\\u540d"], "Name": "instance-name"}]}'
    assert authorization(
        EXAMPLE,
        "cvm",
        NOW,
        content_type="application/json; charset=utf-8",
        host="cvm.tencentcloudapi.com",
        body=body,
    ) == (
        "TC3-HMAC-SHA256 Credential=AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE/2019-02-25/cvm/tc3_request, "
        "SignedHeaders=content-type;host, "
        "Signature=72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"
    )


def test_a_request_of_this_service() -> None:
    """A request of the Partner API gets the signature that the official SDK makes for it."""
    assert authorization(
        EXAMPLE,
        "intlpartnersmgt",
        NOW,
        content_type="application/json",
        host=HOST,
        body=b'{"Page": 1, "PageSize": 10}',
    ).endswith("Signature=7c2fc097f4cf1aa505748f29b33408b4a869ad6678dc67668fcde40e7e6fb915")


def sdk_request(
    *, secret_id: str, key: str, token: str | None, host: str, parameters: object, now: int
) -> RequestInternal:
    """Return the request that the official SDK would send."""
    profile = ClientProfile(httpProfile=HttpProfile(endpoint=host))
    client = IntlpartnersmgtClient(SdkCredential(secret_id, key, token), "", profile)
    request = RequestInternal(host, "POST", "/", header={})
    with patch("time.time", return_value=now):
        client._build_req_inter("DescribeCustomerUin", parameters, request)
    return request


@given(
    secret_id=KEYS,
    key=KEYS,
    token=st.none() | KEYS,
    host=st.sampled_from([HOST, "127.0.0.1:8080", "intlpartnersmgt.ap-singapore.tencentcloudapi.com"]),
    parameters=PARAMETERS,
    now=st.integers(0, 4102444800),
)
def test_signs_as_the_official_sdk_does(
    *, secret_id: str, key: str, token: str | None, host: str, parameters: object, now: int
) -> None:
    """For any key, body, host and time, all signing headers equal those of the request the official SDK would send."""
    theirs = sdk_request(secret_id=secret_id, key=key, token=token, host=host, parameters=parameters, now=now)
    ours = httpx.Request(
        "POST", f"https://{host}/", content=theirs.data.encode(), headers={"Content-Type": "application/json"}
    )
    next(Tc3Auth(Credential(secret_id, key, token), clock=lambda: now + 0.9).auth_flow(ours))
    for name in ("Host", "Content-Type", "X-TC-Timestamp", "X-TC-Token", "Authorization"):
        assert ours.headers.get(name) == theirs.header.get(name)


@pytest.mark.parametrize(("now", "day"), [(1577836799, "2019-12-31"), (1577836800, "2020-01-01")])
def test_the_scope_s_day_is_in_utc(now: int, day: str) -> None:
    """The day in the scope changes at midnight UTC, wherever the machine stands."""
    signed = authorization(EXAMPLE, "intlpartnersmgt", now, content_type="a/b", host=HOST, body=b"")
    assert f"/{day}/intlpartnersmgt/tc3_request" in signed


def test_every_byte_of_the_body_is_signed() -> None:
    """Two bodies that mean the same JSON have different signatures."""
    tight, loose = (
        authorization(EXAMPLE, "intlpartnersmgt", NOW, content_type="application/json", host=HOST, body=body)
        for body in (b'{"Page":1}', b'{"Page": 1}')
    )
    assert tight != loose


def test_a_key_without_token_sends_no_token() -> None:
    """X-TC-Token is set for temporary keys only."""
    request = httpx.Request("POST", f"https://{HOST}/", content=b"{}", headers={"Content-Type": "application/json"})
    next(Tc3Auth(EXAMPLE).auth_flow(request))
    assert "X-TC-Token" not in request.headers


def test_a_credential_shows_nothing_of_itself() -> None:
    """Neither repr nor str gives the key or the token, nor the whole id."""
    credential = Credential("AKIDsomesecretid", "somesecretkey", "sometoken")
    for shown in (repr(credential), str(credential), f"{credential}", repr([credential])):
        assert not any(secret in shown for secret in ("AKIDsomesecretid", "somesecretkey", "sometoken"))


def test_secrets_are_taken_out_of_a_text() -> None:
    """`redacted` leaves no part of the credential in a text."""
    credential = Credential("AKIDsomesecretid", "somesecretkey", "sometoken")
    assert credential.redacted("of AKIDsomesecretid: somesecretkey, sometoken.") == "of ***: ***, ***."


def test_a_credential_that_no_header_can_carry_is_refused() -> None:
    """A part with a space, a control or a non-ASCII character is a setting's error that names it and hides its text."""

    def check(which: str, slice_params: str) -> None:
        parts = {"id": "id", "key": "key", "token": None, which: slice_params}
        with pytest.raises(SettingError, match=rf"\b{which}\b") as caught:
            Credential(*parts.values())
        assert not slice_params or slice_params not in str(caught.value)

    parts = ("", "with space", "line\nbreak", "tab\t", "schlüssel", "nul\0")
    check_all(check, product(("id", "key", "token"), parts))


def test_the_digest_in_the_signature_is_of_the_body() -> None:
    """The body enters by its SHA-256: an empty body is signed as the digest of nothing, not left out."""
    empty = authorization(EXAMPLE, "s", NOW, content_type="a/b", host=HOST, body=b"")
    digest = hashlib.sha256(b"").hexdigest().encode()
    assert empty != authorization(EXAMPLE, "s", NOW, content_type="a/b", host=HOST, body=digest)
