"""A step of one lander, traced and written as a program in C that flies a whole batch: blocks of lanes, each for many ticks."""

from collections import defaultdict
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import jax
import numpy as np

from perilune.lanes.values import LANE_TYPES, SHARED_TYPES, Element, Table, Value, arranged, kind_of, memory
from perilune.lanes.vocabulary import TRANSLATOR
from perilune.lanes.writer import Ledger, Writer, widened

# Longer arrays stay where they are, and are read by index only.
TABLE_MIN = 4096


def program(step: Callable[..., list[Any]], shared: list[Any], own: list[Any], state: list[Any], axis: str) -> str:
    """C that flies `step(shared, own, state, tick)`, which gives the leaves of the next state; leaves are given as shapes, of one lander.

    Raises `Untranslated` for an operation that there are no words for. `axis` is the name of the batch, which is here of one.
    """
    closed = jax.make_jaxpr(step, axis_env=[(axis, 1)])(shared, own, state, jax.ShapeDtypeStruct((), np.int64))
    writer = Writer(Ledger())
    operands = [
        *(_shared(f"S->s{i}", leaf) for i, leaf in enumerate(shared)),
        *(memory(f"O->o{i}", leaf.shape, kind_of(leaf.dtype), True) for i, leaf in enumerate(own)),
        *(memory(f"X->x{i}", leaf.shape, kind_of(leaf.dtype), True) for i, leaf in enumerate(state)),
        arranged([Element("T->tick", "i64")], (), "i64"),
    ]
    results = TRANSLATOR.evaluate(writer, closed, operands)
    return _text(writer, _stores(writer, results), (shared, own, state))


def _shared(base: str, leaf: Any) -> Value | Table:
    kind = kind_of(leaf.dtype)
    if leaf.size >= TABLE_MIN:
        return Table(base, kind, leaf.shape)
    return memory(base, leaf.shape, kind, False)


def _text(writer: Writer, stores: list[str], leaves: tuple[list[Any], list[Any], list[Any]]) -> str:
    shared, own, state = leaves
    parts = [
        files("perilune.lanes").joinpath("prelude.h").read_text(encoding="utf-8"),
        _struct("shared", [(_shared_type(leaf), f"s{i}", 0 if leaf.size >= TABLE_MIN else leaf.size) for i, leaf in enumerate(shared)]),
        _struct("own", [(LANE_TYPES[kind_of(leaf.dtype)], f"o{i}", leaf.size) for i, leaf in enumerate(own)]),
        _struct("state", [(LANE_TYPES[kind_of(leaf.dtype)], f"x{i}", leaf.size) for i, leaf in enumerate(state)]),
        _struct("tick", [("int64_t", "tick", 0), *writer.ledger.per_tick]),
        "static void every(const struct shared *restrict S, struct tick *restrict T)\n{\n" + "\n".join(writer.tick_lines) + "\n}\n",
        "static void block(const struct shared *restrict S, const struct tick *restrict T, const struct own *restrict O, "
        "struct state *restrict X)\n{\n" + "\n".join([*writer.lines, *stores]) + "\n}\n",
        _carriers("own", "o", own),
        _carriers("state", "x", state),
        FLY,
    ]
    return "\n".join(parts)


def _stores(writer: Writer, results: list[Any]) -> list[str]:
    """After all has been read. What is new in some lanes only is not written where it is new in none, nor blended where it is in all."""
    early: list[str] = []
    plain: list[str] = []
    flagged: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for place, element in _changed(results):
        to = f"{place[0]}[{place[1]}]"
        flag, yes, no = writer.ledger.choices.get(element.text, (None, element, element))
        if flag is not None and no.place == place and place not in writer.ledger.changed_in_place:
            flagged[flag.text].append((to, _apart(writer, yes, early), element.kind))
        else:
            plain.append(f"{to} = {_apart(writer, element, early)};")
    return [*early, *plain, *(line for flag, rows in flagged.items() for line in _where(flag, rows))]


def _changed(results: list[Any]) -> list[tuple[tuple[str, int], Element]]:
    """Places of the state and what comes there; what did not change is there already."""
    placed = [((f"X->x{i}", k), e) for i, result in enumerate(results) for k, e in enumerate(result.flat())]
    return [(place, element) for place, element in placed if element.place != place]


def _where(flag: str, rows: list[tuple[str, str, str]]) -> list[str]:
    some = [f"{to} = SELECT_{kind}({flag}, {new}, {to});" for to, new, kind in rows]
    every = [f"{to} = {new};" for to, new, _ in rows]
    return [f"if (ANY(NOT({flag}))) {{", f"if (ANY({flag})) {{", *some, "}", "} else {", *every, "}"]


def _apart(writer: Writer, element: Element, early: list[str]) -> str:
    """What moves from one place of the state to another waits in a name of its own."""
    if element.place is None or not element.place[0].startswith("X->"):
        return widened(element)
    name = writer.ledger.fresh("t")
    early.append(f"const {LANE_TYPES[element.kind]} {name} = {element.text};")
    return name


def _shared_type(leaf: Any) -> str:
    type_ = SHARED_TYPES[kind_of(leaf.dtype)]
    return f"const {type_} *" if leaf.size >= TABLE_MIN else type_


def _struct(name: str, members: list[tuple[str, str, int]]) -> str:
    rows = [f"    {type_} {member}{f'[{size}]' if size else ''};" for type_, member, size in members]
    return "\n".join([f"struct {name} {{", *rows, "};\n"])


def _carriers(name: str, letter: str, leaves: list[Any]) -> str:
    kinds = [kind_of(leaf.dtype) for leaf in leaves]
    take = [
        f"    TAKE_{kind}(to->{letter}{i}, from[{i}], {leaf.size}, who);" for i, (leaf, kind) in enumerate(zip(leaves, kinds, strict=True))
    ]
    give = [
        f"    GIVE_{kind}(to[{i}], from->{letter}{i}, {leaf.size}, who, landers);"
        for i, (leaf, kind) in enumerate(zip(leaves, kinds, strict=True))
    ]
    taking = [f"static void take_{name}(struct {name} *to, void *const *from, const int64_t *who)", "{", *take, "}"]
    giving = [f"static void give_{name}(void *const *to, const struct {name} *from, const int64_t *who, int landers)", "{", *give, "}"]
    return "\n".join([*taking, *(giving if name == "state" else []), ""])


FLY = """
/* The landers `who` fly `ticks` ticks, block by block; `during` is room for what the ticks share. */
void fly(const struct shared *S, void *const *own, void *const *state, const int64_t *who, long landers, int64_t first, long ticks,
         struct tick *during)
{
    for (long t = 0; t < ticks; t++) {
        during[t].tick = first + t;
        every(S, during + t);
    }
    for (long b = 0; b < landers; b += LANES) {
        struct own O;
        struct state X;
        int64_t mine[LANES];
        int here = landers - b < LANES ? (int)(landers - b) : LANES;
        EACH_LANE mine[l] = who[b + (l < here ? l : 0)];
        take_own(&O, own, mine);
        take_state(&X, state, mine);
        for (long t = 0; t < ticks; t++) block(S, during + t, &O, &X);
        give_state(state, &X, mine, here);
    }
}
long size_of_tick(void) { return (long)sizeof(struct tick); }
long size_of_shared(void) { return (long)sizeof(struct shared); }
"""
