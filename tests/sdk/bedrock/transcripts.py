"""Requests and replies of Amazon Bedrock, all written by hand. Each scenario has a `name`, which is also the model's, an
`operation` of boto3's client, its `request`, and the `reply`: `frames` of an event stream, or a `body`, with a `status` and
`headers`."""

import base64
import json
import struct
import zlib

MESSAGES = [{"role": "user", "content": [{"text": "Hi"}]}]


def frame(headers, payload=b""):
    """An event stream's frame. A header's value is a text, or a type and bytes."""
    packed = b""
    for name, value in headers.items():
        kind, value = value if isinstance(value, tuple) else (7, struct.pack(">H", len(value.encode())) + value.encode())
        packed += bytes([len(name)]) + name.encode() + bytes([kind]) + value
    lengths = struct.pack(">II", 16 + len(packed) + len(payload), len(packed))
    begun = lengths + struct.pack(">I", zlib.crc32(lengths)) + packed + payload
    return begun + struct.pack(">I", zlib.crc32(begun))


def event(name, data, **more):
    return frame({":event-type": name, ":content-type": "application/json", ":message-type": "event", **more},
                 json.dumps({**data, "p": "abc"}, ensure_ascii=False).encode())


def exception(name, message):
    return frame({":exception-type": name, ":content-type": "application/json", ":message-type": "exception"},
                 json.dumps({"message": message}).encode())


def chunk(data):
    return event("chunk", {"bytes": base64.b64encode(json.dumps(data).encode()).decode()})


def delta(index, **delta):
    return event("contentBlockDelta", {"contentBlockIndex": index, "delta": delta})


def stop(index):
    return event("contentBlockStop", {"contentBlockIndex": index})


def end(reason, **usage):
    return [event("messageStop", {"stopReason": reason}),
            event("metadata", {"usage": usage, "metrics": {"latencyMs": 5}})]


def converse(name, *frames):
    return {"name": name, "operation": "converse_stream", "request": {"messages": MESSAGES},
            "reply": {"frames": [event("messageStart", {"role": "assistant"}), *frames]}}


def whole(name, content, reason="end_turn", **usage):
    body = {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": reason, "usage": usage,
            "metrics": {"latencyMs": 5}}
    return {"name": name, "operation": "converse", "request": {"messages": MESSAGES}, "reply": {"body": body}}


def invoke(name, request, body, **headers):
    return {"name": name, "operation": "invoke_model", "request": request, "reply": {"body": body, "headers": headers}}


def streamed(name, request, *chunks):
    return {"name": name, "operation": "invoke_model_with_response_stream", "request": request,
            "reply": {"frames": [part if isinstance(part, bytes) else chunk(part) for part in chunks]}}


def metrics(incoming, outgoing):
    return {"amazon-bedrock-invocationMetrics": {"inputTokenCount": incoming, "outputTokenCount": outgoing,
                                                 "invocationLatency": 9, "firstByteLatency": 4}}


def damaged(where, at):
    """A stream whose second text came with a wrong bit."""
    frame = bytearray(delta(0, text="no"))
    frame[at] ^= 4
    scenario = converse(f"vendor.damaged-{where}", delta(0, text="Hi"), bytes(frame), delta(0, text=" you"), stop(0),
                        *end("end_turn", inputTokens=1, outputTokens=2, totalTokens=3))
    return {**scenario, "damaged": True}


