"""The API's read-only view of the bucket: a loader feeds a local file, and everybody else reads that.

Values are in `skill` and `status`, the read side in `catalogue`. `loader` and `follow` are for the one
process that feeds the file; they cost more to import.
"""

from __future__ import annotations

from dynamic_api.catalogue.catalogue import Catalogue
from dynamic_api.catalogue.skill import Answer, Collection, Holder, Skill, Version
from dynamic_api.catalogue.status import Fault, Status
from registry_builder.emit.json_api import skill_id

__all__ = ["Answer", "Catalogue", "Collection", "Fault", "Holder", "Skill", "Status", "Version", "skill_id"]
