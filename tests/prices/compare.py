"""Prices calls with the Python package genai-prices and with a program that reads them as JSON lines.

Usage: compare.py DATA PROGRAM. Exits with 1 if any two prices differ by more than 1e-9, or only one side has one. Then the
program plays recorded calls through the HTTP layer, and the costs in their records are compared likewise: the reference
reads the provider's own usage object.
"""

import json
import random
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal

from genai_prices import data_snapshot, types

TOLERANCE = Decimal("1e-9")
ROUNDS = 3
# Before and after prices changed; at night, and at noon.
DATES = [datetime(2025, 1, 10, 2), datetime(2026, 11, 27, 0, 10), datetime(2026, 11, 27, 12), datetime(2026, 11, 27, 20)]
TIERS = [None, None, "default", "flex", "priority", "fast", "standard", "batch", "unheard of"]
URLS = {
    "anthropic": "https://api.anthropic.com/v1/messages",
    "openai": "https://api.openai.com/v1/chat/completions",
    "azure": "https://mine.openai.azure.com/openai/v1/chat/completions",
    "aws": "https://bedrock-runtime.eu-west-1.amazonaws.com/model/m/converse",
    "google": "https://generativelanguage.googleapis.com/v1beta/models/m:generateContent",
    "mistral": "https://api.mistral.ai/v1/chat/completions",
    "groq": "https://api.groq.com/openai/v1/chat/completions",
    "x-ai": "https://api.x.ai/v1/chat/completions",
    "openrouter": "https://openrouter.ai/api/v1/chat/completions",
    "deepseek": "https://api.deepseek.com/chat/completions",
}


def names(match):
    """Returns names that a rule may match: what it compares with."""
    if isinstance(match, dict):
        for rule, value in match.items():
            if rule in ("or", "and"):
                for inner in value:
                    yield from names(inner)
            elif rule in ("equals", "starts_with"):
                yield value
            elif rule in ("contains", "ends_with"):
                yield f"x{value}"


