"""Which variables an operation uses where."""

from typing import Any

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    Node,
    OperationDefinitionNode,
    VariableNode,
    Visitor,
    visit,
)


class _Names(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        self.names.add(node.name.value)


class _Conditions(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        looking = _Names()
        visit(node, looking)
        self.names |= looking.names


def condition_variables(document: DocumentNode) -> tuple[str, ...]:
    """The variables that directives of the document use: they decide which fields an answer has."""
    conditions = _Conditions()
    visit(document, conditions)
    return tuple(sorted(conditions.names))


def nested_variables(document: DocumentNode, operation: OperationDefinitionNode) -> frozenset[str]:
    """The variables that are used elsewhere than in the arguments of the operation's root fields.

    Every fragment of the document counts: too many names only make two answers differ that need not.
    """
    looked_at: list[Node] = [node for node in document.definitions if node is not operation]
    looked_at = [node for node in looked_at if not isinstance(node, OperationDefinitionNode)]
    for selection in operation.selection_set.selections:
        looked_at.extend(selection.directives or ())
        if not isinstance(selection, FieldNode):
            looked_at.append(selection)
        elif selection.selection_set:
            looked_at.append(selection.selection_set)
    names = _Names()
    for node in looked_at:
        visit(node, names)
    return frozenset(names.names)
