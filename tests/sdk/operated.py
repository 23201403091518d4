"""Compares the events of a run that generates no text with what the SDK returned for the same call."""

# The run type and the provider by API, and the field of the request that has the inputs.
OPERATIONS = {
    "embeddings": ("embedding", "openai", "input"),
    "images_generations": ("image", "openai", "prompt"),
    "images_edits": ("image", "openai", "image"),
    "audio_transcriptions": ("audio", "openai", "file"),
    "audio_translations": ("audio", "openai", "file"),
    "audio_speech": ("audio", "openai", "input"),
    "moderations": ("moderation", "openai", "input"),
    "embed": ("embedding", "cohere", "texts"),
    "rerank": ("rerank", "cohere", "documents"),
    "embed_content": ("embedding", "gcp.gemini", "contents"),
}


def compare(found, scenario, answer, events):
    run_type, provider, prompt = OPERATIONS[scenario["api"]]
    request = scenario["request"]
    kinds = [event["event"] for event in events]
    ended = "end" if scenario["ending"] == "end" else "error"
    found.same("the first and the last event", (kinds[0], kinds[-1]), (f"{run_type}_start", f"{run_type}_{ended}"))
    start, last = events[0]["data"], events[-1]["data"]
    inputs = request[prompt]
    is_list = isinstance(inputs, list) and not isinstance(inputs[0], int)
    for name, value in (("provider", provider), ("api", scenario["api"]), ("model", request["model"]),
                        ("stream", bool(request.get("stream"))), ("inputs", len(inputs) if is_list else 1)):
        found.same(name, start[name], value)
    for name in ("n", "dimensions", "voice", "response_format", "input_type", "top_n"):
        if name in request:
            found.same(name, start["params"].get(name), request[name])
    found.same("decode_faults", last["decode_faults"], 0)
    if ended == "error":
        found.same("the error's kind", last["error"]["kind"], scenario["ending"])
        found.same("the status", last["error"]["status"], answer["error"]["status"])
        found.same("whether the SDK has the message", last["error"]["message"] in answer["error"]["message"], True)
        return
    found.same("the SDK's error", answer["error"], None)
    for name, value in seen(scenario, answer["items"]).items():
        found.same(name, last.get(name), value)
    compare_usage(found, answer["items"][-1], last["usage"] or {})
    texts = [event["data"]["text"] for event in events[1:-1]]
    deltas = [item["delta"] for item in answer["items"] if "delta" in item]
    found.same("the tokens", texts, deltas)
    if "text" in answer["items"][-1]:
        found.same("the text", last["choices"][0]["text"], answer["items"][-1]["text"])


def seen(scenario, items):
    """Returns what the SDK saw, by the names of the records."""
    last = items[-1]
    streamed = {"streamed": bool(scenario["request"].get("stream"))}
    if scenario["api"] == "embeddings":
        return streamed | {"outputs": len(last["data"]), "dimensions": len(last["data"][0]["embedding"]), "model": last["model"]}
    if scenario["api"] == "embed":
        vectors = next(vectors for name, vectors in last["embeddings"].items() if name.startswith("float") and vectors)
        return streamed | {"outputs": len(vectors), "dimensions": len(vectors[0]), "response_id": last["id"]}
    if scenario["api"] == "embed_content":
        vectors = last["embeddings"]
        return streamed | {"outputs": len(vectors), "dimensions": len(vectors[0]["values"])}
    if scenario["api"] == "rerank":
        return streamed | {"outputs": len(last["results"]), "response_id": last["id"]}
    if scenario["api"] == "moderations":
        flagged = [result["flagged"] for result in last["results"]]
        return streamed | {"outputs": len(flagged), "flagged": flagged, "response_id": last["id"], "model": last["model"]}
    if scenario["api"] == "images_generations" and streamed["streamed"]:
        return streamed | {"outputs": len([item for item in items if item["type"].endswith(".completed")])}
    if scenario["api"].startswith("images"):
        return streamed | {"outputs": len(last["data"])}
    return streamed | {"outputs": 1}


def compare_usage(found, answer, usage):
    reported = answer.get("usage") or {}
    billed = (answer.get("meta") or {}).get("billed_units") or {}
    expected = {
        "input_tokens": reported.get("input_tokens", reported.get("prompt_tokens", billed.get("input_tokens"))),
        "output_tokens": reported.get("output_tokens"),
    }
    for name, value in expected.items():
        if value is not None:
            found.same(name, usage.get(name), value)
            found.same(f"the source of {name}", usage["source"][name.removesuffix("_tokens")], "reported")
        else:
            found.same(name, usage.get("source", {}).get(name.removesuffix("_tokens")) == "reported", False)
