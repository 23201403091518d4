"""Requests and replies, all written by hand. Each scenario has a `name` (which is also the model's), an `api`, the
`request` as passed to the SDK, the `reply`, and the `ending` that the callbacks must report. Optional: `break_after`,
the number of items after which the client stops reading; `retrieve`, the call fetches a stored response; `helper`, the
SDK streams and accumulates the answer itself."""

import itertools

from . import chat, completions, messages, operations, responses
from .wire import named

ALL = [*messages.ALL, *chat.ALL, *completions.ALL, *responses.ALL, *operations.ALL]


def endless():
    """Yields an endless answer in the Messages format."""
    yield named(messages.start("endless"), messages.open_text(0))
    for number in itertools.count():
        yield named(messages.text(0, f" {number}"))
