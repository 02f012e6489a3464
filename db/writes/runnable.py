"""The workflows that executions are created of, as this process saw them last.

As with `recent.py` nothing is believed: an execution is created on the condition that its workflow's row is
still the one that was seen, and that no newer version is there where the newest was asked for.
"""

import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from db.writes.recent import SECONDS
from db.writes.rows import Held

_MOST = 1000
_HELD = """
SELECT FROM json_to_recordset({given}) AS g(id uuid, row_version text, newest_of text, keys json)
JOIN workflows w ON w.id = g.id
WHERE w.xmin = g.row_version::xid
  AND (g.newest_of IS NULL OR NOT EXISTS (
      SELECT FROM workflows n WHERE n.name = g.newest_of AND n.id > g.id))
  AND NOT EXISTS (SELECT FROM json_array_elements_text(g.keys) AS k(key), LATERAL (
      SELECT FROM idempotency_keys i WHERE i.key = k.key LIMIT 1) i)
FOR SHARE OF w SKIP LOCKED
"""


class WorkflowRef(NamedTuple):
    """A workflow by its key, or by name and version; without a version the newest of that name."""

    key: UUID | None
    name: str | None = None
    version: str | None = None

    @property
    def shown(self) -> str:
        """What messages call it."""
        if self.key is not None:
            return f"wf_{self.key.hex}"
        return repr(self.name) if self.version is None else f"{self.name!r} in version {self.version!r}"


@dataclass(frozen=True, slots=True)
class Runnable:
    """A workflow as it was seen, `now` by the database's clock.

    `row_version` tells whether its row is still the same: the transaction that wrote it (`xmin`).
    """

    workflow_id: UUID
    row_version: int
    status: str
    priority: str
    now: datetime


class Workflows:
    """The workflows that were seen last, each by what it was asked for as."""

    def __init__(self) -> None:
        self._seen: OrderedDict[WorkflowRef, tuple[Runnable, float]] = OrderedDict()

    def recall(self, ref: WorkflowRef) -> Runnable | None:
        """As it was seen, by the time that it is now; None where that takes a look."""
        if (found := self._seen.get(ref)) is None or (elapsed := time.monotonic() - found[1]) > SECONDS:
            return None
        return replace(found[0], now=found[0].now + timedelta(seconds=elapsed))

    def keep(self, ref: WorkflowRef, seen: Runnable) -> None:
        """It was just seen so."""
        self._seen.pop(ref, None)
        self._seen[ref] = seen, time.monotonic()
        if len(self._seen) > _MOST:
            self._seen.popitem(last=False)

    def forget(self, refs: Iterable[WorkflowRef]) -> None:
        """They are not as they were seen."""
        for ref in refs:
            self._seen.pop(ref, None)


def held(seen: Mapping[WorkflowRef, Runnable], keys: Mapping[WorkflowRef, Iterable[str]]) -> Held:
    """The workflows as they were seen, and none of the idempotency keys of their new executions used."""
    given: list[Mapping[str, Any]] = [
        {
            "id": runnable.workflow_id,
            "row_version": runnable.row_version,
            "newest_of": ref.name if ref.key is None and ref.version is None else None,
            "keys": list(keys.get(ref, ())),
        }
        for ref, runnable in seen.items()
    ]
    return Held(_HELD, given)
