"""An S3 server that does next to nothing: it keeps what it is given in memory and checks no signature.

Prints its port, then serves until it is ended. `GET /-/requests` tells the requests since it was last asked,
as JSON: method and path of each.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from urllib.parse import unquote


class Bucket(asyncio.Protocol):
    """One connection; what it learns is shared by all. Requests are answered in order."""

    objects: dict[bytes, tuple[bytes, bytes, bytes]] = {}  # noqa: RUF012 - one bucket for all
    log: list[tuple[str, str]] = []  # noqa: RUF012

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = bytearray()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            lines = bytes(self.buffer[:end]).split(b"\r\n")
            heads = {name.lower(): value.strip() for name, _, value in (x.partition(b":") for x in lines[1:])}
            length = int(heads.get(b"content-length", b"0"))
            if heads.get(b"expect") == b"100-continue" and len(self.buffer) < end + 4 + length:
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                heads.pop(b"expect")
            if len(self.buffer) < end + 4 + length:
                return
            body = bytes(self.buffer[end + 4 : end + 4 + length])
            del self.buffer[: end + 4 + length]
            method, target, _ = lines[0].split(b" ", 2)
            self.transport.write(self.answer(method, target, heads, body))

    def answer(self, method: bytes, target: bytes, heads: dict[bytes, bytes], body: bytes) -> bytes:
        if target == b"/-/requests":
            told = json.dumps(self.log).encode()
            self.log.clear()
            return _answer(b"200 OK", told)
        path, _, query = target.partition(b"?")
        self.log.append((method.decode(), unquote(path.decode()) + ("?" + query.decode() if query else "")))
        there = self.objects.get(path)
        if method == b"PUT":
            return self.put(path, there, heads, body)
        if method == b"DELETE":
            self.objects.pop(path, None)
            return _answer(b"204 No Content", b"")
        if there is None or query.startswith((b"list-type", b"prefix")):
            return _absent(method, listing=bool(query))
        kept, tag, sha256 = there
        more = b"ETag: " + tag + b"\r\nx-amz-meta-sha256: " + sha256 + b"\r\n"
        return _answer(b"200 OK", b"" if method == b"HEAD" else kept, more, len(kept))

    def put(
        self, path: bytes, there: tuple[bytes, bytes, bytes] | None, heads: dict[bytes, bytes], body: bytes
    ) -> bytes:
        match = heads.get(b"if-match")
        if (there and heads.get(b"if-none-match")) or (match and (there is None or there[1] != match)):
            error = b"<Error><Code>PreconditionFailed</Code></Error>"
            return _answer(b"412 Precondition Failed", error)
        tag = b'"' + hashlib.md5(body).hexdigest().encode() + b'"'
        self.objects[path] = (body, tag, heads.get(b"x-amz-meta-sha256", b""))
        return _answer(b"200 OK", b"", b"ETag: " + tag + b"\r\n")


def _absent(method: bytes, *, listing: bool) -> bytes:
    if listing:
        return _answer(b"200 OK", b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
    error = b"" if method == b"HEAD" else b"<Error><Code>NoSuchKey</Code></Error>"
    return _answer(b"404 Not Found", error)


def _answer(status: bytes, body: bytes, more: bytes = b"", size: int | None = None) -> bytes:
    length = str(len(body) if size is None else size).encode()
    return b"HTTP/1.1 " + status + b"\r\nContent-Length: " + length + b"\r\n" + more + b"\r\n" + body


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Bucket, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
