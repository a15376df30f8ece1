"""The client: checks each call against the catalogue, paces, signs and sends it, reads the reply and retries by rule.

`extract` decides which calls to make.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import httpx
import stamina
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from pipelines.client import codes, download, replies
from pipelines.client.auth import Tc3Auth
from pipelines.client.calls import Call
from pipelines.client.replies import ApiFault, Reply
from pipelines.endpoints import VERSION
from pipelines.errors import ActionRefused, CustomerRefused, RequestFailed, SettingError, Throttled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

    from pipelines.client.auth import Credential
    from pipelines.client.download import Download
    from pipelines.client.pacing import Pacer, Slot
    from pipelines.endpoints.shapes import Action

logger = logging.getLogger(__name__)
for _verbose in ("httpx", "httpcore"):  # at DEBUG they log all headers
    logging.getLogger(_verbose).setLevel(logging.WARNING)

_FIRST_BACKOFF = 0.5
_LONGEST_BACKOFF = 20.0
_KEEP_ALIVE = 30.0
_LONGEST_TEXT = 300


def _log_retry(details: RetryDetails) -> None:
    """Log one line for each retry, in place of the library's own."""
    error = details.caused_by
    if isinstance(error, RequestFailed):
        logger.warning(
            "%s%s: %s, RequestId %s; attempt %d failed, next in %.1f s",
            error.action,
            f" for customer {error.customer_uin}" if error.customer_uin else "",
            error.code,
            error.request_id,
            details.retry_num,
            details.wait_for,
        )


set_on_retry_hooks([_log_retry])


@dataclass
class RequestStats:
    """Counts of one action's requests. Times are monotonic seconds.

    `requests`: sent, retries included. `throttled`: answered with throttling. `retried`: sent again after a failure.
    """

    requests: int = 0
    throttled: int = 0
    retried: int = 0
    first_sent: float | None = None
    last_sent: float | None = None

    def sent(self, now: float) -> None:
        """Count a request that left at `now`."""
        self.requests += 1
        self.first_sent = now if self.first_sent is None else self.first_sent
        self.last_sent = now


