"""Runs scenarios with the official Python SDKs: `drive.py URL < scenarios`. Prints the outcome of each as a line of JSON."""

import hashlib
import json
import sys

import anthropic
import cohere
import openai
from google import genai

URL = sys.argv[1]
SETTINGS = {"max_retries": 0, "timeout": 20.0, "api_key": "sk-not-a-key"}
ANTHROPIC = anthropic.Anthropic(base_url=URL, **SETTINGS)
OPENAI = openai.OpenAI(base_url=f"{URL}/v1", **SETTINGS)
COHERE = cohere.ClientV2(base_url=URL, api_key="not-a-key", timeout=20)
GOOGLE = genai.Client(api_key="not-a-key", http_options={"base_url": URL, "timeout": 20_000})
CALLS = {
    "messages": ANTHROPIC.messages.create,
    "chat": OPENAI.chat.completions.create,
    "completions": OPENAI.completions.create,
    "responses": OPENAI.responses.create,
    "embeddings": OPENAI.embeddings.create,
    "images_generations": OPENAI.images.generate,
    "images_edits": OPENAI.images.edit,
    "audio_transcriptions": OPENAI.audio.transcriptions.create,
    "audio_translations": OPENAI.audio.translations.create,
    "audio_speech": OPENAI.audio.speech.create,
    "moderations": OPENAI.moderations.create,
    "embed": COHERE.embed,
    "rerank": lambda **request: COHERE.rerank(**request, request_options={"max_retries": 0}),
    "embed_content": GOOGLE.models.embed_content,
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
    return CALLS[scenario["api"]](**files(scenario["request"]))


def files(request):
    """Turns texts of files into files."""
    request = dict(request)
    if "file" in request:
        request["file"] = ("speech.wav", request["file"].encode(), "audio/wav")
    if "image" in request:
        request["image"] = [(f"{image}.png", image.encode(), "image/png") for image in request["image"]]
    return request


def plain(answer):
    """Returns an answer of any SDK as JSON."""
    if isinstance(answer, str):
        return {"text": answer}
    if hasattr(answer, "to_dict"):
        return answer.to_dict() | {"_request_id": getattr(answer, "_request_id", None)}
    if hasattr(answer, "model_dump"):
        return answer.model_dump(mode="json", exclude={"sdk_http_response"})
    return {"sha256": hashlib.sha256(answer.read()).hexdigest()}


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
            items.append(plain(answer))
    except Exception as fault:
        # Cohere's text of an error has the headers in it, to which a gateway adds a date.
        message = str(fault.body) if isinstance(fault, cohere.core.ApiError) else str(fault)
        error = {"class": type(fault).__name__, "message": message, "status": getattr(fault, "status_code", None)}
    return {"name": scenario["name"], "items": items, "error": error}


for line in sys.stdin:
    print(json.dumps(drive(json.loads(line))), flush=True)
