"""OpenAI's legacy Completions."""

from .chat import DONE, USAGE
from .wire import streamed, unnamed, whole


def completion(model, choices, **members):
    return {"id": "cmpl-1", "object": "text_completion", "created": 1700000000, "model": model, "choices": choices, **members}


def choice(text, finish=None, index=0):
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish}


def scenario(name, reply, stream=True, **request):
    name = f"completions-{name}"
    request = {"model": name, "prompt": "Say hello", **request, **({"stream": True} if stream else {})}
    return {"name": name, "api": "completions", "request": request, "reply": reply(name), "ending": "end"}


ALL = [
    scenario("text", lambda model: streamed([*[unnamed(completion(model, [choice(text)])) for text in ("Hel", "lo")],
        unnamed(completion(model, [choice("", "stop")])), DONE])),
    scenario("n2", lambda model: streamed([*[unnamed(completion(model, [choice(text, index=index)]))
        for text, index in (("Hel", 0), ("Good", 1), ("lo", 0), (" day", 1))],
        unnamed(completion(model, [choice("", "stop")])), unnamed(completion(model, [choice("", "length", 1)])), DONE]), n=2),
    scenario("text-whole", lambda model: whole(completion(model, [choice("Hello", "stop")], usage=USAGE)), stream=False),
]
