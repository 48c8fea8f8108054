# SPDX-License-Identifier: BSD-3-Clause
"""Small faults for C sources, each made at a place that clang's syntax tree names."""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

# What replaces an operator; boundaries rather than opposites, as those are what tests miss.
BINARY = {
    "<": "<=",
    "<=": "<",
    ">": ">=",
    ">=": ">",
    "==": "!=",
    "!=": "==",
    "+": "-",
    "-": "+",
    "*": "/",
    "/": "*",
    "%": "*",
    "&&": "||",
    "||": "&&",
    "&": "|",
    "|": "&",
    "<<": ">>",
    ">>": "<<",
}
COMPOUND = {"+=": "-=", "-=": "+=", "*=": "/=", "/=": "*=", "|=": "&=", "&=": "|="}
CALLS = {"fmin": "fmax", "fmax": "fmin"}
# Macros of check.h that are statements.
STATEMENT_MACRO = re.compile(r"\b(TRY|REQUIRE[A-Z_]*)\(")


@dataclass(frozen=True)
class Mutant:
    """A replacement of some bytes of a file."""

    file: str  # relative to the root
    start: int
    end: int
    text: str
    operator: str
    line: int
    before: str  # the line, or where more than one changes, all of them
    after: str

    @property
    def key(self):
        """What names the mutant where lines have moved."""
        return self.file, self.before, self.after


class Source:
    """A file's text, and what lies in it where."""

    def __init__(self, root, path):
        self.name = str(path.relative_to(root))
        self.text = path.read_bytes().decode("ascii")

    def closing(self, at):
        """Past the parenthesis that closes the one at `at`."""
        depth = 0
        for place in self._code(at):
            depth += {"(": 1, ")": -1}.get(self.text[place], 0)
            if depth == 0:
                return place + 1
        raise ValueError(f"{self.name}: nothing closes the parenthesis at byte {at}")

    def semicolon(self, at):
        """Where the statement at `at` ends; None if it is a block."""
        depth = 0
        for place in self._code(at):
            char = self.text[place]
            depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(char, 0)
            if depth < 0:
                return None
            if depth == 0 and char == ";":
                return place
        return None

    def _code(self, at):
        """Places of what is no literal of characters."""
        while at < len(self.text):
            char = self.text[at]
            if char in "\"'":
                at += 1
                while self.text[at] != char:
                    at += 2 if self.text[at] == "\\" else 1
            else:
                yield at
            at += 1

    def mutant(self, start, end, text, operator):
        first = self.text.rfind("\n", 0, start) + 1
        last = self.text.find("\n", end)
        before, after = self.text[first:last], self.text[first:start] + text + self.text[end:last]
        line = self.text.count("\n", 0, start) + 1
        squeezed = (" ".join(lines.split()) for lines in (before, after))
        return Mutant(self.name, start, end, text, operator, line, *squeezed)


