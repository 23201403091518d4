"""The sum of an SDK's objects, in the form of the event records: choices, usage, id and model."""

import json


def collected(scenario, items):
    collect = {"messages": messages, "chat": chat, "completions": completions, "responses": responses}[scenario["api"]]
    result = collect(items, bool(scenario["request"].get("stream")))
    result["choices"] = [result["choices"][index] for index in sorted(result["choices"])]
    return result


def choice(choices, index):
    empty = {"index": index, "text": "", "reasoning": "", "refusal": "", "tool_calls": [], "finish_reason": None}
    return choices.setdefault(index, empty)


def result(source, choices, usage):
    return {"response_id": source.get("id"), "model": source.get("model"), "choices": choices, "usage": usage}


def counts(incoming, outgoing, read=None, written=None, reasoning=None):
    """What was not reported is null."""
    return {"input_tokens": incoming, "output_tokens": outgoing, "total_tokens": incoming + outgoing,
            "cache_read_tokens": read, "cache_write_tokens": written, "reasoning_tokens": reasoning}


def messages(items, is_stream):
    message, choices, usage, blocks = {}, {}, {}, {}
    if not is_stream:
        message, usage = items[0], items[0]["usage"]
        blocks = dict(enumerate(message["content"]))
        choice(choices, 0)["finish_reason"] = message["stop_reason"]
    for item in items if is_stream else ():
        kind = item["type"]
        if kind == "message_start":
            message, usage = item["message"], dict(item["message"]["usage"])
            choice(choices, 0)
        elif kind == "content_block_start":
            blocks[item["index"]] = {"partial": "", **item["content_block"]}
        elif kind == "content_block_delta":
            block, delta = blocks[item["index"]], item["delta"]
            for source, target in (("text", "text"), ("thinking", "thinking"), ("partial_json", "partial")):
                if source in delta:
                    block[target] += delta[source]
        elif kind == "message_delta":
            choice(choices, 0)["finish_reason"] = item["delta"]["stop_reason"]
            usage |= {name: count for name, count in item["usage"].items() if count is not None}
    for block in blocks.values():
        if block["type"] == "text":
            choices[0]["text"] += block["text"]
        elif block["type"] == "thinking":
            choices[0]["reasoning"] += block["thinking"]
        elif block["type"] == "tool_use":
            whole = json.dumps(block["input"], separators=(",", ":"))
            arguments = (block["partial"] or "{}") if is_stream else whole
            choices[0]["tool_calls"].append({"id": block["id"], "name": block["name"], "arguments": arguments})
    if not usage:
        return result(message, choices, None)
    read, written = usage.get("cache_read_input_tokens"), usage.get("cache_creation_input_tokens")
    total = usage["input_tokens"] + (read or 0) + (written or 0)
    return result(message, choices, counts(total, usage["output_tokens"], read, written))


def openai_counts(usage):
    if not usage:
        return None
    details, more = usage.get("prompt_tokens_details") or {}, usage.get("completion_tokens_details") or {}
    return counts(usage["prompt_tokens"], usage["completion_tokens"], details.get("cached_tokens"),
                  details.get("cache_write_tokens"), more.get("reasoning_tokens"))


def chat(items, is_stream):
    choices, usage, calls = {}, None, {}
    for item in items:
        usage = item.get("usage") or usage
        for part in item["choices"]:
            into, delta = choice(choices, part["index"]), part["delta" if is_stream else "message"]
            into["text"] += delta.get("content") or ""
            into["refusal"] += delta.get("refusal") or ""
            into["finish_reason"] = part.get("finish_reason") or into["finish_reason"]
            for number, call in enumerate(delta.get("tool_calls") or ()):
                key = (part["index"], call.get("index", number))
                if key not in calls:
                    calls[key] = {"id": call["id"], "name": call["function"]["name"], "arguments": ""}
                    into["tool_calls"].append(calls[key])
                calls[key]["arguments"] += call["function"].get("arguments") or ""
    return result(items[0] if items else {}, choices, openai_counts(usage))


def completions(items, is_stream):
    choices, usage = {}, None
    for item in items:
        usage = item.get("usage") or usage
        for part in item["choices"]:
            into = choice(choices, part["index"])
            into["text"] += part["text"]
            into["finish_reason"] = part.get("finish_reason") or into["finish_reason"]
    return result(items[0] if items else {}, choices, openai_counts(usage))


def responses(items, is_stream):
    choices = {}
    only = choice(choices, 0)
    response = {} if is_stream else items[0]
    for item in items if is_stream else ():
        response = item.get("response") or response
        if item["type"] == "response.output_text.delta":
            only["text"] += item["delta"]
    for item in response.get("output") or ():
        if item["type"] == "message" and not is_stream:
            only["text"] += "".join(part["text"] for part in item["content"])
        elif item["type"] == "function_call":
            only["tool_calls"].append({"id": item["call_id"], "name": item["name"], "arguments": item["arguments"]})
    if response.get("status") in ("completed", "incomplete"):
        details = response.get("incomplete_details") or {}
        only["finish_reason"] = details.get("reason") or response["status"]
    usage = response.get("usage")
    if usage:
        details, more = usage.get("input_tokens_details") or {}, usage.get("output_tokens_details") or {}
        usage = counts(usage["input_tokens"], usage["output_tokens"], details.get("cached_tokens"),
                       details.get("cache_write_tokens"), more.get("reasoning_tokens"))
    return result(response, choices, usage)
