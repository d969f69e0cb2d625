"""A program: an S3 server with one empty bucket, and before it a TLS front that serves it as a CDN does."""

from __future__ import annotations

import argparse
import ssl
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import boto3
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

PASSED = {"ContentType": "Content-Type", "CacheControl": "Cache-Control", "ETag": "ETag"}
"""What of an object's headers the front passes on."""


class Front(BaseHTTPRequestHandler):
    """GET and HEAD of objects, by the path alone: what comes with a request otherwise goes nowhere."""

    protocol_version = "HTTP/1.1"

    def __init__(self, client: Any, bucket: str, prefix: str, *arguments: Any) -> None:
        self.client, self.bucket, self.prefix = client, bucket, prefix
        super().__init__(*arguments)

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path).removeprefix("/")
        key = f"{path}index.html" if path.endswith("/") or not path else path
        try:
            found = self.client.get_object(Bucket=self.bucket, Key=f"{self.prefix}/{key}")
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise
            self._answer(404, {"Content-Type": "text/plain"}, b"nothing here\n")
            return
        headers = {header: found[name] for name, header in PASSED.items() if name in found}
        self._answer(200, headers, found["Body"].read())

    def do_HEAD(self) -> None:
        self.do_GET()

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    """Print the S3 server's URL when both listen, and serve until the program is ended."""
    parser = argparse.ArgumentParser()
    for name in ("bucket", "prefix", "host", "port", "cert", "key"):
        parser.add_argument(name)
    told = parser.parse_args()
    s3 = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    s3.start()
    host, port = s3.get_host_and_port()
    client = boto3.client("s3", endpoint_url=f"http://{host}:{port}")
    client.create_bucket(Bucket=told.bucket)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(told.cert, told.key)
    handler = partial(Front, client, told.bucket, told.prefix)
    with ThreadingHTTPServer((told.host, int(told.port)), handler) as front:
        # The handshake belongs to the connection's own thread: a client that hesitates stops no other.
        front.socket = context.wrap_socket(front.socket, server_side=True, do_handshake_on_connect=False)
        print(f"http://{host}:{port}", flush=True)
        front.serve_forever()


if __name__ == "__main__":
    main()
