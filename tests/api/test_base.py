"""What every route does alike: credentials, limits, envelopes, errors, headers."""

from __future__ import annotations

import pytest

from tests.api.world import Person, World


@pytest.mark.parametrize(("coding", "status"), [("gzip", 415), ("br, gzip", 415), ("Identity", 404)])
def test_body_is_read_as_it_is_sent(person: Person, coding: str, status: int) -> None:
    body = b'{"skillSlug":"no-such-skill"}'
    headers = {"content-type": "application/json", "content-encoding": coding}
    answer = person.post("/api/v1/drive/import", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    if status == 415:
        assert answer.json()["error"]["place"] == "header.Content-Encoding"


def test_account_starts_with_its_grant(api: World, person: Person) -> None:
    """Row 28."""
    answer = person.get("/api/v1/account/credits")
    assert answer.status_code == 200
    account = answer.json()["data"]
    grant = account["transactions"][0]
    assert (account["balance"], account["tier"], account["monthly_skill_call_limit"]) == (25, "free", 100)
    assert (grant["kind"], grant["amount"], grant["balance_after"]) == ("grant", 25, 25)


def test_staff_has_no_monthly_limit(api: World) -> None:
    """Row 28: "unlimited"."""
    admin = api.person(role="admin")
    assert admin.get("/api/v1/account/credits").json()["data"]["monthly_skill_call_limit"] == "unlimited"


@pytest.mark.parametrize("header", [None, "Bearer sk_live_nope", "Basic abc", "Bearer"])
def test_bad_credential_is_refused_alike(api: World, header: str | None) -> None:
    headers = {} if header is None else {"authorization": header}
    answer = api.anonymous.get("/api/v1/account/credits", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    error = answer.json()["error"]
    assert error["code"] in {"access_denied", "unauthorized"}
    assert error["mend"]
    assert "nope" not in answer.text


def test_unknown_path_and_wrong_method_are_json(api: World) -> None:
    missing = api.anonymous.get("/api/v1/nothing")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")
    unknown = api.anonymous.get("/api/v1/nothing", headers={"authorization": "Bearer x"})
    assert unknown.status_code == 401
    wrong = api.anonymous.delete("/api/v1/account/credits")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method_not_allowed")
    assert wrong.headers["allow"] == "GET, HEAD, OPTIONS"


def test_request_id_is_kept_when_it_is_fit(api: World) -> None:
    kept = api.anonymous.get("/healthz", headers={"x-request-id": "abcdef-123456"})
    assert kept.headers["x-request-id"] == "abcdef-123456"
    other = api.anonymous.get("/healthz", headers={"x-request-id": "no good\tat all"})
    assert len(other.headers["x-request-id"]) == 32


def test_browser_may_call(api: World) -> None:
    asked = {"origin": "https://app.example", "access-control-request-method": "POST"}
    preflight = api.anonymous.options(
        "/api/v1/account/credits", headers={**asked, "access-control-request-headers": "authorization"}
    )
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert preflight.headers["access-control-allow-headers"] == "authorization"


def test_health_readiness_metrics_and_description(api: World) -> None:
    assert api.anonymous.get("/healthz").json() == {"status": "ok"}
    ready = api.anonymous.get("/readyz")
    assert (ready.status_code, ready.json()["parts"]["database"]) == (200, "ok")
    assert "skillpress_requests_total" in api.anonymous.get("/metrics").text
    document = api.anonymous.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    assert "/api/v1/account/credits" in document["paths"]
    page = api.anonymous.get("/docs")
    assert "http" not in page.text.replace("http-equiv", "")
