"""Calls the official Python SDKs once for each feature and prints the body that each sends, as lines of JSON.

The features are those of `tests/sdk/bodies.rs`, which prints what the typed models send. A feature that an SDK has no place
for is `None`. No call is answered: the server refuses all of them.
"""

import base64
import http.server
import json
import threading

import anthropic
import boto3
import cohere
import ollama
import openai
from botocore.config import Config
from google import genai
from google.genai import types

IMAGE, PDF, WAV = b"img", b"%PDF-", b"RIFF"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
NAME, ABOUT = "get_weather", "The weather in a city"
CALLS = [("call_1", {"city": "Oslo"}), ("call_2", {})]
SENT = []


class Refusing(http.server.BaseHTTPRequestHandler):
    """Keeps the bodies."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        SENT.append({"path": self.path, "body": json.loads(body)})
        answer = b'{"error": {"message": "no", "code": 400, "status": "INVALID_ARGUMENT"}, "message": "no"}'
        self.send_response(400)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def b64(data):
    return base64.b64encode(data).decode()


def user(*parts):
    return {"messages": [{"role": "user", "content": list(parts)}]}


HI = {"messages": [{"role": "user", "content": "Hi"}]}
TALK = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}, {"role": "user", "content": "And?"}]


def chat():
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + b64(IMAGE)}}
    tools = [{"type": "function", "function": {"name": NAME, "description": ABOUT, "parameters": SCHEMA}}]
    calls = [{"id": id, "type": "function", "function": {"name": NAME, "arguments": json.dumps(arguments, separators=(",", ":"))}}
             for id, arguments in CALLS]
    loop = [HI["messages"][0], {"role": "assistant", "content": "I look.", "tool_calls": calls},
            {"role": "tool", "tool_call_id": "call_1", "content": "18"}, {"role": "tool", "tool_call_id": "call_2", "content": "no city"}]
    file = {"filename": "paper.pdf", "file_data": "data:application/pdf;base64," + b64(PDF)}
    text_file = {"filename": "notes.txt", "file_data": "data:text/plain;base64," + b64(b"Hello")}
    part = {"type": "text", "text": "Long."}
    mark = {"prompt_cache_breakpoint": {"mode": "explicit"}}
    return {
        "text": HI, "streamed": HI | {"stream": True, "stream_options": {"include_usage": True}},
        "talk": {"messages": [{"role": "system", "content": "Be brief."}, *TALK]},
        "settings": HI | {"max_completion_tokens": 256, "temperature": 0.5, "top_p": 0.9},
        "stop": HI | {"stop": ["END"]}, "top_k": HI | {"extra_body": {"top_k": 5}}, "seed": HI | {"seed": 7},
        "image": user({"type": "text", "text": "What?"}, image),
        "image_url": user({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}),
        "pdf": user({"type": "file", "file": file}), "text_file": user({"type": "file", "file": text_file}), "file_url": None,
        "audio": user({"type": "input_audio", "input_audio": {"data": b64(WAV), "format": "wav"}}),
        "tools": HI | {"tools": tools}, "tool_auto": HI | {"tools": tools, "tool_choice": "auto"},
        "tool_required": HI | {"tools": tools, "tool_choice": "required"}, "tool_none": HI | {"tools": tools, "tool_choice": "none"},
        "tool_named": HI | {"tools": tools, "tool_choice": {"type": "function", "function": {"name": NAME}}},
        "one_tool": HI | {"tools": tools, "parallel_tool_calls": False},
        "tool_loop": {"messages": loop, "tools": tools}, "thinking_loop": {"messages": loop, "tools": tools},
        "schema": HI | {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}},
        "effort": HI | {"reasoning_effort": "low"}, "tier": HI | {"service_tier": "flex"},
        "cached": user(part | mark, {"type": "text", "text": "Short."}), "cached_tool": None,
        "cached_system": {"messages": [{"role": "system", "content": [part | mark]}, *HI["messages"]]},
        "unknown": HI | {"extra_body": {"x_new": {"a": 1}}}, "own": HI | {"store": False},
    }


def responses():
    def put(*content):
        return {"input": [{"type": "message", "role": "user", "content": list(content)}]}

    hi = {"input": [{"type": "message", "role": "user", "content": "Hi"}]}
    tools = [{"type": "function", "name": NAME, "description": ABOUT, "parameters": SCHEMA, "strict": False}]
    loop = [*hi["input"], {"type": "message", "role": "assistant", "content": "I look."},
            *({"type": "function_call", "call_id": id, "name": NAME, "arguments": json.dumps(arguments, separators=(",", ":"))}
              for id, arguments in CALLS),
            {"type": "function_call_output", "call_id": "call_1", "output": "18"},
            {"type": "function_call_output", "call_id": "call_2", "output": "no city"}]
    part = {"type": "input_text", "text": "Long."}
    mark = {"prompt_cache_breakpoint": {"mode": "explicit"}}

    def image(url):
        return {"type": "input_image", "image_url": url, "detail": "auto"}

    def file(name, data):
        return {"type": "input_file", "filename": name, "file_data": data}

    return {
        "text": hi, "streamed": hi | {"stream": True},
        "talk": {"instructions": "Be brief.", "input": [{"type": "message"} | message for message in TALK]},
        "settings": hi | {"max_output_tokens": 256, "temperature": 0.5, "top_p": 0.9}, "stop": None, "top_k": None, "seed": None,
        "image": put({"type": "input_text", "text": "What?"}, image("data:image/png;base64," + b64(IMAGE))),
        "image_url": put(image("https://example.com/a.png")),
        "pdf": put(file("paper.pdf", "data:application/pdf;base64," + b64(PDF))),
        "text_file": put(file("notes.txt", "data:text/plain;base64," + b64(b"Hello"))),
        "file_url": put({"type": "input_file", "file_url": "https://example.com/paper.pdf"}), "audio": None,
        "tools": hi | {"tools": tools}, "tool_auto": hi | {"tools": tools, "tool_choice": "auto"},
        "tool_required": hi | {"tools": tools, "tool_choice": "required"}, "tool_none": hi | {"tools": tools, "tool_choice": "none"},
        "tool_named": hi | {"tools": tools, "tool_choice": {"type": "function", "name": NAME}},
        "one_tool": hi | {"tools": tools, "parallel_tool_calls": False},
        "tool_loop": {"input": loop, "tools": tools}, "thinking_loop": {"input": loop, "tools": tools},
        "schema": hi | {"text": {"format": {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": True}}},
        "effort": hi | {"reasoning": {"effort": "low"}}, "tier": hi | {"service_tier": "flex"},
        "cached": put(part | mark, {"type": "input_text", "text": "Short."}), "cached_tool": None,
        "cached_system": {"input": [{"type": "message", "role": "system", "content": [part | mark]}, *hi["input"]]},
        "unknown": hi | {"extra_body": {"x_new": {"a": 1}}},
        "own": hi | {"previous_response_id": "resp_1", "store": False, "include": ["reasoning.encrypted_content"]},
    }


def messages():
    tools = [{"name": NAME, "description": ABOUT, "input_schema": SCHEMA}]
    calls = [{"type": "tool_use", "id": id, "name": NAME, "input": arguments} for id, arguments in CALLS]
    results = [{"type": "tool_result", "tool_use_id": "call_1", "content": "18"},
               {"type": "tool_result", "tool_use_id": "call_2", "content": "no city", "is_error": True}]

    def loop(*blocks):
        return {"tools": tools, "messages": [HI["messages"][0], {"role": "assistant", "content": [*blocks, *calls]}, {"role": "user", "content": results}]}

    def document(source, **more):
        return user({"type": "document", "source": source} | more)

    part, mark = {"type": "text", "text": "Long."}, {"cache_control": {"type": "ephemeral"}}
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": b64(IMAGE)}}
    pdf = {"type": "base64", "media_type": "application/pdf", "data": b64(PDF)}
    features = {
        "text": HI, "streamed": HI | {"stream": True}, "talk": {"system": "Be brief.", "messages": TALK},
        "settings": HI | {"max_tokens": 256, "extra_body": {"temperature": 0.5, "top_p": 0.9}},
        "stop": HI | {"stop_sequences": ["END"]}, "top_k": HI | {"extra_body": {"top_k": 5}}, "seed": None,
        "image": user({"type": "text", "text": "What?"}, image),
        "image_url": user({"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}),
        "pdf": document(pdf, title="paper.pdf"),
        "text_file": document({"type": "text", "media_type": "text/plain", "data": "Hello"}, title="notes.txt"),
        "file_url": document({"type": "url", "url": "https://example.com/paper.pdf"}), "audio": None,
        "tools": HI | {"tools": tools}, "tool_auto": HI | {"tools": tools, "tool_choice": {"type": "auto"}},
        "tool_required": HI | {"tools": tools, "tool_choice": {"type": "any"}}, "tool_none": HI | {"tools": tools, "tool_choice": {"type": "none"}},
        "tool_named": HI | {"tools": tools, "tool_choice": {"type": "tool", "name": NAME}},
        "one_tool": HI | {"tools": tools, "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
        "tool_loop": loop({"type": "text", "text": "I look."}),
        "thinking_loop": loop({"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}, {"type": "text", "text": "I look."}),
        "schema": HI | {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
        "effort": HI | {"output_config": {"effort": "low"}}, "tier": HI | {"service_tier": "flex"},
        "cached": user(part | mark, {"type": "text", "text": "Short."}), "cached_tool": HI | {"tools": [tools[0] | mark]},
        "cached_system": HI | {"system": [part | mark]}, "unknown": HI | {"extra_body": {"x_new": {"a": 1}}},
        "own": HI | {"thinking": {"type": "enabled", "budget_tokens": 1024}},
    }
    return {name: request and {"max_tokens": 4096} | request for name, request in features.items()}


def generate_content():
    def put(*parts):
        return {"contents": [{"role": "user", "parts": list(parts)}]}

    hi = put({"text": "Hi"})

    def config(**settings):
        return hi | {"config": settings}

    def choose(mode, **more):
        return config(tools=tools, tool_config={"function_calling_config": {"mode": mode} | more})

    tools = [{"function_declarations": [{"name": NAME, "description": ABOUT, "parameters_json_schema": SCHEMA}]}]
    talk = [{"role": {"assistant": "model"}.get(it["role"], it["role"]), "parts": [{"text": it["content"]}]} for it in TALK]
    calls = [{"function_call": {"id": id, "name": NAME, "args": arguments}} for id, arguments in CALLS]
    results = [{"function_response": {"id": "call_1", "name": NAME, "response": {"output": "18"}}},
               {"function_response": {"id": "call_2", "name": NAME, "response": {"error": "no city"}}}]
    loop = {"contents": [*hi["contents"], {"role": "model", "parts": [{"text": "I look."}, *calls]}, {"role": "user", "parts": results}],
            "config": {"tools": tools}}

    def inline(kind, data):
        return put({"inline_data": {"mime_type": kind, "data": data}})

    return {
        "text": hi, "streamed": hi, "talk": {"contents": talk, "config": {"system_instruction": "Be brief."}},
        "settings": config(max_output_tokens=256, temperature=0.5, top_p=0.9), "stop": config(stop_sequences=["END"]),
        "top_k": config(top_k=5), "seed": config(seed=7),
        "image": put({"text": "What?"}, {"inline_data": {"mime_type": "image/png", "data": IMAGE}}),
        "image_url": put(types.Part.from_uri(file_uri="https://example.com/a.png")),
        "pdf": inline("application/pdf", PDF), "text_file": inline("text/plain", b"Hello"),
        "file_url": put(types.Part.from_uri(file_uri="https://example.com/paper.pdf")), "audio": inline("audio/wav", WAV),
        "tools": config(tools=tools), "tool_auto": choose("AUTO"), "tool_required": choose("ANY"), "tool_none": choose("NONE"),
        "tool_named": choose("ANY", allowed_function_names=[NAME]), "one_tool": None, "tool_loop": loop, "thinking_loop": loop,
        "schema": config(response_mime_type="application/json", response_json_schema=SCHEMA),
        "effort": config(thinking_config={"thinking_level": "LOW"}), "tier": config(service_tier="flex"),
        "cached": None, "cached_tool": None, "cached_system": None,
        "unknown": config(http_options={"extra_body": {"x_new": {"a": 1}}}),
        "own": config(thinking_config={"thinking_budget": 512}, cached_content="cachedContents/1", max_output_tokens=256),
    }


def ollama_chat():
    tools = [{"type": "function", "function": {"name": NAME, "description": ABOUT, "parameters": SCHEMA}}]
    calls = [{"id": id, "function": {"name": NAME, "arguments": arguments}} for id, arguments in CALLS]
    loop = [HI["messages"][0], {"role": "assistant", "content": "I look.", "tool_calls": calls},
            {"role": "tool", "tool_name": NAME, "content": "18"}, {"role": "tool", "tool_name": NAME, "content": "no city"}]

    def options(**settings):
        return HI | {"options": settings}

    return {
        "text": HI, "streamed": HI | {"stream": True}, "talk": {"messages": [{"role": "system", "content": "Be brief."}, *TALK]},
        "settings": options(num_predict=256, temperature=0.5, top_p=0.9), "stop": options(stop=["END"]), "top_k": options(top_k=5),
        "seed": options(seed=7), "image": {"messages": [{"role": "user", "content": "What?", "images": [IMAGE]}]},
        "image_url": None, "pdf": None, "text_file": None, "file_url": None, "audio": None,
        "tools": HI | {"tools": tools}, "tool_auto": HI | {"tools": tools}, "tool_required": None, "tool_none": None, "tool_named": None,
        "one_tool": None, "tool_loop": {"messages": loop, "tools": tools}, "thinking_loop": {"messages": loop, "tools": tools},
        "schema": HI | {"format": SCHEMA}, "effort": HI | {"think": "low"}, "tier": None, "cached": None, "cached_tool": None,
        "cached_system": None, "own": options(num_ctx=8192) | {"keep_alive": "10m"},
    }


def converse():
    hi = user({"text": "Hi"})
    tools = [{"toolSpec": {"name": NAME, "description": ABOUT, "inputSchema": {"json": SCHEMA}}}]
    talk = [message | {"content": [{"text": message["content"]}]} for message in TALK]
    calls = [{"toolUse": {"toolUseId": id, "name": NAME, "input": arguments}} for id, arguments in CALLS]
    results = [{"toolResult": {"toolUseId": "call_1", "content": [{"text": "18"}]}},
               {"toolResult": {"toolUseId": "call_2", "content": [{"text": "no city"}], "status": "error"}}]

    def loop(*blocks):
        turns = [hi["messages"][0], {"role": "assistant", "content": [*blocks, *calls]}, {"role": "user", "content": results}]
        return {"messages": turns, "toolConfig": {"tools": tools}}

    def choose(choice):
        return hi | {"toolConfig": {"tools": tools, "toolChoice": choice}}

    def inference(**settings):
        return hi | {"inferenceConfig": settings}

    def document(format, name, data):
        return user({"document": {"format": format, "name": name, "source": {"bytes": data}}})

    point = {"cachePoint": {"type": "default"}}
    schema = {"name": "answer", "schema": json.dumps(SCHEMA, separators=(",", ":"))}
    thought = {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}}
    return {
        "text": hi, "streamed": hi, "talk": {"system": [{"text": "Be brief."}], "messages": talk},
        "settings": inference(maxTokens=256, temperature=0.5, topP=0.9), "stop": inference(stopSequences=["END"]),
        "top_k": None, "seed": None,
        "image": user({"text": "What?"}, {"image": {"format": "png", "source": {"bytes": IMAGE}}}), "image_url": None,
        "pdf": document("pdf", "paper", PDF), "text_file": document("txt", "notes", b"Hello"), "file_url": None,
        "audio": user({"audio": {"format": "wav", "source": {"bytes": WAV}}}),
        "tools": hi | {"toolConfig": {"tools": tools}}, "tool_auto": choose({"auto": {}}), "tool_required": choose({"any": {}}),
        "tool_none": None, "tool_named": choose({"tool": {"name": NAME}}), "one_tool": None,
        "tool_loop": loop({"text": "I look."}), "thinking_loop": loop(thought, {"text": "I look."}),
        "schema": hi | {"outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}}},
        "effort": hi | {"outputConfig": {"effort": "low"}}, "tier": hi | {"serviceTier": {"type": "flex"}},
        "cached": user({"text": "Long."}, point, {"text": "Short."}), "cached_tool": hi | {"toolConfig": {"tools": [*tools, point]}},
        "cached_system": hi | {"system": [{"text": "Long."}, point]},
        "own": hi | {"additionalModelRequestFields": {"top_k": 5},
                     "guardrailConfig": {"guardrailIdentifier": "gr-1", "guardrailVersion": "DRAFT"}},
    }


TEXTS = ["One.", "Two."]
EMBEDDINGS = {
    "openai": {"texts": {"input": TEXTS}, "dimensions": {"input": TEXTS, "dimensions": 8}, "task": None},
    "gemini": {"texts": {"contents": TEXTS}, "dimensions": {"contents": TEXTS, "config": {"output_dimensionality": 8}},
               "task": {"contents": TEXTS, "config": {"task_type": "RETRIEVAL_QUERY"}}},
    "ollama": {"texts": {"input": TEXTS}, "dimensions": {"input": TEXTS, "dimensions": 8}, "task": None},
    "cohere": {"texts": None, "dimensions": None,
               "task": {"texts": TEXTS, "input_type": "search_query", "embedding_types": ["float"]}},
}


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    settings = {"max_retries": 0, "timeout": 20.0, "api_key": "sk-not-a-key"}
    openai_, anthropic_ = openai.OpenAI(base_url=f"{url}/v1", **settings), anthropic.Anthropic(base_url=url, **settings)
    google = genai.Client(api_key="not-a-key", http_options={"base_url": url, "timeout": 20_000})
    bedrock = boto3.client("bedrock-runtime", endpoint_url=url, region_name="us-east-1", aws_access_key_id="none",
                           aws_secret_access_key="none", config=Config(retries={"total_max_attempts": 1}, read_timeout=20))
    local, cohere_ = ollama.Client(host=url), cohere.ClientV2(base_url=url, api_key="not-a-key", timeout=20)
    whole, streamed = google.models.generate_content, google.models.generate_content_stream

    def ask_google(feature, **request):
        answer = (streamed if feature == "streamed" else whole)(model="m", **request)
        list(answer) if feature == "streamed" else None

    def ask_bedrock(feature, **request):
        (bedrock.converse_stream if feature == "streamed" else bedrock.converse)(modelId="m", **request)

    def ask_ollama(feature, **request):
        answer = local.chat(model="m", **request)
        list(answer) if request.get("stream") else None

    calls = {
        "chat_completions": (chat(), lambda feature, **it: openai_.chat.completions.create(model="m", **it)),
        "responses": (responses(), lambda feature, **it: openai_.responses.create(model="m", **it)),
        "messages": (messages(), lambda feature, **it: anthropic_.messages.create(model="m", **it)),
        "generate_content": (generate_content(), ask_google), "chat": (ollama_chat(), ask_ollama), "converse": (converse(), ask_bedrock),
        "openai_embeddings": (EMBEDDINGS["openai"], lambda feature, **it: openai_.embeddings.create(model="m", **it)),
        "gemini_embeddings": (EMBEDDINGS["gemini"], lambda feature, **it: google.models.embed_content(model="m", **it)),
        "ollama_embeddings": (EMBEDDINGS["ollama"], lambda feature, **it: local.embed(model="m", **it)),
        "cohere_embeddings": (EMBEDDINGS["cohere"], lambda feature, **it: cohere_.embed(model="m", request_options={"max_retries": 0}, **it)),
    }
    for api, (features, ask) in calls.items():
        for feature, request in features.items():
            SENT.clear()
            failure = None
            if request is not None:
                try:
                    ask(feature, **request)
                except Exception as error:
                    failure = f"{type(error).__name__}: {error}"
                if len(SENT) != 1:
                    raise AssertionError(f"{api} {feature}: {len(SENT)} requests, {failure}")
            print(json.dumps({"api": api, "feature": feature} | (SENT[0] if SENT else {"body": None})), flush=True)


main()
