#!/usr/bin/env python3
"""An MCP server on standard input and output: exact facts about text that language models get wrong.

Tools: count_text (characters, words, lines), digest_text (sha256 and others), sort_lines. It reads no file,
opens no connection, and keeps nothing. Source: Model Context Protocol, stdio transport: one JSON-RPC 2.0
message a line.
"""

from __future__ import annotations

import hashlib
import json
import sys
import unicodedata

VERSIONS = ("2025-06-18", "2025-03-26", "2024-11-05")
DIGESTS = ("sha256", "sha512", "sha1", "md5")
TEXT = {"type": "string", "description": "The text itself, not a path"}
TOOLS = [
    {"name": "count_text", "description": "Count characters, UTF-8 bytes, words and lines of a text exactly, and how often a substring occurs in it",
     "inputSchema": {"type": "object", "properties": {"text": TEXT, "substring": {"type": "string", "minLength": 1}},
                     "required": ["text"], "additionalProperties": False}},
    {"name": "digest_text", "description": "Compute the hexadecimal digest of a text's UTF-8 bytes",
     "inputSchema": {"type": "object", "properties": {"text": TEXT, "algorithm": {"type": "string", "enum": list(DIGESTS)}},
                     "required": ["text"], "additionalProperties": False}},
    {"name": "sort_lines", "description": "Sort the lines of a text by code point, optionally without duplicates, and say how many were dropped",
     "inputSchema": {"type": "object", "properties": {"text": TEXT, "unique": {"type": "boolean"}, "reverse": {"type": "boolean"}},
                     "required": ["text"], "additionalProperties": False}},
]
KINDS = {"string": str, "boolean": bool}


class Refused(Exception):
    """A JSON-RPC error: code and message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def count_text(text: str, substring: str = "") -> dict:
    facts = {"characters": len(text), "bytes": len(text.encode("utf-8", "surrogatepass")), "words": len(text.split()),
             "lines": len(text.splitlines()), "letters": sum(unicodedata.category(c).startswith("L") for c in text)}
    return {**facts, "occurrences": text.count(substring)} if substring else facts


def digest_text(text: str, algorithm: str = "sha256") -> dict:
    return {"algorithm": algorithm, "digest": hashlib.new(algorithm, text.encode("utf-8")).hexdigest()}


def sort_lines(text: str, unique: bool = False, reverse: bool = False) -> dict:
    lines = text.splitlines()
    kept = sorted(set(lines) if unique else lines, reverse=reverse)
    return {"text": "\n".join(kept), "lines": len(kept), "dropped": len(lines) - len(kept)}


def call(params: dict) -> dict:
    """The result of tools/call. Wrong arguments are an error of the tool, which the model can read and mend."""
    tool = next((tool for tool in TOOLS if tool["name"] == params.get("name")), None)
    if tool is None:
        raise Refused(-32602, f"there is no tool {params.get('name')!r}")
    arguments = params.get("arguments", {})
    problem = mistake(arguments, tool["inputSchema"])
    if problem is None:
        try:
            result = {"count_text": count_text, "digest_text": digest_text, "sort_lines": sort_lines}[tool["name"]](**arguments)
        except UnicodeEncodeError:
            problem = "text holds half of a surrogate pair, so it has no UTF-8 form"
    if problem is not None:
        return {"content": [{"type": "text", "text": problem}], "isError": True}
    return {"content": [{"type": "text", "text": json.dumps(result, ensure_ascii=False)}], "structuredContent": result,
            "isError": False}


def mistake(arguments: object, schema: dict) -> str | None:
    """What is wrong with a tool's arguments, or None."""
    if not isinstance(arguments, dict):
        return "arguments must be an object"
    for name in schema["required"]:
        if name not in arguments:
            return f"{name} is missing"
    for name, value in arguments.items():
        wanted = schema["properties"].get(name)
        if wanted is None:
            return f"there is no argument {name}; known: {', '.join(schema['properties'])}"
        if not isinstance(value, KINDS[wanted["type"]]):
            return f"{name} must be a {wanted['type']}"
        if "enum" in wanted and value not in wanted["enum"]:
            return f"{name} must be one of {', '.join(wanted['enum'])}"
        if len(str(value)) < wanted.get("minLength", 0):
            return f"{name} must not be empty"
    return None


def answer(method: object, params: dict) -> dict:
    """The result of one request."""
    if method == "initialize":
        asked = params.get("protocolVersion")
        return {"protocolVersion": asked if asked in VERSIONS else VERSIONS[0], "capabilities": {"tools": {}},
                "serverInfo": {"name": "text-facts", "version": "1.0.0"}}
    if method == "ping":
        return {}
    if method == "tools/list":
        return {"tools": TOOLS}
    if method == "tools/call":
        return call(params)
    raise Refused(-32601, f"there is no method {method!r}")


def respond(line: str) -> dict | None:
    """The message that answers one line, or None for a notification or an answer of the client."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "this line is not JSON"}}
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        return {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "this is no JSON-RPC 2.0 message"}}
    if "id" not in message or "method" not in message:
        return None
    params = message.get("params", {})
    try:
        if not isinstance(params, dict):
            raise Refused(-32602, "params must be an object")
        return {"jsonrpc": "2.0", "id": message["id"], "result": answer(message["method"], params)}
    except Refused as error:
        return {"jsonrpc": "2.0", "id": message["id"], "error": {"code": error.code, "message": str(error)}}


def main() -> int:
    sys.stdin.reconfigure(encoding="utf-8", errors="replace", newline="\n")
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    for line in sys.stdin:
        message = respond(line) if line.strip() else None
        if message is not None:
            # ASCII escapes keep every message on one line and valid, whatever the text holds.
            sys.stdout.write(json.dumps(message) + "\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
