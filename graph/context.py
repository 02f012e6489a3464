"""What every resolver can reach: the database, the limits, who asks, and this operation's loaders."""

from dataclasses import dataclass, field

from strawberry.types import Info as StrawberryInfo

from db.engine import Database
from db.meter import Budget
from db.replica import Replica, View
from graph.auth.principals import Principal
from graph.background import Background
from graph.limits import Limits
from graph.live.tailer import Tailer
from graph.loaders import Loaders


@dataclass
class Context:
    """Made anew for every operation, so that a loader never answers from an earlier one's cache."""

    database: Database
    limits: Limits
    principal: Principal
    following: Tailer
    background: Background
    writes: bool = False
    replica: Replica | None = None
    view: View | None = None
    budget: Budget = field(init=False)
    loaders: Loaders = field(init=False)

    def __post_init__(self) -> None:
        self.budget = self.database.budget(self.limits.answer_bytes)
        self.renew()

    @property
    def actor(self) -> str:
        """Who did it, for the history."""
        return self.principal.name

    def renew(self) -> None:
        """Forget what was loaded: a write may have changed it."""
        self.loaders = Loaders(
            self.database,
            self.view,
            self.limits.rows,
            self.principal.key,
            self.budget,
            for_write=self.writes,
        )


Info = StrawberryInfo[Context, None]
