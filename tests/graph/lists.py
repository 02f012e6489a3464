"""Reading any list of the API in tests: one document a list, every argument a variable."""

from dataclasses import dataclass
from typing import Any

from tests.client import Client

_ARGUMENTS = {"first": "Int", "after": "String", "last": "Int", "before": "String"}
_PAGE = "edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"


@dataclass(frozen=True)
class Listing:
    """A list by its field's name: a root field, or a field of the node with the id `parent`."""

    field: str
    kind: str
    parent: str | None = None
    parent_type: str = "Execution"
    inside: str = ""

    def document(self, selection: str = _PAGE) -> str:
        """The document that reads a page."""
        types = {**_ARGUMENTS, "filter": f"{self.kind}Filter", "orderBy": f"{self._order()}Order"}
        declared = ", ".join(f"${name}: {kind}" for name, kind in types.items())
        passed = ", ".join(f"{name}: ${name}" for name in types)
        page = f"list: {self.field}({passed}) {{ {selection} }}"
        if self.inside:
            page = f"{self.inside} {{ {page} }}"
        if self.parent is not None:
            page = f'node(id: "{self.parent}") {{ ... on {self.parent_type} {{ {page} }} }}'
        return f"query ({declared}) {{ {page} }}"

    async def read(self, client: Client, selection: str = _PAGE, **arguments: Any) -> dict[str, Any]:
        """The connection that the arguments ask for."""
        answer = await client.ask(self.document(selection), **arguments)
        while "list" not in answer:
            (answer,) = answer.values()
        page: dict[str, Any] = answer["list"]
        return page

    async def ids(self, client: Client, **arguments: Any) -> list[str]:
        """The ids of the page, in order."""
        return [node["id"] for node in (await self.read(client, "nodes { id }", **arguments))["nodes"]]

    def _order(self) -> str:
        return self.kind if self.kind in ("Execution", "Workflow", "Step", "Log", "Hold") else "Seq"
