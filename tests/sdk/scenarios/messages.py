"""Anthropic's Messages."""

from .wire import named, shredded, streamed, twice, whole

QUESTION = {"max_tokens": 64, "messages": [{"role": "user", "content": "What is the weather in Paris?"}]}
TOOLS = [{"name": "get_weather", "description": "Reports the weather",
          "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}]
USAGE = {"input_tokens": 17, "output_tokens": 1, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 3}


def message(model, content=(), stop=None, usage=USAGE):
    return {"id": "msg_01", "type": "message", "role": "assistant", "model": model, "content": list(content),
            "stop_reason": stop, "stop_sequence": None, "usage": usage}


def start(model):
    return {"type": "message_start", "message": message(model)}


def block(index, block):
    return {"type": "content_block_start", "index": index, "content_block": block}


def open_text(index):
    return block(index, {"type": "text", "text": ""})


def delta(index, kind, **members):
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **members}}


def text(index, text):
    return delta(index, "text_delta", text=text)


def close(index):
    return {"type": "content_block_stop", "index": index}


def stop(reason, output=42, **details):
    return [{"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None, **details},
             "usage": {"output_tokens": output}}, {"type": "message_stop"}]


def tool(index, number, *parts):
    opened = {"type": "tool_use", "id": f"toolu_{number}", "name": "get_weather", "input": {}}
    return [block(index, opened), *[delta(index, "input_json_delta", partial_json=part) for part in parts], close(index)]


def answer_events(model, *texts, end="end_turn"):
    return [start(model), open_text(0), *[text(0, part) for part in texts], close(0), *stop(end)]


def scenario(name, reply, ending="end", stream=True, **request):
    name = f"messages-{name}"
    request = {"model": name, **QUESTION, **request, **({"stream": True} if stream else {})}
    return {"name": name, "api": "messages", "request": request, "reply": reply(name), "ending": ending}


def events(make, **options):
    """Sends each event as a piece."""
    return lambda model: streamed([named(event) for event in make(model)], **options)


def failure(status, kind):
    body = {"type": "error", "error": {"type": kind, "message": f"this is {kind}"}, "request_id": "req_1"}
    return scenario(f"error-{status}", lambda _: whole(body, status), "provider")


HELLO = ("Hel", "lo", ", ", "Paris", "!")
THOUGHT = [block(0, {"type": "thinking", "thinking": "", "signature": ""}), delta(0, "thinking_delta", thinking="Let me"),
           delta(0, "thinking_delta", thinking=" see"), delta(0, "signature_delta", signature="c2ln"), close(0)]
THINKING = {"type": "enabled", "budget_tokens": 1024}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Paris"}}
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}

ALL = [
    scenario("text", events(lambda model: answer_events(model, *HELLO))),
    scenario("text-whole", lambda model: whole(message(model, [{"type": "text", "text": "Hello"}], "end_turn")), stream=False),
    scenario("tool", events(lambda model: [start(model), open_text(0), text(0, "I look."), close(0),
        *tool(1, 1, "", '{"ci', 'ty": "Par', 'is"}'), *stop("tool_use")]), tools=TOOLS),
    scenario("tool-whole", lambda model: whole(message(model, [{"type": "text", "text": "I look."}, CALL], "tool_use")),
        stream=False, tools=TOOLS),
    scenario("tools-parallel", events(lambda model: [start(model), *tool(0, 1, "", '{"city": "Paris"}'),
        *tool(1, 2, "", '{"city":', ' "Rome"}'), *tool(2, 3, ""), *stop("tool_use")]), tools=TOOLS),
    scenario("thinking", events(lambda model: [start(model), *THOUGHT, open_text(1), text(1, "Sunny."), close(1),
        *stop("end_turn")]), thinking=THINKING),
    scenario("thinking-whole", lambda model: whole(message(model, [
        {"type": "thinking", "thinking": "Let me see", "signature": "c2ln"}, {"type": "text", "text": "Sunny."}], "end_turn")),
        stream=False, thinking=THINKING),
    scenario("refusal", events(lambda model: [start(model), *stop("refusal", 0, stop_details={
        "type": "refusal", "category": "cyber", "explanation": "no"})])),
    scenario("max-tokens", events(lambda model: answer_events(model, "Hello", end="max_tokens"))),
    failure(400, "invalid_request_error"),
    failure(404, "not_found_error"),
    failure(429, "rate_limit_error"),
    scenario("error-midstream", events(lambda model: [start(model), open_text(0), text(0, "Hel"), OVERLOADED]), "provider"),
    scenario("truncated", events(lambda model: answer_events(model, *HELLO)[:4]), "truncated"),
    scenario("cut", events(lambda model: answer_events(model, *HELLO)[:4], cut=True), "transport"),
    scenario("gzip", events(lambda model: answer_events(model, *HELLO), gzip=True)),
    scenario("stop-reading", events(lambda model: answer_events(model, *["word "] * 100), pause=0.02), "cancelled")
        | {"break_after": 6},
    scenario("linger", events(lambda model: answer_events(model, *HELLO), linger=0.2)),
    scenario("unicode", lambda model: streamed(shredded(named(*answer_events(model, "Grüße ", "🚲🇫🇷", " 你好", " a\u2028b"))))),
    scenario("crlf", lambda model: streamed([named(event, end="\r\n") for event in answer_events(model, *HELLO)])),
    scenario("helper", events(lambda model: [start(model), *THOUGHT, open_text(1), text(1, "I"), text(1, " look."), close(1),
        *tool(2, 1, "", '{"ci', 'ty":"Par', 'is"}'), *stop("tool_use")]), stream=False, tools=TOOLS) | {"helper": True},
    # What the SDKs read in a way of their own: the last member of a name, and deltas in place of the start's input.
    scenario("key-twice", lambda model: streamed([f"event: {event['type']}\ndata: {twice(event, 'type')}\n\n".encode()
        for event in answer_events(model, *HELLO)])),
    scenario("input-in-start-and-deltas", events(lambda model: [start(model), block(0, CALL),
        delta(0, "input_json_delta", partial_json='{"city":'), delta(0, "input_json_delta", partial_json=' "Paris"}'), close(0),
        *stop("tool_use")]), tools=TOOLS),
    scenario("pings", lambda model: streamed([b": hello\n\n", named({"type": "ping"}), *[
        named(event, {"type": "ping"}) + b": keep-alive\n\n" for event in answer_events(model, *HELLO)[:-1]], named({"type": "message_stop"})])),
]
