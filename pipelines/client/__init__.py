"""The HTTP client of the Partner API: signed, paced and retried requests. It knows nothing of bills.

http      one call: checked, paced, signed, sent, retried
calls     a call's parameters, checked against the catalogue, and how messages name it
auth      the credential and the signature
slots     computes when the next request may leave
pacing    makes requests of all processes wait for that time
replies   turns a response body into a reply or a fault
codes     which error codes are permanent and which are transient
download  downloads the file behind a link in a reply
"""

from __future__ import annotations

from pipelines.client.auth import Credential
from pipelines.client.download import Download
from pipelines.client.http import Client, RequestStats
from pipelines.client.pacing import DiskPacer, FreePacer, Pacer, Slot, pacing_key
from pipelines.client.replies import Reply

__all__ = [
    "Client",
    "Credential",
    "DiskPacer",
    "Download",
    "FreePacer",
    "Pacer",
    "Reply",
    "RequestStats",
    "Slot",
    "pacing_key",
]
