"""Calls tools with the official client: `drive.py URL MODE < calls`. Prints what it saw as a line of JSON."""

import asyncio
import json
import sys

from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client


async def answer(client, call):
    try:
        result = await client.call_tool(call["name"], call["arguments"], progress_callback=progress, meta=call["meta"])
    except MCPError as error:
        return {"error": error.error.model_dump(mode="json", exclude_none=True)}
    return {"result": result.model_dump(mode="json", by_alias=True, exclude_none=True)}


async def progress(*_):
    """Asks the server to notify of the progress of calls."""


async def drive(url, mode, calls):
    sessions = []

    async def note(response):
        if (session := response.headers.get("mcp-session-id")) and session not in sessions:
            sessions.append(session)

    http = create_mcp_http_client()
    http.event_hooks = {"response": [note]}
    async with http, Client(streamable_http_client(url, http_client=http), mode=mode) as client:
        listed = await client.list_tools()
        return {
            "tools": [tool.name for tool in listed.tools],
            "version": client.protocol_version,
            "answers": [await answer(client, call) for call in calls],
            "sessions": sessions,
        }


url, mode = sys.argv[1:]
print(json.dumps(asyncio.run(drive(url, mode, json.load(sys.stdin)))))
