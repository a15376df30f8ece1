"""The refusal of a request. Its code is part of the API's contract, its message is not."""

from __future__ import annotations


class Refusal(Exception):
    """The request is answered with this error code, inside an HTTP 200."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
