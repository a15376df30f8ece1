"""What is asked becomes pages: every page once, checkpointed, and each customer's rows proven or named.

Nothing here knows where pages land, or reads a setting.
"""

from __future__ import annotations

from pipelines.extract.listing import Caller, Reply
from pipelines.extract.pull import DatasetPull, Progress, Question, pull

__all__ = ["Caller", "DatasetPull", "Progress", "Question", "Reply", "pull"]