class Client:
    """Calls the API's actions for one account at one endpoint. Use as an async context manager; calls may run at once.

    - `total_time`: seconds that a call may take with all its attempts, without the time spent waiting for slots. If the
      endpoint has not answered anything for so long, failed calls are not retried any more.
    - `request_timeout`: seconds that one request may take.
    - `transport`: replaces the network in tests.
    - `request_stats`: counts of the requests sent, by action.

    Raises SettingError if the endpoint is neither https nor http to this machine.
    """

    def __init__(
        self,
        *,
        account: str,
        endpoint: str,
        credential: Credential,
        pacer: Pacer,
        total_time: float = 300.0,
        request_timeout: float = 60.0,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.request_stats: dict[str, RequestStats] = {}
        self._account = account
        self._credential = credential
        self._pacer = pacer
        self._total_time = total_time
        self._request_timeout = request_timeout
        self._clock = clock
        self._silent_since: float | None = None
        self._http = httpx.AsyncClient(
            base_url=endpoint,
            auth=Tc3Auth(credential),
            timeout=httpx.Timeout(request_timeout, pool=None),
            limits=httpx.Limits(keepalive_expiry=_KEEP_ALIVE),
            follow_redirects=False,
            trust_env=not _is_local(endpoint),  # no proxy for requests to this machine
            transport=transport,
        )
        self._plain_http = download.plain_client(transport)

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        await self._plain_http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._plain_http.__aexit__(kind, error, traceback)
        await self._http.__aexit__(kind, error, traceback)

    async def call(self, action: Action, parameters: Mapping[str, object]) -> Reply:
        """Call an action and return its reply.

        Raises, before anything is sent, WriteRefused for an action that writes, and RequestRefused for parameters that
        are missing or not in the catalogue. Raises, by the rules in `codes`, CredentialRefused, ActionRefused,
        CustomerRefused or RequestRefused at once, and RequestUnanswered or Throttled when retries did not help. Raises
        StorageFailed if the pacing state cannot be written.
        """
        call = Call(action, parameters, self._account, self._clock())
        call.check()
        async for attempt in stamina.retry_context(
            on=lambda error: self._should_retry(call, error),
            attempts=None,  # `_should_retry` decides
            timeout=None,
            wait_initial=_FIRST_BACKOFF,
            wait_max=_LONGEST_BACKOFF,
        ):
            with attempt:
                call.attempts, call.backoff = attempt.num, attempt.next_wait
                outcome = await self._attempt(call)
                if isinstance(outcome, Reply):
                    return outcome
                raise self._failure(call, outcome)
        raise AssertionError("a retry loop ends with a reply or an error")

    async def download(self, url: str, folder: Path) -> Download:
        """Download the file behind a link of a reply into `folder`, without credentials. See `download.download`."""
        return await download.download(self._plain_http, url, folder, account=self._account, clock=self._clock)

    async def _attempt(self, call: Call) -> Reply | ApiFault:
        """Send the request once, in its slot, and record the outcome."""
        stats = self.request_stats.setdefault(call.action.name, RequestStats())
        requested_at = self._clock()
        async with self._pacer.slot(call.action) as slot:
            call.queued += self._clock() - requested_at
            outcome = await self._send(call, _Departure(slot, stats, self._clock, retry=call.attempts > 1))
        if not isinstance(outcome, ApiFault):
            self._silent_since = None
            return outcome
        call.faults[codes.rule_for(outcome.code)] += 1
        if outcome.code.startswith(f"{codes.TRANSPORT}."):
            self._silent_since = self._clock() if self._silent_since is None else self._silent_since
        else:
            self._silent_since = None
        if codes.rule_for(outcome.code).error is Throttled:
            stats.throttled += 1
            self._pacer.penalise(call.action)
        return outcome

    async def _send(self, call: Call, departure: _Departure) -> Reply | ApiFault:
        """Send one request and return a reply or a fault.

        No exception of the HTTP library gets out: they hold the signed request.
        """
        request = self._http.build_request(
            "POST",
            "/",
            content=call.body,
            headers={
                "Content-Type": "application/json",
                "X-TC-Action": call.action.name,
                "X-TC-Version": VERSION,
                "X-TC-Language": "en-US",
            },
            extensions={"trace": departure.trace},
        )
        try:
            async with asyncio.timeout(min(self._request_timeout, max(self._seconds_left(call), 1.0))):
                response = await self._http.send(request)
            departure.done()
            body = response.content
        except (httpx.TimeoutException, TimeoutError):
            return ApiFault("HTTP.Timeout", f"no answer within {self._request_timeout:g} s")
        except httpx.ConnectError as error:
            return ApiFault("HTTP.NoConnection", f"cannot connect to {self._http.base_url.host}: {error}")
        except (httpx.HTTPError, OSError) as error:
            return ApiFault("HTTP.BrokenOff", f"the connection broke off ({type(error).__name__})")
        now = datetime.now(UTC)
        outcome = replies.read(response.status_code, body, now)
        if isinstance(outcome, ApiFault) and outcome.code == "AuthFailure.SignatureExpire":
            difference = _clock_difference(response.headers.get("Date"), now)
            return replace(outcome, text=f"{difference}: {outcome.text}")
        return outcome

    def _should_retry(self, call: Call, error: Exception) -> bool:
        """Return whether to retry a failed call."""
        if not isinstance(error, RequestFailed):
            return False
        rule = codes.rule_for(error.code)
        if rule.tries is not None and call.faults[rule] >= rule.tries:
            return False
        silent_for = 0.0 if self._silent_since is None else self._clock() - self._silent_since
        return call.backoff < self._seconds_left(call) and silent_for < self._total_time

    def _seconds_left(self, call: Call) -> float:
        """Return the seconds left of a call's total time."""
        return self._total_time - (self._clock() - call.started - call.queued)

    def _failure(self, call: Call, fault: ApiFault) -> RequestFailed:
        rule = codes.rule_for(fault.code)
        error, advice = rule.error, rule.advice
        if error is CustomerRefused and call.customer is None:
            error, advice = ActionRefused, codes.NO_PERMISSION
        attempts = "" if call.attempts == 1 else f" after {call.attempts} attempts"
        known_as = f"{fault.code}, RequestId {fault.request_id}" if fault.request_id else fault.code
        text = self._credential.redacted(fault.text)[:_LONGEST_TEXT].rstrip(". ")
        return error(
            f"{call} failed{attempts}: {text} ({known_as}). {advice}",
            action=call.action.name,
            code=fault.code,
            request_id=fault.request_id,
            customer_uin=call.customer,
        )


@dataclass(slots=True)
class _Departure:
    """Tells the slot and the stats of a request when it is really sent."""

    slot: Slot
    stats: RequestStats
    clock: Callable[[], float]
    retry: bool
    counted: bool = False

    async def trace(self, event: str, info: dict[str, Any]) -> None:
        """Handle httpcore's events. A proxy's CONNECT has events too, before those of the request."""
        if event == "http11.send_request_headers.started" and info["request"].method == b"POST":
            await self.slot.before_send()
            self._count()
        elif event == "http11.send_request_body.complete" and self.counted:
            self.slot.after_send()

    def done(self) -> None:
        """Report a request that was sent by a transport without events."""
        self._count()
        self.slot.after_send()

    def _count(self) -> None:
        if not self.counted:
            self.counted = True
            self.stats.sent(self.clock())
            self.stats.retried += self.retry


def _is_local(endpoint: str) -> bool:
    """Return whether an endpoint is on this machine. Raises SettingError if it may not be used at all."""
    address = urlsplit(endpoint)
    host = address.hostname or ""
    local = download.is_loopback(host)
    plain = not (address.username or address.password or address.query or address.fragment)
    if (
        host
        and plain
        and address.path in ("", "/")
        and (address.scheme == "https" or (address.scheme == "http" and local))
    ):
        return local
    raise SettingError(
        f"The endpoint '{address.scheme}://{host}' cannot be used: it must be https:// and a host name, without path "
        "or user (http:// is for endpoints on this machine only). Check BILL_ETL_ENDPOINT."
    )


def _clock_difference(date: str | None, now: datetime) -> str:
    """Describe how far this machine's clock is from the server's Date header."""
    try:
        ahead = now - parsedate_to_datetime(date or "")
    except (ValueError, TypeError):
        return "the server's time is not known"
    seconds = round(ahead / timedelta(seconds=1))
    return f"this machine's clock is {abs(seconds)} s {'ahead of' if seconds > 0 else 'behind'} the server's"
