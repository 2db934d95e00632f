"""What tests before a place say of a name there: `isinstance`, around it or leaving before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.refactoring.values import NOTHING, ClassValue, InstanceValue, Place, Values, place

if TYPE_CHECKING:
    from server.refactoring.inference import Inference

_LEAVES = {"return_statement", "raise_statement", "continue_statement", "break_statement"}
_TESTS = {b"isinstance", b"type"}
_ENDS = {"function_definition", "class_definition", "lambda"}


class Narrowing:
    """Reads tests for one `Inference`."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference

    def at(self, name: bytes, at: Place) -> Values:
        """Return the instances that a test vouches for, of a name or a dotted path; or nothing."""
        if not at.file.words & _TESTS or b"(" in name:
            return NOTHING
        chain = at.chain
        for depth in range(len(chain) - 2, -1, -1):
            around = place(at.file, chain[: depth + 1])
            if around.kind in _ENDS:
                return NOTHING
            found = self._around(around, name, at)
            if not found and around.kind in {"block", "module"}:
                found = self._before(around, chain[depth + 1].start_byte, name)
            if found:
                return found
        return NOTHING

    def _around(self, branch: Place, name: bytes, at: Place) -> Values:
        match branch.kind:
            case "if_statement" | "elif_clause":
                test, guarded = branch.field("condition"), branch.field("consequence")
            case "while_statement":
                test, guarded = branch.field("condition"), branch.field("body")
            case "boolean_operator":
                operator = branch.field("operator")
                if operator is None or operator.text != b"and":
                    return NOTHING
                test, guarded = branch.field("left"), branch.field("right")
            case "conditional_expression":
                pieces = list(branch.children())
                test, guarded = pieces[1], pieces[0]
            case _:
                return NOTHING
        if test is None or guarded is None or not guarded.start <= at.start < guarded.end:
            return NOTHING
        return self._tested(test, name)

    def _before(self, block: Place, start: int, name: bytes) -> Values:
        """Read the statements of a block that end before `start`, the last first."""
        before = [one for one in block.node.named_children if one.end_byte <= start]
        for node in reversed(before):
            if node.type == "assert_statement":
                test = next(block.below(node).children(), None)
                found = NOTHING if test is None else self._tested(test, name)
            elif node.type == "if_statement":
                found = self._left(block.below(node), name)
            else:
                continue
            if found:
                return found
        return NOTHING

    def _left(self, branch: Place, name: bytes) -> Values:
        """Read `if not isinstance(name, …): return`."""
        test, body = branch.field("condition"), branch.field("consequence")
        if test is None or body is None or branch.field("alternative") is not None:
            return NOTHING
        if test.kind != "not_operator" or not body.node.named_children:
            return NOTHING
        inner = test.field("argument")
        if inner is not None and inner.kind == "parenthesized_expression":
            inner = next(inner.children(), None)
        if inner is None or body.node.named_children[-1].type not in _LEAVES:
            return NOTHING
        return self._isinstance(inner, name)

    def _tested(self, test: Place, name: bytes) -> Values:
        if test.kind == "parenthesized_expression":
            inner = next(test.children(), None)
            return NOTHING if inner is None else self._tested(inner, name)
        if test.kind == "boolean_operator":
            operator = test.field("operator")
            if operator is None or operator.text != b"and":
                return NOTHING
            for side in (test.field("left"), test.field("right")):
                found = NOTHING if side is None else self._tested(side, name)
                if found:
                    return found
            return NOTHING
        return self._isinstance(test, name)

    def _is_type(self, test: Place, name: bytes) -> Values:
        """Read `type(name) is Class`, `type(name) == Class`, `type(name) in (…)`."""
        pieces = list(test.children())
        if len(pieces) != 2 or pieces[0].text.replace(b" ", b"") != b"type(" + name + b")":
            return NOTHING
        operators = {one.type for one in test.node.children if not one.is_named}
        return self._classes(pieces[1]) if operators <= {"is", "==", "in"} else NOTHING

    def _isinstance(self, test: Place, name: bytes) -> Values:
        if test.kind == "comparison_operator":
            return self._is_type(test, name)
        function, arguments = test.field("function"), test.field("arguments")
        if test.kind != "call" or function is None or function.text != b"isinstance":
            return NOTHING
        pieces = list(arguments.children()) if arguments is not None else []
        if len(pieces) != 2 or pieces[0].text != name:
            return NOTHING
        return self._classes(pieces[1])

    def _classes(self, named: Place) -> Values:
        listed = named.kind in {"tuple", "list", "set"}
        wanted = list(named.children()) if listed else [named]
        return frozenset(
            InstanceValue(one)
            for piece in wanted
            for one in self._inference.evaluate(piece)
            if isinstance(one, ClassValue)
        )
