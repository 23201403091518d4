"""Embeddings, ranking, pictures, speech and moderation, for the Python SDKs of OpenAI, Cohere and Google. The name of a
scenario is the model's."""

import base64
import json
import struct

from .wire import streamed, unnamed, whole

VECTOR = [n / 64 for n in range(96)]
BASE64 = base64.b64encode(struct.pack("<96f", *VECTOR)).decode()
PICTURE = base64.b64encode(bytes(range(256)) * 40).decode()
USAGE = {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13}


def scenario(name, api, reply, ending="end", stream=False, **request):
    request = {"model": name, **request, **({"stream": True} if stream else {})}
    return {"name": name, "api": api, "operation": True, "request": request, "reply": reply, "ending": ending}


def embedded(vector, count=1):
    items = [{"object": "embedding", "index": index, "embedding": vector} for index in range(count)]
    return {"object": "list", "data": items, "model": "embed-1", "usage": {"prompt_tokens": 7, "total_tokens": 7}}


def failure(status):
    error = {"message": "no such thing", "type": "invalid_request_error", "param": None, "code": "model_not_found"}
    return whole({"error": error}, status)


def sound(body):
    return {"status": 200, "headers": [("content-type", "audio/mpeg"), ("x-request-id", "req_1")], "body": body}


def text(body):
    return {"status": 200, "headers": [("content-type", "text/plain; charset=utf-8")], "body": body.encode()}


def events(*all, done=b""):
    """Sends events in pieces that cut pictures."""
    body = b"".join(unnamed(event) for event in all) + done
    return streamed([body[at : at + 3000] for at in range(0, len(body), 3000)])


def gzipped(body):
    return streamed([json.dumps(body).encode()], gzip=True) | {"headers": [("content-type", "application/json")]}


WORDS = [{"type": "transcript.text.delta", "delta": word} for word in ("Good ", "morn", "ing")]
TRANSCRIPT = {"type": "tokens", **USAGE, "input_token_details": {"text_tokens": 0, "audio_tokens": 9}}
COHERE = {"id": "co-1", "texts": ["a", "b"], "response_type": "embeddings_by_type",
          "embeddings": {"float": [VECTOR, VECTOR], "int8": [[1] * 96, [2] * 96]},
          "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 5.0}}}
RANKED = {"id": "co-2", "results": [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}],
          "meta": {"billed_units": {"search_units": 1.0}}}

ALL = [
    scenario("embed-base64", "embeddings", whole(embedded(BASE64, 2)), input=["one", "two"]),
    scenario("embed-floats", "embeddings", gzipped(embedded(VECTOR)), input="one", encoding_format="float"),
    scenario("embed-tokens", "embeddings", whole(embedded(BASE64)), input=[1, 2, 3], dimensions=96),
    scenario("embed-error", "embeddings", failure(404), "provider", input="one"),
    scenario("image", "images_generations", whole({"created": 1, "data": [{"b64_json": PICTURE}] * 2, "usage": USAGE}),
             prompt="A cat", n=2),
    scenario("image-stream", "images_generations", events(
        {"type": "image_generation.partial_image", "b64_json": PICTURE, "partial_image_index": 0},
        {"type": "image_generation.completed", "b64_json": PICTURE, "usage": USAGE}), stream=True, prompt="A cat"),
    scenario("image-edit", "images_edits", whole({"created": 1, "data": [{"b64_json": PICTURE}], "usage": USAGE}),
             prompt="A dog", image=["one", "two"]),
    scenario("transcribe", "audio_transcriptions", whole({"text": "Good morning", "usage": TRANSCRIPT}), file="RIFF"),
    scenario("transcribe-text", "audio_transcriptions", text("Good morning\n"), file="RIFF", response_format="text"),
    scenario("transcribe-stream", "audio_transcriptions", events(
        *WORDS, {"type": "transcript.text.done", "text": "Good morning", "usage": TRANSCRIPT}, done=b"data: [DONE]\n\n"),
        stream=True, file="RIFF"),
    scenario("translate", "audio_translations", whole({"text": "Good morning"}), file="RIFF"),
    scenario("speak", "audio_speech", sound(b"ID3" + bytes(9000)), input="Good morning", voice="alloy"),
    scenario("moderate", "moderations", whole({"id": "modr-1", "model": "m-1", "results": [
        {"flagged": True, "categories": {}, "category_scores": {}, "category_applied_input_types": {}},
        {"flagged": False, "categories": {}, "category_scores": {}, "category_applied_input_types": {}}]}),
        input=["bad", "good"]),
    scenario("cohere-embed", "embed", whole(COHERE), texts=["a", "b"], input_type="search_document",
             embedding_types=["float", "int8"]),
    scenario("cohere-rerank", "rerank", whole(RANKED), query="q", documents=["a", "b"], top_n=2),
    scenario("cohere-error", "rerank", whole({"message": "no such thing"}, 422), "provider", query="q", documents=["a"]),
    scenario("google-embed", "embed_content", whole({"embeddings": [{"values": VECTOR}] * 2}), contents=["a", "b"]),
]
