"""The scope that a field needs, declared on the field itself and shown in the schema.

What reads or writes the database says so, and so does what tells of a row more than which one it is and how
it stands: a mutation's payload shows its row to who may write but not read.
A document is refused as a whole, before anything of it runs, when the caller lacks a scope that one of its
fields needs.
"""

import strawberry
from graphql import GraphQLField
from strawberry.schema_directive import Location

from graph.enums import Scope
from graph.private import definition_of


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    description="The scope that a caller needs to select this field, where authentication is on.",
)
class Requires:
    """A declaration on a field."""

    scope: Scope = strawberry.directive_field("scope")


READ = Requires(scope=Scope.READ)
WRITE = Requires(scope=Scope.WRITE)
ADMIN = Requires(scope=Scope.ADMIN)


def scope_of(definition: GraphQLField) -> Scope | None:
    """The scope that a field declares; None for one that declares none."""
    for directive in getattr(definition_of(definition), "directives", ()):
        if isinstance(directive, Requires):
            return directive.scope
    return None
