"""OpenAI's Chat Completions."""

from .wire import dump, shredded, streamed, twice, unnamed, whole

QUESTION = {"messages": [{"role": "user", "content": "What is the weather in Paris?"}]}
TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}}}}}]
USAGE = {"prompt_tokens": 17, "completion_tokens": 42, "total_tokens": 59,
         "prompt_tokens_details": {"cached_tokens": 5}, "completion_tokens_details": {"reasoning_tokens": 7}}
DONE = b"data: [DONE]\n\n"


def completion(model, kind="chat.completion", **members):
    return {"id": "chatcmpl-1", "object": kind, "created": 1700000000, "model": model, "choices": [], **members}


def chunk(model, delta, finish=None, index=0, **members):
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
    return completion(model, "chat.completion.chunk", **members) | {"choices": [choice]}


def role(model, index=0):
    return chunk(model, {"role": "assistant", "content": "", "refusal": None}, index=index)


def answer_events(model, *texts, finish="stop"):
    return [role(model), *[chunk(model, {"content": text}) for text in texts], chunk(model, {}, finish)]


def call(model, number, *parts):
    first = {"index": number, "id": f"call_{number}", "type": "function",
             "function": {"name": "get_weather", "arguments": ""}}
    rest = [{"index": number, "function": {"arguments": part}} for part in parts]
    return [chunk(model, {"tool_calls": [part]}) for part in [first, *rest]]


def answer(model, message, finish="stop", index=0):
    message = {"role": "assistant", "content": None, "refusal": None, **message}
    return {"index": index, "message": message, "logprobs": None, "finish_reason": finish}


def scenario(name, reply, ending="end", stream=True, **request):
    name = f"chat-{name}"
    request = {"model": name, **QUESTION, **request, **({"stream": True} if stream else {})}
    return {"name": name, "api": "chat", "request": request, "reply": reply(name), "ending": ending}


def chunks(make, done=DONE, **options):
    """Sends each event as a piece."""
    return lambda model: streamed([*[unnamed(event) for event in make(model)], done], **options)


def failure(status, kind, code):
    error = {"message": f"this is {kind}", "type": kind, "param": None, "code": code}
    return scenario(f"error-{status}", lambda _: whole({"error": error}, status), "provider")


HELLO = ("Hel", "lo", ", ", "Paris", "!")
TOOL_CALL = {"id": "call_0", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}
FAULT = {"error": {"message": "The server had an error", "type": "server_error", "param": None, "code": "boom"}}
WITH_USAGE = {"stream_options": {"include_usage": True}}

ALL = [
    scenario("text", chunks(lambda model: answer_events(model, *HELLO))),
    scenario("usage", chunks(lambda model: [*[event | {"usage": None} for event in answer_events(model, *HELLO)],
        completion(model, "chat.completion.chunk", usage=USAGE)]), **WITH_USAGE),
    scenario("text-whole", lambda model: whole(completion(model, usage=USAGE) | {
        "choices": [answer(model, {"content": "Hello"})]}), stream=False),
    scenario("tool", chunks(lambda model: [role(model), *call(model, 0, '{"ci', 'ty": "Par', 'is"}'),
        chunk(model, {}, "tool_calls")]), tools=TOOLS),
    scenario("tool-whole", lambda model: whole(completion(model, usage=USAGE) | {
        "choices": [answer(model, {"tool_calls": [TOOL_CALL]}, "tool_calls")]}), stream=False, tools=TOOLS),
    scenario("tools-parallel", chunks(lambda model: [role(model), *call(model, 0, '{"city": "Paris"}'),
        *call(model, 1, '{"city":', ' "Rome"}'), chunk(model, {}, "tool_calls")]), tools=TOOLS),
    scenario("n2", chunks(lambda model: [role(model), role(model, 1), chunk(model, {"content": "He"}),
        chunk(model, {"content": "Good"}, index=1), chunk(model, {"content": "llo"}), chunk(model, {"content": " day"}, index=1),
        chunk(model, {}, "stop"), chunk(model, {}, "length", 1)]), n=2),
    scenario("n2-whole", lambda model: whole(completion(model, usage=USAGE) | {"choices": [
        answer(model, {"content": "Hello"}), answer(model, {"content": "Good day"}, "length", 1)]}), stream=False, n=2),
    scenario("refusal", chunks(lambda model: [role(model), chunk(model, {"refusal": "I'm "}),
        chunk(model, {"refusal": "sorry"}), chunk(model, {}, "stop")])),
    scenario("refusal-whole", lambda model: whole(completion(model, usage=USAGE) | {
        "choices": [answer(model, {"refusal": "I'm sorry"})]}), stream=False),
    failure(400, "invalid_request_error", None),
    failure(404, "invalid_request_error", "model_not_found"),
    failure(429, "requests", "rate_limit_exceeded"),
    scenario("error-midstream", chunks(lambda model: [*answer_events(model, "Hel")[:2], FAULT]), "provider"),
    scenario("truncated", chunks(lambda model: answer_events(model, *HELLO)[:4], done=b": and then nothing\n\n"), "truncated"),
    scenario("cut", chunks(lambda model: answer_events(model, *HELLO)[:4], done=b"", cut=True), "transport"),
    scenario("gzip", chunks(lambda model: answer_events(model, *HELLO), gzip=True)),
    scenario("stop-reading", chunks(lambda model: answer_events(model, *["word "] * 100), pause=0.02), "cancelled") | {"break_after": 6},
    scenario("linger", chunks(lambda model: answer_events(model, *HELLO), linger=0.2)),
    scenario("unicode", lambda model: streamed(shredded(unnamed(*answer_events(model, "Grüße ", "🚲🇫🇷", " 你好", " a\u2028b")) + DONE))),
    scenario("crlf", lambda model: streamed([*[unnamed(event, end="\r\n") for event in answer_events(model, *HELLO)], b"data: [DONE]\r\n\r\n"])),
    scenario("helper", chunks(lambda model: [role(model), chunk(model, {"content": "I"}), chunk(model, {"content": " look."}),
        *call(model, 0, '{"ci', 'ty": "Par', 'is"}'), *call(model, 1, '{"city": "Rome"}'), chunk(model, {}, "tool_calls"),
        completion(model, "chat.completion.chunk", usage=USAGE)]), stream=False, tools=TOOLS, **WITH_USAGE) | {"helper": True},
    # What parsers of JSON read and a strict one does not.
    scenario("key-twice", chunks(lambda model: [role(model), twice(chunk(model, {"content": "Hel"}), "content", '"x"'),
        chunk(model, {"content": "lo"}), *[twice(part, "function", "{}") for part in call(model, 0, '{"ci', 'ty":"Rome"}')],
        twice(chunk(model, {}, "tool_calls"), "choices", "[]")]), tools=TOOLS),
    scenario("number-out-of-range", chunks(lambda model: [dump(event).replace('"created": ', '"score": [-1e400], "created": ')
        for event in answer_events(model, *HELLO)])),
    scenario("id-and-name-on-each", chunks(lambda model: [role(model), *[chunk(model, {"tool_calls": [
        {"index": 0, "id": "call_0", "type": "function", "function": {"name": "get_weather", "arguments": part}}]})
        for part in ("", '{"ci', 'ty":"Rome"}')], chunk(model, {}, "tool_calls")]), tools=TOOLS),
    scenario("comments", lambda model: streamed([b": PROCESSING\n\n" * 3, *[
        unnamed(event) + b": keep-alive\n\n" for event in answer_events(model, *HELLO)], DONE])),
]
