"""Does every statement stay in one book? A small reader of SQL that finds tables and the books they are held to.

    unfiltered(sql)          the tables in the statement whose rows may be of any book
    with watching(engine) as strays: ...      every statement of the engine's connections, and those that stray

A table is held to one book where its `book_id` equals a value, or the `book_id` of a table that is. That is what lets
a database of many machines send each statement to the one that has the book. Statements of triggers are not seen: they
compare with the row that was written.
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
import sqlalchemy as sa

from ledger.storage.base import metadata

_TOKEN = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | %\(\w+\)s(?:::[\w\[\]]+)? | %s | \?\d* | :\w+ | \$\d+ | [A-Za-z_][\w$]*
    | \d+ | <> | [<>!]= | :: | [^\s\w]""",
    re.VERBOSE,
)
_VALUE = re.compile(r"'|%|\?|:\w|\$\d")
_AFTER_TABLES = {"WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "SET", "RETURNING", "VALUES", "FOR", "SELECT"}
_NO_ALIAS = _AFTER_TABLES | {
    "ON", "JOIN", "LEFT", "RIGHT", "INNER", "OUTER", "CROSS", "FULL", "USING", "INDEXED", "UNION", "EXCEPT",
    "INTERSECT", "FROM", "WINDOW", "OFFSET", "DEFAULT", "DO",
}  # fmt: skip


@dataclass
class _Scope:
    """One SELECT, UPDATE, DELETE or INSERT: its tables by the name they go by, and the scope around it."""

    outer: "_Scope | None"
    tables: dict[str, str] = field(default_factory=dict)
    inner: dict[int, "_Scope"] = field(default_factory=dict)
    derived: dict[str, "_Scope"] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    joined: list[tuple[tuple[int, str], tuple[int, str]]] = field(default_factory=list)
    held: set[tuple[int, str]] = field(default_factory=set)

    def find(self, name: str | None) -> list[tuple[int, str]]:
        """The tables that `name.book_id` speaks of; without a name, those of this scope."""
        if name is None:
            return [(id(self), alias) for alias in self.tables]
        scope: _Scope | None = self
        while scope is not None and name not in scope.tables and name not in scope.derived:
            scope = scope.outer
        if scope is not None and name in scope.derived:  # the rows of a SELECT in brackets, by the name given to them
            return scope.derived[name].find(None)
        return [] if scope is None else [(id(scope), name)]


def unfiltered(sql: str) -> list[str]:
    """The tables of the statement that are not held to one book; for an INSERT, those that name no book."""
    scopes: list[_Scope] = []
    _read(_TOKEN.findall(sql), 0, None, scopes)
    strays = [table for scope in scopes for table in _inserted_without_book(scope)]
    for scope in scopes:
        _read_tables(scope)
    for scope in scopes:
        _read_equalities(scope)
    held = {table for scope in scopes for table in scope.held}
    joined = [pair for scope in scopes for pair in scope.joined]
    growing = True
    while growing:
        more = {a for pair in joined for a in pair if held & set(pair)} - held
        held |= more
        growing = bool(more)
    for scope in scopes:
        strays += [table for alias, table in scope.tables.items() if (id(scope), alias) not in held]
    return strays


def _read(tokens: list[str], at: int, outer: _Scope | None, scopes: list[_Scope]) -> int:
    """Split the tokens into scopes: one for each SELECT in brackets, and one for each part of a UNION."""
    scope = _Scope(outer)
    scopes.append(scope)
    depth = 0
    while at < len(tokens):
        token = tokens[at]
        if token == "(" and tokens[at + 1 : at + 2] and tokens[at + 1].upper() in {"SELECT", "WITH"}:
            place = len(scopes)
            at = _read(tokens, at + 1, scope, scopes)
            scope.tokens += ["(", ")"]
            scope.inner[len(scope.tokens) - 1] = scopes[place]
        elif token == ")" and depth == 0:
            return at + 1
        elif token.upper() in {"UNION", "EXCEPT", "INTERSECT"}:
            scope = _Scope(outer)
            scopes.append(scope)
            at += 1
        else:
            depth += {"(": 1, ")": -1}.get(token, 0)
            scope.tokens.append(token)
            at += 1
    return at


def _read_tables(scope: _Scope) -> None:
    """Names after FROM, JOIN and UPDATE, and after the commas between them."""
    tokens, listing, expected, depth = scope.tokens, -1, False, 0
    for at, token in enumerate(tokens):
        word = token.upper()
        depth += {"(": 1, ")": -1}.get(token, 0)
        if at in scope.inner:
            scope.derived[_alias(tokens, at)] = scope.inner[at]
        if word in {"FROM", "JOIN"} or (word == "UPDATE" and at == 0):
            listing, expected = depth, True
        elif word in _AFTER_TABLES:
            listing, expected = -1, False
        elif token == "," and depth == listing:
            expected = True
        elif expected and word not in {"ONLY", "LATERAL", "("}:
            expected = False
            if _bare(token) in metadata.tables and tokens[at + 1 : at + 2] != ["("]:
                scope.tables[_alias(tokens, at)] = _bare(token)


def _alias(tokens: list[str], at: int) -> str:
    following = [*tokens[at + 1 : at + 3], "", ""]
    name = following[1] if following[0].upper() == "AS" else following[0]
    is_alias = re.fullmatch(r"[A-Za-z_]\w*|\".*\"", name) and name.upper() not in _NO_ALIAS
    return _bare(name) if is_alias else _bare(tokens[at])


def _read_equalities(scope: _Scope) -> None:
    tokens = scope.tokens
    for at, token in enumerate(tokens):
        if token != "=":
            continue
        left, right = _side_before(tokens, at), _side_after(tokens, at)
        for one, other in ((left, right), (right, left)):
            if one is None or "book_id" not in one:
                continue
            speaks_of = scope.find(one[0] if len(one) > 1 else None)
            if other is not None and other[-1] == "book_id":
                scope.joined += [(a, b) for a in speaks_of for b in scope.find(other[0] if len(other) > 1 else None)]
            elif other is not None and _VALUE.match(other[0]):
                scope.held.update(speaks_of)


def _side_before(tokens: list[str], at: int) -> list[str] | None:
    if at >= 3 and tokens[at - 2] == ".":
        return [_bare(tokens[at - 3]), _bare(tokens[at - 1])]
    return [_bare(tokens[at - 1])] if at else None


def _side_after(tokens: list[str], at: int) -> list[str] | None:
    following = tokens[at + 1 : at + 4]
    if len(following) == 3 and following[1] == ".":
        return [_bare(following[0]), _bare(following[2])]
    return [_bare(following[0])] if following else None


def _inserted_without_book(scope: _Scope) -> list[str]:
    tokens = scope.tokens
    if [t.upper() for t in tokens[:2]] != ["INSERT", "INTO"] or _bare(tokens[2]) not in metadata.tables:
        return []
    columns = [_bare(t) for t in tokens[3 : tokens.index(")")]]
    return [] if columns[:1] == ["("] and "book_id" in columns else [_bare(tokens[2])]


def _bare(token: str) -> str:
    return token.strip('"')


@contextmanager
def watching(*engines: sa.Engine) -> Iterator[list[str]]:
    """Collects the statements that stray on connections opened meanwhile; the engines begin with new ones."""
    strays: list[str] = []
    seen: set[str] = set()

    def check(sql: str) -> None:
        shape = re.sub(r"'(?:[^']|'')*'", "''", sql)
        if shape not in seen and not sql.startswith("--"):  # SQLite shows what its triggers do as remarks
            seen.add(shape)
            strays.extend(f"{table}: {sql[:500]}" for table in unfiltered(sql))

    def connect(connection: Any, _record: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.set_trace_callback(check)
        else:
            connection.cursor_factory = _checking_cursor(check)

    for engine in engines:
        engine.dispose()
        sa.event.listen(engine, "connect", connect)
    yield strays
    for engine in engines:
        sa.event.remove(engine, "connect", connect)
        engine.dispose()
    assert len(seen) > 10  # something was watched


def _checking_cursor(check: Any) -> type[psycopg.Cursor[Any]]:
    class Cursor(psycopg.Cursor[Any]):
        def execute(self, query: Any, *args: Any, **options: Any) -> Any:
            check(str(query))
            return super().execute(query, *args, **options)

        def executemany(self, query: Any, *args: Any, **options: Any) -> None:
            check(str(query))
            super().executemany(query, *args, **options)

    return Cursor
