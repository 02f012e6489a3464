"""`node` and `nodes`: anything by its id."""

from asyncio import gather
from typing import Annotated, Any

import strawberry

from db.errors import FlowkeepError, InvalidInput
from graph.auth.scopes import READ
from graph.context import Info
from graph.ids import decode
from graph.nodes import Node, load_node

MOST_NODES = 500

Id = Annotated[strawberry.ID, strawberry.argument(description="The id, as any field `id` gave it.")]
Ids = Annotated[list[strawberry.ID], strawberry.argument(description="The ids; at most 500.")]


@strawberry.type
class NodeQueries:
    """Part of the root."""

    @strawberry.field(
        description="Anything by its id; an error where there is nothing with it.", directives=[READ]
    )
    async def node(self, info: Info, id: Id) -> Node | None:
        """One statement for all `node` fields of the document that name the same type."""
        node: Node = await load_node(info, *decode(id))
        return node

    @strawberry.field(
        description="Things by their ids, in their order; null with an error for each that is missing.",
        directives=[READ],
    )
    async def nodes(self, info: Info, ids: Ids) -> list[Node | None] | None:
        """One statement for each type among the ids."""
        if len(ids) > MOST_NODES:
            raise InvalidInput(f"`ids` can hold at most {MOST_NODES} ids; it held {len(ids)}.")
        return list(await gather(*(_one(info, id) for id in ids)))


async def _one(info: Info, id: str) -> Any:
    # graphql-core takes an exception in a list as that item's error, and goes on with the others.
    try:
        return await load_node(info, *decode(id))
    except FlowkeepError as error:
        return error
