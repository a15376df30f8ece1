"""Pulls datasets from the API: fetches each page and file once, checkpoints it, and checks the rows of each slice.

Nothing here knows where pages land, or reads settings.
"""

from __future__ import annotations

from pipelines.extract.fetching import Clock
from pipelines.extract.pull import pull
from pipelines.extract.replies import ApiCaller, ApiReply
from pipelines.extract.request import DatasetPull, ExtractRequest, Progress

__all__ = ["ApiCaller", "ApiReply", "Clock", "DatasetPull", "ExtractRequest", "Progress", "pull"]
