"""A machine with skills on its disk, which syncs as a client of the reference does: HTTP and files."""

from __future__ import annotations

import hashlib
import io
import shutil
import uuid
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from registry_builder.core.artifact import pack
from registry_builder.core.folder import File, sorted_files
from tests.api.world import Person, World

SYNC = "/api/v1/drive/sync"


@dataclass(slots=True)
class Machine:
    """`disk` holds a folder for each skill; `known` is what was last seen on the drive."""

    name: str
    disk: Path
    api: World
    person: Person
    sources: dict[str, str] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    install_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def write(self, slug: str, text: str) -> None:
        """Write a skill by hand, or change it."""
        place = self.disk / slug / "SKILL.md"
        place.parent.mkdir(parents=True, exist_ok=True)
        head = f"---\nname: {slug}\ndescription: Keeps {slug}. Use it when {slug} are asked for.\n---\n"
        place.write_text(f"{head}\n# {slug}\n\n{text}\n", encoding="utf-8")

    def read(self, slug: str) -> str:
        return (self.disk / slug / "SKILL.md").read_text(encoding="utf-8")

    def remove(self, slug: str) -> None:
        shutil.rmtree(self.disk / slug)

    def zip(self, slug: str) -> bytes:
        """The canonical zip of a folder: equal folders give equal digests on every machine."""
        root = self.disk / slug
        files = [
            File(path.relative_to(root).as_posix(), path.read_bytes(), bool(path.stat().st_mode & 0o100))
            for path in root.rglob("*")
            if path.is_file()
        ]
        return pack(sorted_files(files))

    def skills(self) -> dict[str, bytes]:
        """Slug → zip, of everything on the disk."""
        return {place.name: self.zip(place.name) for place in sorted(self.disk.iterdir())}

    def diff(self) -> dict[str, Any]:
        """The look of once a day."""
        local = [{"slug": slug, "content_sha": digest(data)} for slug, data in self.skills().items()]
        found: dict[str, Any] = self._post("/api/v1/drive/diff", {"local": local})
        counts = ", ".join(f"{len(items)} {name}" for name, items in found.items())
        self.told.append(f"{self.name}$ diff\n  {counts}")
        return found

    def sync(self, kind: str = "daily", mode: str = "all") -> dict[str, str]:
        """Preview, execute, move the bytes, finalize; slug → action."""
        preview = self._post(f"{SYNC}/preview", {"local": self._local(), "hosted_known": self._known()})
        found = preview["classifications"]
        body = {"install_id": self.install_id, "kind": kind, "mode": mode, "classifications": found}
        run = self._post(f"{SYNC}/execute", body)
        self.told.append(f"{self.name}$ sync {kind}")
        items = [self._done(result) for result in run["results"]]
        ended = self._post(
            f"{SYNC}/finalize", {"run_id": run["run_id"], "item_results": items, "counters": {}}
        )
        balance = self.person.get("/api/v1/account/credits").json()["data"]["balance"]
        self.told.append(f"  {ended['drive_count']} in the drive, {balance} credits left")
        self._remember(run["results"])
        return {item["slug"]: item["action"] for item in found}

    def _local(self) -> list[dict[str, Any]]:
        return [
            {
                "slug": slug,
                "content_sha": digest(data),
                "size_bytes": len(data),
                "source": self.sources.get(slug, ""),
            }
            for slug, data in self.skills().items()
        ]

    def _known(self) -> list[dict[str, str]]:
        return [{"slug": slug, "content_sha": sha256} for slug, sha256 in self.known.items()]

    def _done(self, result: dict[str, Any]) -> dict[str, Any]:
        """Do what is left of one item, and tell of it."""
        more = ""
        charged = 0
        if result["status"] == "pending_upload":
            uploaded = self._upload(result["slug"])
            charged = uploaded["creditCost"]
            version, grade = uploaded["skill"]["version"], uploaded["securityGrade"]
            more = f": uploaded as version {version}, grade {grade}"
        elif result["status"] == "pending_download":
            self._download(result)
            more = f": version {result['download_version']}, {result['download_content_sha'][:8]}"
        elif result["status"] == "committed":
            more = f": version {result['version']}, {result['content_sha'][:8]}"
        self.told.append(f"  {result['slug']:<18}{result['action']:<18}{result['status']}{more}")
        status = (
            result["status"].replace("pending_upload", "uploaded").replace("pending_download", "downloaded")
        )
        return {"slug": result["slug"], "status": status, "credits_charged": charged}

    def _upload(self, slug: str) -> dict[str, Any]:
        token = self._post("/api/v1/uploads/ticket", {"filename": f"{slug}.zip"}, 201)["uploadToken"]
        answer = self.api.anonymous.post(
            "/api/uploads/process-skill",
            headers={"authorization": f"Bearer {token}"},
            files={"file": (f"{slug}.zip", self.zip(slug))},
        )
        assert answer.status_code == 201, answer.text
        uploaded: dict[str, Any] = answer.json()
        assert uploaded["contentSha"] == digest(self.zip(slug))
        return uploaded

    def _download(self, result: dict[str, Any]) -> None:
        path = result["download_url"].removeprefix(self.api.app.context.public_url)
        data = self.api.anonymous.get(path).content
        assert digest(data) == result["download_content_sha"]
        self.unpack(result["slug"], data)

    def unpack(self, slug: str, data: bytes) -> None:
        """Put the files of a zip in the place of what there is."""
        shutil.rmtree(self.disk / slug, ignore_errors=True)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            archive.extractall(self.disk / slug)
            for info in archive.infolist():
                (self.disk / slug / info.filename).chmod(info.external_attr >> 16 & 0o777)

    def _remember(self, results: list[dict[str, Any]]) -> None:
        """What was reconciled now, is the base of the next sync."""
        moved = {"committed", "pending_upload", "pending_download"}
        there = {
            item["slug"]: item["content_sha"]
            for item in self.person.get("/api/v1/drive").json()["data"]["skills"]
        }
        here = {slug: digest(data) for slug, data in self.skills().items()}
        for slug, sha256 in there.items():
            if here.get(slug) == sha256 or slug in {r["slug"] for r in results if r["status"] in moved}:
                self.known[slug] = sha256

    def _post(self, path: str, body: dict[str, Any], status: int = 200) -> Any:
        answer = self.person.post(path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()["data"]


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
