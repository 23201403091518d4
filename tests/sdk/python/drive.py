"""Runs scenarios with the official Python SDKs: `drive.py URL < scenarios`. Prints the outcome of each as a line of JSON."""

import json
import sys

import anthropic
import openai

URL = sys.argv[1]
SETTINGS = {"max_retries": 0, "timeout": 20.0, "api_key": "sk-not-a-key"}
ANTHROPIC = anthropic.Anthropic(base_url=URL, **SETTINGS)
OPENAI = openai.OpenAI(base_url=f"{URL}/v1", **SETTINGS)
CALLS = {
    "messages": ANTHROPIC.messages.create,
    "chat": OPENAI.chat.completions.create,
    "completions": OPENAI.completions.create,
    "responses": OPENAI.responses.create,
}


def messages_helper(request):
    with ANTHROPIC.messages.stream(**request) as stream:
        return stream.get_final_message()


def chat_helper(request):
    with OPENAI.chat.completions.stream(**request) as stream:
        return stream.get_final_completion()


def responses_helper(request):
    with OPENAI.responses.stream(**request) as stream:
        return stream.get_final_response()


HELPERS = {"messages": messages_helper, "chat": chat_helper, "responses": responses_helper}


def ask(scenario):
    if scenario.get("retrieve"):
        return OPENAI.responses.retrieve(scenario["name"], stream=True)
    if scenario.get("helper"):
        return HELPERS[scenario["api"]](scenario["request"])
    return CALLS[scenario["api"]](**scenario["request"])


def drive(scenario):
    items, error = [], None
    try:
        answer = ask(scenario)
        if scenario["request"].get("stream"):
            for item in answer:
                items.append(item.to_dict())
                if len(items) == scenario.get("break_after"):
                    break
            answer.close()
        else:
            items.append(answer.to_dict() | {"_request_id": getattr(answer, "_request_id", None)})
    except Exception as fault:
        error = {"class": type(fault).__name__, "message": str(fault), "status": getattr(fault, "status_code", None)}
    return {"name": scenario["name"], "items": items, "error": error}


for line in sys.stdin:
    print(json.dumps(drive(json.loads(line))), flush=True)
