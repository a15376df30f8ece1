"""What is asked becomes pages and files: each once, checkpointed, and each subject's rows proven or named.

Nothing here knows where pages land, or reads a setting.
"""

from __future__ import annotations

from pipelines.extract.fetching import Clock
from pipelines.extract.pull import pull
from pipelines.extract.replies import ApiCaller, ApiReply
from pipelines.extract.request import DatasetPull, ExtractRequest, Progress

__all__ = ["ApiCaller", "ApiReply", "Clock", "DatasetPull", "ExtractRequest", "Progress", "pull"]
