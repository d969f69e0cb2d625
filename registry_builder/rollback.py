"""Takes a bad release back: old content under a new number, the bad rows withdrawn, the bad folder held.

Source: DESIGN.md section 6. Clients only ever see numbers go up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from registry_builder.core.artifact import OWN
from registry_builder.core.artifact import read as read_zip
from registry_builder.core.errors import Missing
from registry_builder.core.folder import Folder
from registry_builder.core.key import download_key, node_key
from registry_builder.core.ledger import ABSENT, QUARANTINED, REMOVED, Document, Moment, Row
from registry_builder.core.tree import Record, decode_record
from registry_builder.press import BUNDLE, Checked, press, published_skill
from registry_builder.previous import Previous, View
from registry_builder.store.base import Reader
from registry_builder.workshop import Workshop


def records(reader: Reader, newest: str | None) -> Iterator[Record]:
    """Who published what and when, newest first; ends where the chain does."""
    while newest:
        try:
            record = decode_record(reader.get(node_key(newest)))
        except Missing:
            return
        yield record
        newest = record.previous


def view_at(previous: Previous, generation: int) -> View:
    """The release of `generation`. Raises Missing when the chain of records does not lead there."""
    newest = previous.pointer.record if previous.pointer else None
    for record in records(previous.reader, newest):
        if record.generation == generation:
            return View(previous.reader, record.root)
    raise Missing(
        "no-generation",
        f"no generation {generation}",
        place="--to-generation",
        mend="skillpress history lists them",
    )


@dataclass(slots=True)
class Rollback:
    """Puts `names` (all when there are none) back to what `then` served."""

    then: View
    names: Sequence[str]

    def apply(self, work: Workshop) -> None:
        """Change the ledger of `work` before a commit is built on it. Raises Missing for an unknown name."""
        for name in self.names or sorted(work.base.noted):
            document = work.document(name)
            if document is None:
                raise Missing(
                    "no-skill", f"no asset {name}", place=name, mend="skillpress versions lists them"
                )
            if document.type != BUNDLE:
                self._one(work, document)

    def _one(self, work: Workshop, now: Document) -> None:
        then = self.then.document(now.name)
        wanted = then.current if then else None
        current = now.current
        if current is not None and wanted is not None and current.sha256 == wanted.sha256:
            return
        last = then.newest.version if then else 0
        bad = ABSENT if now.state == REMOVED else now.newest.tree
        rows = tuple(_withdrawn(row) if row.version > last else row for row in now.versions)
        back = replace(now, versions=rows)
        if wanted is not None and wanted.sha256 not in work.revoked.reasons:
            back = self._minted(work, back, wanted)
        work.documents[now.name] = replace(back, held=bad)

    def _minted(self, work: Workshop, back: Document, row: Row) -> Document:
        files = read_zip(work.base.reader.get(download_key(back.name, row.sha256)), OWN)
        folder = Folder(back.name, row.path, row.tree, files, (), back.type)
        skill = published_skill(back, files)
        if skill is None:
            raise Missing("unreadable-artifact", f"{back.name}@{row.version} cannot be read", place=back.name)
        moment = Moment(row.commit, row.time)
        pressed = press(Checked(folder, skill, ()), back, moment, work.settings, work.site)
        for key, body in pressed.objects:
            work.objects.setdefault(back.name, {})[key] = work.spool.add(key, body)
        work.minted.append(f"{back.name}@{pressed.document.newest.version}")
        return pressed.document


def release_holds(work: Workshop) -> None:
    """Let every folder that a rollback holds back be minted again."""
    for name in sorted(work.base.noted):
        document = work.document(name)
        if document is not None and document.held is not None:
            work.documents[name] = replace(document, held=None)


def _withdrawn(row: Row) -> Row:
    return replace(row, withdrawn="rolled back") if row.state != QUARANTINED else row