TOOL = {"toolUseId": "tooluse_1", "name": "weather"}
ALL = [
    converse("amazon.text-v1:0", delta(0, text="Grüße "), delta(0, text=""), delta(0, text="🙂"), stop(0),
             *end("end_turn", inputTokens=3, outputTokens=2, totalTokens=5)),
    converse("arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.vendor.model-v1:0", delta(0, text="Hi"), stop(0),
             *end("max_tokens", inputTokens=3, outputTokens=2, totalTokens=105, cacheReadInputTokens=100)),
    converse("vendor.reasoning", delta(0, reasoningContent={"text": "Let me"}),
             delta(0, reasoningContent={"signature": "sig"}), stop(0), delta(1, reasoningContent={"redactedContent": "AAAA"}),
             stop(1), delta(2, text="Yes"), stop(2), *end("end_turn", inputTokens=1, outputTokens=9, totalTokens=10)),
    converse("vendor.tools", event("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": TOOL}}),
             delta(0, toolUse={"input": "{\"city\":"}), delta(0, toolUse={"input": "\"Rome\"}"}), stop(0),
             *end("tool_use", inputTokens=4, outputTokens=6, totalTokens=10)),
    converse("vendor.headers", event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hi"}},
                                     yes=(0, b""), no=(1, b""), byte=(2, b"\x01"), short=(3, b"\0\x01"), int=(4, b"\0\0\0\x01"),
                                     long=(5, b"\0\0\0\0\0\0\0\x01"), bytes=(6, b"\0\x02ab"), time=(8, b"\0\0\0\0\0\0\x03\xe8"),
                                     uuid=(9, bytes(16))),
             *end("end_turn", inputTokens=1, outputTokens=1, totalTokens=2)),
    converse("vendor.throttled", delta(0, text="Hi"), exception("throttlingException", "Too many requests")),
    converse("vendor.stopped", delta(0, text="Hi"), exception("modelStreamErrorException", "The model stopped")),
    converse("vendor.broken", delta(0, text="Hi"),
             frame({":error-code": "InternalFailure", ":error-message": "It broke", ":message-type": "error"})),
    damaged("length", 3),
    damaged("header", 16),
    damaged("payload", -10),
    damaged("checksum", -1),
    whole("vendor.whole", [{"text": "Hello"}], inputTokens=3, outputTokens=2, totalTokens=5),
    whole("vendor.whole-tools", [{"reasoningContent": {"reasoningText": {"text": "Let me"}}}, {"text": "I look"},
                                 {"toolUse": {**TOOL, "input": {"city": "Rome"}}}], "tool_use",
          inputTokens=3, outputTokens=2, totalTokens=15, cacheWriteInputTokens=10),
    {"name": "vendor.missing", "operation": "converse", "request": {"messages": MESSAGES}, "reply": {
        "status": 400, "headers": {"x-amzn-ErrorType": "ValidationException:http://internal/"},
        "body": {"message": "The provided model identifier is invalid."}}},
    {"name": "vendor.denied", "operation": "converse_stream", "request": {"messages": MESSAGES}, "reply": {
        "status": 403, "headers": {"x-amzn-ErrorType": "AccessDeniedException"}, "body": {"Message": "Not yours"}}},
    invoke("anthropic.whole", {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5},
           {"type": "message", "id": "msg_1", "model": "claude", "content": [{"type": "text", "text": "Hello"}],
            "stop_reason": "end_turn", "usage": {"input_tokens": 3, "output_tokens": 2}}),
    invoke("meta.whole", {"prompt": "Hi"}, {"generation": "Hello", "prompt_token_count": 3, "generation_token_count": 2,
                                            "stop_reason": "stop"}),
    invoke("mistral.whole", {"prompt": "Hi"}, {"outputs": [{"text": "Hello", "stop_reason": "stop"}]},
           **{"X-Amzn-Bedrock-Input-Token-Count": "3", "X-Amzn-Bedrock-Output-Token-Count": "2"}),
    streamed("anthropic.stream", {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5},
             {"type": "message_start", "message": {"id": "msg_1", "model": "claude", "usage": {"input_tokens": 3, "output_tokens": 1}}},
             {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
             {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
             {"type": "content_block_stop", "index": 0},
             {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
             {"type": "message_stop", **metrics(3, 2)}),
    streamed("meta.stream", {"prompt": "Hi"},
             {"generation": "Hel", "prompt_token_count": 3, "generation_token_count": 1, "stop_reason": None},
             {"generation": "lo", "prompt_token_count": None, "generation_token_count": 2, "stop_reason": "stop", **metrics(3, 2)}),
    streamed("openai.stream", {"messages": [{"role": "user", "content": "Hi"}]},
             {"choices": [{"index": 0, "delta": {"content": "Hello"}}]},
             {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, metrics(3, 2)),
    streamed("meta.timeout", {"prompt": "Hi"}, {"generation": "Hel", "stop_reason": None},
             exception("modelTimeoutException", "It took too long")),
]
