"""A refusal as the API puts it: a code that is a contract and a message that is not."""

from __future__ import annotations


class Refusal(Exception):
    """The request is answered with this error code, inside an HTTP 200."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
