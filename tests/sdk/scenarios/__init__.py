"""What is asked and what is answered: each scenario has a `name` (also the model's), an `api`, the `request` as
the SDKs take it, the `reply` and the `ending` that the callbacks must tell; perhaps `break_after`, the items after
which the client stops reading, `retrieve`, or `helper`: the SDK streams and adds up by itself. All written by hand."""

import itertools

from . import chat, completions, messages, responses
from .wire import named

ALL = [*messages.ALL, *chat.ALL, *completions.ALL, *responses.ALL]


def endless():
    """An answer that never ends, in the Messages format."""
    yield named(messages.start("endless"), messages.open_text(0))
    for number in itertools.count():
        yield named(messages.text(0, f" {number}"))
