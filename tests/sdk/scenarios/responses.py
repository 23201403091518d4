"""OpenAI's Responses."""

from .wire import named, shredded, streamed, whole

TOOLS = [{"type": "function", "name": "get_weather", "strict": False, "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}}}}]
USAGE = {"input_tokens": 17, "input_tokens_details": {"cached_tokens": 5}, "output_tokens": 42,
         "output_tokens_details": {"reasoning_tokens": 7}, "total_tokens": 59}


def response(model, status="in_progress", output=(), **members):
    return {"id": "resp_1", "object": "response", "created_at": 1700000000, "status": status, "model": model,
            "output": list(output), "error": None, "incomplete_details": None, "instructions": None, "metadata": {},
            "parallel_tool_calls": True, "temperature": 1.0, "top_p": 1.0, "tool_choice": "auto", "tools": [],
            "usage": None, **members}


def message(text=None, status="completed"):
    content = [] if text is None else [part(text)]
    return {"id": "msg_1", "type": "message", "role": "assistant", "status": status, "content": content}


def part(text):
    return {"type": "output_text", "text": text, "annotations": []}


def call(arguments="", number=1):
    return {"id": f"fc_{number}", "call_id": f"call_{number}", "type": "function_call", "name": "get_weather",
            "arguments": arguments, "status": "completed" if arguments else "in_progress"}


def event(kind, **members):
    return {"type": f"response.{kind}", **members}


def opening(model):
    return [event("created", response=response(model)), event("in_progress", response=response(model))]


def text_item(*texts, status="completed"):
    at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    text = "".join(texts)
    return [event("output_item.added", output_index=0, item=message(status="in_progress")),
            event("content_part.added", **at, part=part("")),
            *[event("output_text.delta", **at, delta=text, logprobs=[]) for text in texts],
            event("output_text.done", **at, text=text, logprobs=[]), event("content_part.done", **at, part=part(text)),
            event("output_item.done", output_index=0, item=message(text, status))]


def call_item(index, *parts):
    whole = call("".join(parts), index + 1)
    at = {"item_id": whole["id"], "output_index": index}
    return [event("output_item.added", output_index=index, item=call(number=index + 1)),
            *[event("function_call_arguments.delta", **at, delta=part) for part in parts],
            event("function_call_arguments.done", **at, name="get_weather", arguments=whole["arguments"]),
            event("output_item.done", output_index=index, item=whole)]


def closing(model, *output, status="completed", **members):
    return event(status, response=response(model, status, output, **({"usage": USAGE} | members)))


def hello(model, *texts):
    return [*opening(model), *text_item(*texts), closing(model, message("".join(texts)))]


def scenario(name, reply, ending="end", stream=True, **request):
    name = f"responses-{name}"
    request = {"model": name, "input": "Say hello", **request, **({"stream": True} if stream else {})}
    return {"name": name, "api": "responses", "request": request, "reply": reply(name), "ending": ending}


def events(make, **options):
    """Sends each event as a piece."""
    def reply(model):
        numbered = [event | {"sequence_number": number} for number, event in enumerate(make(model))]
        return streamed([named(event) for event in numbered], **options)

    return reply


def failure(status, kind, code):
    error = {"message": f"this is {kind}", "type": kind, "param": None, "code": code}
    return scenario(f"error-{status}", lambda _: whole({"error": error}, status), "provider")


HELLO = ("Hel", "lo", ", ", "Paris", "!")
INCOMPLETE = {"incomplete_details": {"reason": "max_output_tokens"}}

ALL = [
    scenario("text", events(lambda model: hello(model, *HELLO))),
    scenario("text-whole", lambda model: whole(response(model, "completed", [message("Hello")], usage=USAGE)), stream=False),
    scenario("tool", events(lambda model: [*opening(model), *call_item(0, '{"ci', 'ty": "Par', 'is"}'),
        closing(model, call('{"city": "Paris"}'))]), tools=TOOLS),
    scenario("tool-whole", lambda model: whole(response(model, "completed", [call('{"city": "Paris"}')], usage=USAGE)),
        stream=False, tools=TOOLS),
    scenario("tools-parallel", events(lambda model: [*opening(model), *call_item(0, '{"city": "Paris"}'),
        *call_item(1, '{"city":', ' "Rome"}'), closing(model, call('{"city": "Paris"}'), call('{"city": "Rome"}', 2))]), tools=TOOLS),
    scenario("incomplete", events(lambda model: [*opening(model), *text_item("Hel", "lo", status="incomplete"),
        closing(model, message("Hello", "incomplete"), status="incomplete", **INCOMPLETE)])),
    scenario("incomplete-whole", lambda model: whole(response(model, "incomplete", [message("Hello", "incomplete")],
        usage=USAGE, **INCOMPLETE)), stream=False),
    scenario("failed", events(lambda model: [*opening(model), *text_item("Hel")[:3], closing(model, status="failed",
        usage=None, error={"code": "server_error", "message": "It broke"})]), "provider"),
    failure(400, "invalid_request_error", None),
    failure(404, "invalid_request_error", "model_not_found"),
    failure(429, "requests", "rate_limit_exceeded"),
    scenario("error-midstream", events(lambda model: [*opening(model), *text_item("Hel")[:3],
        {"type": "error", "code": "server_error", "message": "It broke", "param": None}]), "provider"),
    scenario("truncated", events(lambda model: hello(model, *HELLO)[:6]), "truncated"),
    scenario("cut", events(lambda model: hello(model, *HELLO)[:6], cut=True), "transport"),
    scenario("gzip", events(lambda model: hello(model, *HELLO), gzip=True)),
    scenario("stop-reading", events(lambda model: hello(model, *["word "] * 100), pause=0.02), "cancelled") | {"break_after": 6},
    scenario("unicode", lambda model: streamed(shredded(b"".join(events(lambda model: hello(model, "Grüße ", "🚲🇫🇷"))(model)["pieces"])))),
    scenario("helper", events(lambda model: [*opening(model), *text_item("I", " look."), *call_item(1, '{"ci', 'ty": "Par', 'is"}'),
        closing(model, message("I look."), call('{"city": "Paris"}', 2))]), stream=False, tools=TOOLS) | {"helper": True},
    scenario("retrieved", events(lambda model: hello(model, *HELLO))) | {"retrieve": True},
]
