"""A server of the Model Context Protocol with a few tools: `serve.py json|sse PATH`. Prints `listening on http://ADDRESS` and
serves until its standard input is closed."""

import os
import socket
import sys
import threading

import uvicorn
from mcp import MCPError
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("tools", log_level="ERROR")


@server.tool()
def weather(city: str) -> dict[str, object]:
    return {"city": city, "celsius": 18.5, "sky": ["cloudy", "dry"]}


@server.tool()
async def say(text: str, times: int, context: Context) -> str:
    for said in range(times):
        await context.report_progress(said, times, "talking")
    return text * times


@server.tool()
def fail(reason: str) -> str:
    raise ToolError(reason)


@server.tool()
def refuse(code: int, message: str) -> str:
    raise MCPError(code, message, {"more": "data"})


def end():
    sys.stdin.read()
    os._exit(0)


kind, path = sys.argv[1:]
listener = socket.create_server(("127.0.0.1", 0))
app = server.streamable_http_app(streamable_http_path=path, json_response=kind == "json")
threading.Thread(target=end, daemon=True).start()
print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="error")).run([listener])
