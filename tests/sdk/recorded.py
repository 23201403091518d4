"""Compares the events of a run with what the SDK returned for the same call, and lists the differences."""

from collections import defaultdict

import operated
from collected import collected

# The provider and API in the events, and the request field that has the prompt.
INTERFACES = {
    "messages": ("anthropic", "messages", "messages"),
    "chat": ("openai", "chat_completions", "messages"),
    "completions": ("openai", "completions", "prompt"),
    "responses": ("openai", "responses", "input"),
}


def runs(lines):
    """Groups events by run, in the order in which the runs started."""
    found = defaultdict(list)
    for event in lines:
        found[event["run_id"]].append(event)
    return list(found.values())


def is_streamed(scenario):
    return bool(scenario["request"].get("stream") or scenario.get("helper"))


def differences(scenario, answer, events):
    """Lists the differences between the SDK's answer in a scenario and the run's events."""
    if scenario.get("operation"):
        found = Found()
        operated.compare(found, scenario, answer, events)
        return found.differences
    kinds = [event["event"] for event in events]
    ending, is_stream = scenario["ending"], is_streamed(scenario)
    if kinds[0] != "llm_start" or set(kinds[1:-1]) - {"llm_new_token"} or kinds[-1] not in ("llm_end", "llm_error"):
        return [f"the events are not a start, tokens and one end: {kinds}"]
    found = Found()
    found.same("seq", [event["seq"] for event in events], list(range(len(events))))
    start, last = events[0]["data"], events[-1]["data"]
    if not scenario.get("retrieve"):
        found.same("the start's model", start["model"], scenario["name"])
        found.same("the start's stream", start["stream"], is_stream)
    found.same("the ending", "end" if kinds[-1] == "llm_end" else last["error"]["kind"], ending)
    compare_start(found, scenario, start)
    found.same("dropped_tokens", last["dropped_tokens"], 0)
    found.same("the answer's status", last["http"]["status"], scenario["reply"]["status"])
    first, whole = last["time_to_first_token_ms"], last["duration_ms"]
    found.same("the times", (0 < (first or 1e-9) <= whole, first is not None), (True, len(events) > 2))
    compare_tokens(found, [event["data"] for event in events[1:-1]], last, is_stream)
    found.same("decode_faults", last["decode_faults"], 0)
    (compare_end if ending == "end" else compare_failure)(found, scenario, answer, last)
    return found.differences


class Found:
    def __init__(self):
        self.differences = []

    def same(self, what, actual, expected):
        if actual != expected:
            self.differences.append(f"{what}: {actual!r}, expected {expected!r}")


def compare_start(found, scenario, start):
    provider, api, prompt = INTERFACES[scenario["api"]]
    found.same("the interface", (start["provider"], start["api"]), (provider, api))
    request = {} if scenario.get("retrieve") else scenario["request"]
    params = {name: value for name, value in request.items() if name not in ("model", "stream", prompt)}
    found.same("the parameters", start["params"], params)
    if prompt == "messages":
        found.same("the prompt", start["messages"], request["messages"])


def compare_tokens(found, tokens, last, is_stream):
    found.same("the number of tokens", last["tokens"], len(tokens))
    found.same("the tokens' indices", [token["index"] for token in tokens], list(range(len(tokens))))
    if not is_stream:
        found.same("the tokens of an answer that was not streamed", tokens, [])
        return
    for choice in last["choices"]:
        of = [token for token in tokens if token["choice"] == choice["index"]]
        for kind in ("text", "reasoning", "refusal"):
            found.same(f"all {kind}", choice[kind], "".join(t["text"] for t in of if t["kind"] == kind))
        for number, call in enumerate(choice["tool_calls"]):
            parts = [t for t in of if t["kind"] == "tool_call" and t["tool_call"]["id"] == call["id"]]
            numbers = {t["tool_call"]["index"] for t in parts}
            parts = [t for t in of if t["kind"] == "tool_call" and t["tool_call"]["index"] in numbers]
            joined = "".join(t["text"] for t in parts) or "{}"
            found.same(f"the arguments of call {number}", call["arguments"], joined)


def compare_end(found, scenario, answer, last):
    found.same("the SDK's error", answer["error"], None)
    if not answer["items"]:
        return
    found.same("streamed", last["streamed"], is_streamed(scenario))
    compare_answer(found, scenario, collected(scenario, answer["items"]), last)


def compare_answer(found, scenario, expected, last):
    compare_usage(found, scenario, expected.pop("usage"), last)
    for name, value in expected.items():
        found.same(name, comparable(last[name], value), value)


def compare_usage(found, scenario, reported, last):
    """What the provider reported is there; what it did not report is estimated, and says so."""
    usage = last["usage"] or {}
    found.same("fetched", last.get("fetched", False), bool(scenario.get("retrieve")))
    if scenario.get("retrieve") and not usage:
        return  # Another run has reported the usage of the answer with this id.
    source = usage.get("source", {})
    for part in ("input", "output"):
        if source.get(part) in ("estimated", "at_least"):
            least = (reported or {}).get(f"{part}_tokens") or 0
            found.same(f"whether the estimated {part} covers the report", usage[f"{part}_tokens"] >= max(least, 1), True)
        elif reported:
            found.same(f"{part}_tokens", usage.get(f"{part}_tokens"), reported[f"{part}_tokens"])
        else:
            found.same(f"the unreported {part}", usage.get(f"{part}_tokens"), None)
    for name in ("cache_read_tokens", "cache_write_tokens", "reasoning_tokens"):
        if reported and name in reported:
            found.same(name, usage.get(name), reported[name])


def comparable(actual, expected):
    """Leaves out the counts that the SDK's sum does not have."""
    if isinstance(actual, dict) and isinstance(expected, dict):
        return {name: actual.get(name) for name in expected}
    return actual


def compare_failure(found, scenario, answer, last):
    error, fault = last["error"], answer["error"]
    if scenario["ending"] == "provider" and fault:
        if "body" in scenario["reply"]:
            found.same("the status", error["status"], fault["status"])
        if error["message"] not in fault["message"]:
            found.same("the message", error["message"], fault["message"])
    if not answer["items"]:
        return
    expected = collected(scenario, answer["items"])
    if scenario["ending"] in ("cancelled", "transport"):
        # The SDK did not read, or did not return, the whole answer.
        for emitted, seen in zip(last["choices"], expected["choices"], strict=True):
            found.same("the text so far", emitted["text"][: len(seen["text"])], seen["text"])
        del expected["choices"]
    compare_answer(found, scenario, expected, last)
