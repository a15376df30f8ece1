"""Talking to the API: signed, paced, retried requests. Nothing here knows what a bill is, or where its rows go.

auth    the credential and the signature            codes    which error codes are permanent, which pass
slots   when the next request may leave             replies  a body becomes a reply or a fault
pacing  the same, shared by all processes           http     one call: checked, paced, sent, retried
download  a file by a link that an answer gave
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