class Walker:
    """Walks clang's tree of one translation unit and collects the mutants of the files below a folder."""

    def __init__(self, root, folder):
        self.root, self.folder = root, folder
        self.sources = {}
        self.file = None
        self.found = {}

    # The tree tells a place's file only where it differs from the one told last.
    def _bare(self, place):
        self.file = place.get("file", self.file)
        if "offset" in place:
            place["file"] = self.file

    def _place(self, place):
        if "spellingLoc" in place:
            for which in ("spellingLoc", "expansionLoc"):
                self._bare(place[which])
        else:
            self._bare(place)

    def resolve(self, node):
        for key, value in node.items():
            if key == "loc":
                self._place(value)
            elif key == "range":
                self._place(value["begin"])
                self._place(value["end"])
            elif key == "inner":
                for child in value:
                    self.resolve(child)

    def source(self, place):
        """The source that a place is in, if it is one of ours."""
        name = place.get("file")
        if name is None or "offset" not in place:
            return None
        if name not in self.sources:
            path = Path(name).resolve()
            ours = path.parent == self.folder and path.is_file()
            self.sources[name] = Source(self.root, path) if ours else None
        return self.sources[name]

    def add(self, source, start, end, text, operator):
        mutant = source.mutant(start, end, text, operator)
        self.found.setdefault((mutant.file, start, end, text), mutant)

    @staticmethod
    def _forms(place):
        """Where a macro's argument is spelled, or where the macro is used."""
        return [place[which] for which in ("spellingLoc", "expansionLoc") if which in place] or [place]

    def _token(self, node, where="begin"):
        """The source and the bytes of a node's first or last token, as it is spelled."""
        place = self._forms(node["range"][where])[0]
        source = self.source(place)
        return (source, place["offset"], place["offset"] + place["tokLen"]) if source else (None, 0, 0)

    def _between(self, left, right, expected):
        """The bytes of the operator between two operands."""
        for end in self._forms(left["range"]["end"]):
            for begin in self._forms(right["range"]["begin"]):
                source = self.source(end)
                if source is None or self.source(begin) is not source:
                    continue
                start = end["offset"] + end["tokLen"]
                if source.text[start : start + 1] == "(":
                    start = source.closing(start)
                found = re.fullmatch(r"\s*" + re.escape(expected) + r"\s*", source.text[start : begin["offset"]])
                if found:
                    at = start + source.text[start : begin["offset"]].index(expected)
                    return source, at, at + len(expected)
        return None

    # ---- operators ----

    def on_binary(self, node):
        table = COMPOUND if node["kind"] == "CompoundAssignOperator" else BINARY
        other = table.get(node["opcode"])
        place = self._between(*node["inner"], node["opcode"]) if other else None
        if place:
            self.add(*place, other, "operator")

    def on_unary(self, node):
        source, start, end = self._token(node)
        if source is None:
            return
        if node["opcode"] in ("!", "-", "~") and source.text[start:end] == node["opcode"]:
            self.add(source, start, end, "", "unary operator")

    def on_integer(self, node):
        source, start, end = self._token(node)
        number = re.fullmatch(r"(0[xX][0-9a-fA-F]+|\d+)([uUlL]*)", source.text[start:end]) if source else None
        if not number:
            return
        value, suffix = int(number[1], 0), number[2]
        for other in {value + 1, max(value - 1, 0)} - {value}:
            self.add(source, start, end, f"{other}{suffix}", "constant")

    def on_floating(self, node):
        source, start, end = self._token(node)
        if source and re.match(r"[0-9.]", source.text[start:end]):
            self.add(source, start, end, f"({source.text[start:end]} + 1)", "constant")

    def on_name(self, node):
        source, start, end = self._token(node)
        name = node["referencedDecl"].get("name", "")
        if source is None or source.text[start:end] != name:
            return
        if name.startswith("KLDSEL_ERROR_"):
            other = "MISMATCH" if name.endswith("INVALID_ARGUMENT") else "INVALID_ARGUMENT"
            self.add(source, start, end, f"KLDSEL_ERROR_{other}", "status")
        elif name in CALLS:
            self.add(source, start, end, CALLS[name], "call")
        elif node["referencedDecl"]["kind"] == "EnumConstantDecl" and name != "KLDSEL_OK":
            self.add(source, start, end, f"({name} + 1)", "constant")

    # ---- conditions and statements ----

    @staticmethod
    def _told_by_operator(condition):
        """Whether another operator negates the condition."""
        return condition.get("opcode") in ("==", "!=", "!")

    def on_if(self, node):
        source, start, end = self._token(node)
        if source is None or source.text[start:end] != "if":
            return
        begin = source.text.index("(", end)
        inside = slice(begin + 1, source.closing(begin) - 1)
        if not self._told_by_operator(node["inner"][0]):
            self.add(source, inside.start, inside.stop, f"!({source.text[inside]})", "condition")
        if not node.get("hasElse"):
            self.add(source, inside.start, inside.stop, "0", "condition")

    def on_choice(self, node):
        if self._told_by_operator(node["inner"][0]):
            return
        source, start, _ = self._token(node["inner"][0])
        last, _, end = self._token(node["inner"][0], "end")
        if source is None or last is not source or end <= start:
            return
        if source.text[end : end + 1] == "(":
            end = source.closing(end)
        self.add(source, start, end, f"!({source.text[start:end]})", "condition")

    def on_return(self, node):
        source, start, end = self._token(node)
        stop = source.semicolon(start) if source else None
        if not stop or source.text[start:end] != "return":
            return
        value = source.text[end:stop].strip()
        if value == "KLDSEL_OK":
            self.add(source, start, stop, "return KLDSEL_ERROR_MISMATCH", "result")
        elif value and value not in ("0", "0.0", "NULL"):
            self.add(source, start, stop, "return 0", "result")

    def on_statement(self, node):
        """Leaves out a statement without declarations or blocks."""
        for place in self._forms(node["range"]["begin"])[::-1]:
            source = self.source(place)
            if source is None:
                continue
            start = place["offset"]
            stop = source.semicolon(start)
            if stop and "{" not in source.text[start:stop]:
                self.add(source, start, stop, "", "statement")
                tried = source.text[start:stop]
                if tried.startswith("TRY("):
                    self.add(source, start, stop, "(void)" + tried[len("TRY") :], "status")
            return

    DELETABLE: ClassVar = {
        "BreakStmt",
        "CallExpr",
        "CompoundAssignOperator",
        "ContinueStmt",
        "DoStmt",
        "UnaryOperator",
    }
    HANDLERS: ClassVar = {
        "BinaryOperator": on_binary,
        "CompoundAssignOperator": on_binary,
        "UnaryOperator": on_unary,
        "IntegerLiteral": on_integer,
        "FloatingLiteral": on_floating,
        "DeclRefExpr": on_name,
        "IfStmt": on_if,
        "ConditionalOperator": on_choice,
        "ReturnStmt": on_return,
    }

    def _bodies(self, node):
        kind, inner = node.get("kind"), node.get("inner", [])
        if kind == "CompoundStmt":
            return inner
        if kind == "IfStmt":
            return inner[1:]
        return inner[-1:] if kind in ("ForStmt", "WhileStmt") else []

    def walk(self, node, in_code):
        kind = node.get("kind")
        if kind == "StaticAssertDecl":
            return
        in_code = in_code or kind in ("FunctionDecl", "VarDecl", "EnumConstantDecl")
        if in_code and kind in self.HANDLERS and "begin" in node.get("range", {}):
            self.HANDLERS[kind](self, node)
        if in_code:
            for child in self._bodies(node):
                assigns = child.get("kind") == "BinaryOperator" and child["opcode"] == "="
                if assigns or child.get("kind") in self.DELETABLE:
                    self.on_statement(child)
        for child in node.get("inner", []):
            self.walk(child, in_code)


def mutants_of(root, source, arguments):
    """The mutants of a C file and of the headers beside it, in the order of their places. The arguments are what
    the preprocessor is to know."""
    command = ["clang", "-w", "-fsyntax-only", "-Xclang", "-ast-dump=json", *arguments, str(source)]
    tree = json.loads(subprocess.run(command, cwd=root, stdout=subprocess.PIPE, check=False).stdout)
    walker = Walker(root, source.parent)
    walker.resolve(tree)
    walker.walk(tree, in_code=False)
    return sorted(walker.found.values(), key=lambda one: (one.file, one.start, one.end, one.text))