def calls(providers):
    chance = random.Random(20261127)
    for provider in providers:
        for model in provider["models"]:
            for name in dict.fromkeys([model["id"], *names(model["match"])]):
                for _ in range(ROUNDS):
                    size = chance.choice([50, 5_000, 150_000, 250_000, 1_200_000])
                    whole = chance.randint(0, size)
                    read = chance.choice([0, chance.randint(0, whole)])
                    write = chance.choice([0, chance.randint(0, whole - read)])
                    output = chance.randint(0, 20_000)
                    reasoning = chance.choice([0, chance.randint(0, output)])
                    # What is of two kinds at once, such as cached sound, is not in the rows.
                    plain = chance.random() < 0.5 and not (read or write or reasoning)
                    details = {
                        "input_audio_tokens": chance.randint(0, whole // 3), "input_image_tokens": chance.randint(0, whole // 3),
                        "output_audio_tokens": chance.randint(0, output // 3), "output_image_tokens": chance.randint(0, output // 3),
                        "web_searches": chance.randint(0, 1), "storage_searches": chance.randint(0, 9),
                    } if plain else {}
                    date = chance.choice(DATES).replace(tzinfo=UTC)
                    yield {
                        "provider": provider["id"],
                        "url": URLS.get(provider["id"]) if chance.random() < 0.3 else None,
                        "model": name,
                        "input": whole, "read": read, "write": write,
                        "write_1h": chance.choice([0, chance.randint(0, write)]),
                        "output": output, "reasoning": reasoning, "details": details,
                        "tier": chance.choice(TIERS),
                        "time": int(date.timestamp()),
                    }


def reference(snapshot, call):
    usage = types.Usage(
        input_tokens=call["input"], cache_read_tokens=call["read"], cache_write_tokens=call["write"],
        cache_write_1h_tokens=call["write_1h"], output_tokens=call["output"], output_reasoning_tokens=call["reasoning"],
        **call["details"],
    )
    context = {} if call["tier"] is None else {"service_tier": call["tier"]}
    if call["tier"] == "batch":
        context["processing"] = "batch"
    time = datetime.fromtimestamp(call["time"], UTC)
    # The provider that the URL says, else the one that is named.
    selectors = [(None, call["url"])] if call["url"] else []
    for provider, url in [*selectors, (call["provider"], None)]:
        try:
            return snapshot.calc(usage, call["model"], provider, url, time, context or None).total_price
        except LookupError:
            continue
    return None


def extracted(snapshot, url, provider, record):
    """Returns the usage as the reference reads it from the provider's own object. `None` if there is none, or if it cannot."""
    result = record["data"]
    if not result["usage_raw"]:
        return None
    try:
        provider = snapshot.find_provider(None, None, url)
    except LookupError:
        provider = snapshot.find_provider(None, provider, None)
    flavours = {"chat_completions": ["chat"], "responses": ["responses"]}.get(result["request"]["api"], []) + ["default"]
    for extractor in provider.extractors or []:
        if extractor.api_flavor not in flavours:
            continue
        root = [extractor.root] if isinstance(extractor.root, str) else extractor.root
        response = result["usage_raw"]
        for name in reversed(root):
            response = {name: response}
        try:
            return provider.extract_usage(response | {"model": result["model"]}, api_flavor=extractor.api_flavor)[1]
        except ValueError:
            continue
    return None


def played(snapshot, line):
    """Returns the cost of a recorded call, and what the reference says. `None` if that cannot read its usage, or the provider has
    said the cost."""
    record = line["record"]
    result = record["data"]
    if (result.get("cost") or {}).get("reported"):
        return None
    time = datetime.fromisoformat(record["time"])
    tier = (result["usage"] or {}).get("service_tier")
    context = {"service_tier": tier} if tier else None
    provider = result["request"]["provider"]
    found = result.get("cost") and result["cost"]["amount"]
    for model in filter(None, dict.fromkeys([result["model"], result["request"]["model"]])):
        for by in ({"provider_id": None, "provider_api_url": line["url"]}, {"provider_id": provider, "provider_api_url": None}):
            try:
                read = extracted(snapshot, line["url"], provider, record)
                if read is None:
                    return None
                cost = snapshot.calc(read, model, genai_request_timestamp=time, price_context=context, **by)
                return found, cost.total_price
            except LookupError:
                continue
    return found, None


def compare(pairs):
    """Returns how many pairs have a price, and how many differ."""
    bad, largest, priced = 0, Decimal(0), 0
    for name, found, expected in pairs:
        if expected is None or found is None:
            differs = (expected is None) != (found is None)
        else:
            priced += 1
            difference = abs(Decimal(found) - expected)
            largest = max(largest, difference)
            differs = difference > TOLERANCE
        if differs:
            bad += 1
            if bad <= 20:
                print(f"{found} instead of {expected}: {name}")
    print(f"{priced} calls with a price: {bad} differ, the largest difference is {largest}")
    return priced, bad


def main(data, program):
    text = open(data, "rb").read()
    snapshot = data_snapshot.DataSnapshot(providers=types._providers_from_raw(json.loads(text)), from_auto_update=False)
    run = lambda *arguments, **more: subprocess.run(
        [program, *arguments], stdout=subprocess.PIPE, text=True, check=True, timeout=600, **more).stdout.splitlines()
    rows = list(calls(json.loads(text)))
    answers = run(input="".join(json.dumps(row) + "\n" for row in rows))
    assert len(answers) == len(rows), f"{len(answers)} answers for {len(rows)} calls"
    print(f"{len(rows)} calls of all models:")
    priced, bad = compare((row, json.loads(answer), reference(snapshot, row)) for row, answer in zip(rows, answers))
    lines = list(filter(lambda line: line.startswith("{"), run("recordings")))
    recorded = [(line["file"], *pair) for line in map(json.loads, lines) if (pair := played(snapshot, line))]
    print(f"{len(lines)} recorded calls, of which the reference can read {len(recorded)}:")
    differ = compare(recorded)[1] if recorded else 0
    sys.exit(1 if bad or differ or priced < len(rows) // 2 else 0)


main(*sys.argv[1:])
