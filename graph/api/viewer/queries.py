"""The query for who asks."""

import strawberry

from graph.api.viewer.types import Viewer
from graph.context import Info


@strawberry.type
class ViewerQueries:
    """Fields of the root query."""

    @strawberry.field(description="Who asks: to know beforehand what would be refused.")
    def viewer(self, info: Info) -> Viewer:
        """Known since the operation began."""
        return Viewer.of(info.context.principal)
