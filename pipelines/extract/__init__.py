"""What is asked becomes pages and files: each once, checkpointed, and each subject's rows proven or named.

Nothing here knows where pages land, or reads a setting.
"""

from __future__ import annotations

from pipelines.extract.fetching import Clock
from pipelines.extract.pull import pull
from pipelines.extract.question import DatasetPull, Progress, Question
from pipelines.extract.replies import Caller, Reply

__all__ = ["Caller", "Clock", "DatasetPull", "Progress", "Question", "Reply", "pull"]
