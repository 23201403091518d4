"""Framing of replies."""

import json

SSE = ("content-type", "text/event-stream; charset=utf-8")
JSON = ("content-type", "application/json")


def named(*events, end="\n"):
    """Server-sent events with their type as the event name."""
    return b"".join(f"event: {event['type']}{end}data: {dump(event)}{end}{end}".encode() for event in events)


def unnamed(*events, end="\n"):
    return b"".join(f"data: {dump(event)}{end}{end}".encode() for event in events)


def dump(value):
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def twice(event, name, before="null"):
    """An event as JSON, with a member before the one of the same name, which parsers drop."""
    return json.dumps(event, ensure_ascii=False).replace(f'"{name}": ', f'"{name}": {before}, "{name}": ', 1)


def streamed(pieces, **options):
    """Options: gzip, cut (break the connection), linger (seconds before the body's end), pause (seconds between pieces)."""
    return {"status": 200, "headers": [SSE, ("request-id", "req_1"), ("x-request-id", "req_1")],
            "pieces": list(pieces), **options}


def whole(body, status=200):
    return {"status": status, "headers": [JSON, ("request-id", "req_1"), ("x-request-id", "req_1")],
            "body": json.dumps(body).encode()}


def shredded(data, size=7):
    """Splits data into pieces so small that characters are cut."""
    return [data[at : at + size] for at in range(0, len(data), size)]
