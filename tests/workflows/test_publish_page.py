"""docs/publish.md: its purge scripts purge, and it explains every input, variable and secret."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
import yaml
from content_repo import ROOT

from registry_builder.cli.workflows import workflows

PAGE = (ROOT / "docs/publish.md").read_text("utf-8")
SCRIPTS = dict(re.findall(r"^```python (purge_\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))


def purge(name: str, keys: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    lines = "".join(json.dumps({"key": key, "url": f"https://h.example/base/{key}"}) + "\n" for key in keys)
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", **variables}
    command = [sys.executable, "-c", SCRIPTS[name]]
    return subprocess.run(command, input=lines, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("keys", "paths"),
    [
        (["marketplace.json", "npm/@acme/pdf"], ["/base/marketplace.json", "/base/npm/@acme/pdf"]),
        ([f"api/v1/skills/s{number}" for number in range(1001)], ["/*"]),
    ],
)
def test_the_script_for_cloudfront_invalidates(s3_endpoint: str, keys: list[str], paths: list[str]) -> None:
    aws = s3_endpoint  # it speaks CloudFront too
    access = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    client = boto3.client("cloudfront", endpoint_url=aws, **access)
    origin = {
        "Id": "o",
        "DomainName": "o.example",
        "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"},
    }
    made = client.create_distribution(
        DistributionConfig={
            "CallerReference": str(len(keys)),
            "Comment": "",
            "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [origin]},
            "DefaultCacheBehavior": {"TargetOriginId": "o", "ViewerProtocolPolicy": "https-only"},
        }
    )
    name = made["Distribution"]["Id"]
    done = purge(
        "purge_cloudfront", keys, DISTRIBUTION=name, AWS_ENDPOINT_URL=aws, AWS_DEFAULT_REGION="us-east-1"
    )
    assert done.returncode == 0, done.stderr
    (row,) = client.list_invalidations(DistributionId=name)["InvalidationList"]["Items"]
    found = client.get_invalidation(DistributionId=name, Id=row["Id"])["Invalidation"]
    client.close()
    assert found["InvalidationBatch"]["Paths"]["Items"] == paths


@pytest.mark.parametrize("success", [True, False])
def test_the_script_for_cloudflare_purges_a_hundred_at_a_time(success: bool) -> None:
    calls: list[tuple[str, str, list[str]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            calls.append((self.path, self.headers["Authorization"], body["files"]))
            data = json.dumps({"success": success}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_request(self, *_: object) -> None:
            """Say nothing."""

    keys = [f"k{number}" for number in range(250)]
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        api = f"http://127.0.0.1:{server.server_address[1]}"
        done = purge("purge_cloudflare", keys, CLOUDFLARE_API=api, ZONE="z1", TOKEN="t0ken")
        server.shutdown()
        thread.join()
    assert (done.returncode, "Traceback" in done.stderr) == (0 if success else 1, False)
    assert {call[:2] for call in calls} == {("/zones/z1/purge_cache", "Bearer t0ken")}
    sent = [url for call in calls for url in call[2]]
    assert sent == [f"https://h.example/base/{key}" for key in (keys if success else keys[:100])]
    assert max(len(call[2]) for call in calls) == 100


def test_the_page_explains_every_input_variable_and_secret() -> None:
    action = yaml.safe_load((ROOT / ".github/actions/skillpress/action.yml").read_text("utf-8"))
    texts = "".join(text for _, text in workflows("a/b@" + "0" * 40, "main"))
    names = {*action["inputs"], *re.findall(r"(?:vars|secrets)\.(\w+)", texts)}
    assert sorted(name for name in names if f"`{name}`" not in PAGE) == []
