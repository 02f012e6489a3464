"""`node` and `nodes`: anything by its id."""

from typing import Annotated, Any

import strawberry

from db.errors import FlowkeepError, InvalidInput
from graph.auth.scopes import READ
from graph.context import Info
from graph.ids import Kind, decode
from graph.nodes import Node, load_node, load_nodes

MOST_NODES = 500

Id = Annotated[strawberry.ID, strawberry.argument(description="The id, as any field `id` gave it.")]
Ids = Annotated[list[strawberry.ID], strawberry.argument(description="The ids; at most 500.")]


@strawberry.type
class NodeQueries:
    @strawberry.field(
        description="Anything by its id; an error where there is nothing with it.", directives=[READ]
    )
    async def node(self, info: Info, id: Id) -> Node | None:
        """One statement for all `node` fields of the document that name the same type."""
        return await load_node(info, *decode(id))

    @strawberry.field(
        description="Things by their ids, in their order; null with an error for each that is missing.",
        directives=[READ],
    )
    async def nodes(self, info: Info, ids: Ids) -> list[Node | None] | None:
        """One statement for each type among the ids."""
        if len(ids) > MOST_NODES:
            raise InvalidInput(f"`ids` can hold at most {MOST_NODES} ids; it held {len(ids)}.")
        return await _all(info, ids)


async def _all(info: Info, ids: list[strawberry.ID]) -> list[Any]:
    """An exception in a list is that item's error, and goes on with the others."""
    found: list[Any] = []
    places: dict[Kind, list[int]] = {}
    for at, id in enumerate(ids):
        try:
            kind, key = decode(id)
        except FlowkeepError as error:
            found.append(error)
        else:
            found.append(key)
            places.setdefault(kind, []).append(at)
    for kind, own in places.items():
        nodes = await load_nodes(info, kind, [found[at] for at in own])
        for at, node in zip(own, nodes, strict=True):
            found[at] = node
    return found
