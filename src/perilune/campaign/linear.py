"""Linear covariance: the spread of a flight at its events, and who owes what of it, from one flight and its derivative.

**Model.** About the nominal flight (`nominal.py`) what is told at an event is linear in all that is drawn: start inputs, noise of each tick,
the heights of the ground that the beams meet. Backwards through the flight (`adjoint.py`) comes what each owes, and covariances add. An event is
taken where it falls between ticks, to first order; that ticks are 0.1 s apart is a uniform error of the event and of each change of mode.
**Invalid when** what is drawn changes which readings come, which gate refuses, which limit holds: `docs/campaigns.md` tells where that begins.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from perilune.campaign.adjoint import TO_SWITCH, Linear, Record, Sweep, draws_of, flown, swept
from perilune.campaign.inputs import inputs_of
from perilune.campaign.nominal import NAMES, WatchedModes
from perilune.campaign.relief_share import relief_share
from perilune.math.batching import of_one
from perilune.math.random import Given, Stream
from perilune.scenario.build import Flightplan, build
from perilune.scenario.disperse import fleet_of
from perilune.scenario.errors import ScenarioError
from perilune.scenario.load import load_lander
from perilune.sim import fly as sim
from perilune.sim.fly import CHUNK_TICKS
from perilune.sim.mission import Mission, MissionState, PhaseKind
from perilune.wire.telemetry import Mode

# Of its sigma: what the nominal flight has of each draw, so that nothing is nought exactly, where norms and limits have no derivative.
TINY = 1e-6
TOLD = (*NAMES[:TO_SWITCH], "met_s")
EVENTS = {"low gate": "to_switch", "first contact": "height_m"}  # and what falls through nought there


@dataclass(frozen=True)
class LinearEvent:
    """What is told at an event, `TOLD`: its nominal value, and the covariance that each source adds to it."""

    nominal: np.ndarray
    by_input: np.ndarray  # derivative to each start input, in sigmas of it [told, inputs]
    shares: dict[str, np.ndarray]  # covariance by source [told, told]

    @property
    def covariance(self) -> np.ndarray:
        return sum(self.shares.values(), np.zeros((len(TOLD), len(TOLD))))

    @property
    def sigma(self) -> np.ndarray:
        return np.sqrt(np.diag(self.covariance))


@dataclass(frozen=True)
class LinearCovariance:
    inputs: tuple[str, ...]
    events: dict[str, LinearEvent]


class History(NamedTuple):
    """Of the nominal flight, a row a tick, to first contact."""

    states: Any  # `MissionState`
    draws: Any
    tick: Any
    numbers: Any  # `NAMES`


def linear_covariance(mission: str | Path) -> LinearCovariance:
    """Of a mission that lands, from its last entry. Raises `ScenarioError` for one whose last entry has more than one powered phase."""
    return of_plan(build(load_lander(mission)))


def of_plan(plan: Flightplan) -> LinearCovariance:
    """Of a flight that is laid out: one coast and one powered phase."""
    if [phase.kind for phase in plan.phases[:-1]] != [PhaseKind.COAST, PhaseKind.POWERED]:
        raise ScenarioError("linear covariance wants one coast and one powered phase: take the mission's last entry")
    mission = _level(plan.mission)
    start = _Start(plan, mission)
    own, state, shared = start.begun(start.tiny)
    linear = Linear(shared, draws_of(eqx.combine(own, shared), state))
    history = _history(linear, own, state, plan)
    return _told(plan, start, linear, own, history)


def _level(mission: Mission) -> Mission:
    """On level ground, no faults, and its changes of mode watched."""
    mission = eqx.tree_at(lambda m: m.world.terrain.relief, mission, None)
    mission = eqx.tree_at(lambda m: m.fsw.modes, mission, WatchedModes(mission.fsw.modes, jnp.asarray(False)))
    return eqx.tree_at(lambda m: m.faults, mission, dataclasses.replace(mission.faults, kinds=frozenset()))


class _Start:
    """The flight to the first tick of its powered phase, as a function of the standard normal numbers that it is given."""

    def __init__(self, plan: Flightplan, mission: Mission):
        self.plan, self.mission = plan, mission
        self.orders = sim.nothing_new(fleet_of(mission, plan.spread, jnp.asarray([0])))
        inputs = inputs_of(plan)
        noted: dict[str, str] = {}
        ways = tuple(each.way for each in inputs)

        def note(way: str, law: str) -> None:
            noted.setdefault(way, law)

        jax.eval_shape(lambda standard: self._begun(standard, ways, note)[1], jnp.zeros(len(ways)))
        waking = tuple(way for way in noted if way not in ways)
        self.ways = (*ways, *waking)
        self.names = (*(each.name for each in inputs), *(way.replace("/", ".").replace(" ", "_") for way in waking))
        self.tiny = jnp.asarray(TINY * np.random.default_rng(0).standard_normal(len(self.ways)))

    def begun(self, standard: Any) -> tuple[Mission, MissionState, Mission]:
        return self._begun(standard, self.ways)

    def _begun(self, standard: Any, ways: tuple[str, ...], noted: Callable | None = None) -> tuple[Mission, MissionState, Mission]:
        """What the lander has of its own, its state, and what all share."""
        coast, powered = self.plan.phases[0], self.plan.phases[1]
        first, woken, uplinked = jnp.asarray(coast.start_tick), jnp.asarray(powered.start_tick), jnp.asarray(powered.uplink_at_start)
        fleet = fleet_of(self.mission, self.plan.spread, jnp.asarray([0]), given=Given(standard[None], ways))
        # What is compiled elsewhere branches otherwise: these are traced anew.
        with of_one():
            states = sim.start.__wrapped__(fleet, first)
            states = sim.sleep.__wrapped__(fleet, states, first, woken)
            states = eqx.tree_at(lambda s: s.stream, states, Stream(states.stream.key, Given(standard[None], ways, "", noted)))
            states = sim.wake.__wrapped__(fleet, states, woken, uplinked, self.orders)
        states = eqx.tree_at(lambda s: s.stream, states, Stream(states.stream.key))
        own, state = (jax.tree.map(lambda leaf: leaf[0], tree) for tree in (eqx.filter(fleet.own, eqx.is_array), states))
        return own, jax.tree.map(lambda leaf: jax.lax.convert_element_type(leaf, leaf.dtype), state), fleet.shared

    def jacobian(self, linear: Linear) -> tuple[Any, Any]:
        """Of the dispersed leaves and of the state, to what is given."""

        def flat(standard: Any) -> tuple[Any, Any]:
            own, state, _ = self.begun(standard)
            return ravel_pytree(own)[0], ravel_pytree(linear.carried(state)[0])[0]

        return jax.jit(jax.jacfwd(flat))(self.tiny)


def _history(linear: Linear, own: Mission, state: MissionState, plan: Flightplan) -> History:
    rng, rows = np.random.default_rng(1), []
    powered = plan.phases[1]
    for first in range(powered.start_tick, powered.end_tick, CHUNK_TICKS):
        ticks = jnp.arange(first, first + CHUNK_TICKS)
        draws = jnp.asarray(TINY * rng.standard_normal((CHUNK_TICKS, len(linear.names))))
        state, (states, numbers) = flown(linear, own, state, draws, ticks)
        rows.append(jax.tree.map(np.asarray, History(states, draws, ticks, numbers)))
        if bool(state.world.touch.ever):
            whole = jax.tree.map(lambda *parts: np.concatenate(parts), *rows)
            touched = _first(np.asarray(whole.states.world.touch.ever))
            return jax.tree.map(lambda leaf, touched=touched: leaf[:touched], whole)
    raise ScenarioError("the nominal flight does not touch the ground")


def _first(flags: np.ndarray) -> int:
    return int(np.flatnonzero(flags)[0])


def _told(plan: Flightplan, start: _Start, linear: Linear, own: Mission, history: History) -> LinearCovariance:
    mode, tick_s = np.asarray(history.states.fsw.modes.mode), float(plan.mission.tick_s)
    places = {"low gate": _first(mode == Mode.VERTICAL_DESCENT) - 1, "first contact": len(mode) - 1}
    asked, steps = _asked(history, places, tick_s)
    changes = [int(tick) for tick in np.flatnonzero(np.diff(mode))]
    sweep, to_draws, to_late = _back(linear, own, history, asked, _late(linear, own, history, changes))
    to_own, to_state = (np.asarray(part) for part in start.jacobian(linear))
    by_input = np.asarray(sweep.own) @ to_own + np.asarray(sweep.state) @ to_state
    relief = relief_share(plan, eqx.combine(own, linear.shared), history, linear.names, (to_draws, asked))
    told = {}
    for number, name in enumerate(EVENTS):
        rows = slice(number * len(TOLD), (number + 1) * len(TOLD))
        shares = {"start": _square(by_input[rows])}
        for source in sorted({_unit(way) for way in linear.names}):
            columns = np.concatenate([to_draws[:, rows, place] for place, way in enumerate(linear.names) if _unit(way) == source])
            shares[source] = _square(columns.T)
        shares["relief"] = relief[rows, rows]
        # Even over a tick: a twelfth of its square.
        shares["ticks"] = (_square(steps[rows][:, None]) + _square(to_late[rows])) / 12.0
        nominal = np.append(history.numbers[places[name], :TO_SWITCH], history.tick[places[name]] * tick_s)
        told[name] = LinearEvent(nominal, by_input[rows], shares)
    return LinearCovariance(start.names, told)


def _unit(way: str) -> str:
    """Of the lander, that makes a noise."""
    return way.removeprefix("sensors/").split("/")[0]


def _square(columns: np.ndarray) -> np.ndarray:
    return columns @ columns.T


def at_event(rates: np.ndarray, falling: int) -> np.ndarray:
    """What to ask of the numbers of a tick [asked, numbers] for their values where one of them falls through nought; the time last.

    To first order an event comes later by what is falling over its rate, and meanwhile all numbers move on at theirs.
    """
    count = len(rates)
    wanted = np.eye(count)
    wanted[-1] = 0.0
    moved = np.append(rates[:-1], 1.0)
    wanted[:, falling] -= moved / rates[falling]
    return wanted


def _asked(history: History, places: dict[str, int], tick_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows of all events one after the other [ticks, asked, numbers], and how far each moves in a tick."""
    numbers, asked, steps = history.numbers, [], []
    for name, falling in EVENTS.items():
        place = places[name]
        rates = (numbers[place] - numbers[place - 1]) / tick_s
        block = np.zeros((len(numbers), len(TOLD), len(NAMES)))
        block[place] = at_event(rates, NAMES.index(falling))
        asked.append(block)
        steps.append(np.append(rates[:-1], 1.0) * tick_s)
    return np.concatenate(asked, axis=1), np.concatenate(steps)


def _late(linear: Linear, own: Mission, history: History, changes: list[int]) -> dict[int, tuple[np.ndarray, float]]:
    """By tick of a change of mode: what the change a tick later makes of the state after the next, and how what foretells it falls in a tick."""
    held = Linear(eqx.tree_at(lambda m: m.fsw.modes.held, linear.shared, jnp.asarray(True)), linear.names)
    late = {}
    for place in changes:
        if place + 2 >= len(history.tick):
            continue
        at = [jax.tree.map(lambda leaf, k=k: jnp.asarray(leaf[k : k + 1]), history) for k in (place, place + 1, place + 2)]
        state, _ = flown(held, own, _one(at[0].states), at[0].draws, at[0].tick)
        state, _ = flown(linear, own, state, at[1].draws, at[1].tick)
        moved = ravel_pytree(linear.carried(state)[0])[0] - ravel_pytree(linear.carried(_one(at[2].states))[0])[0]
        fall = history.numbers[place, TO_SWITCH] - history.numbers[place - 1, TO_SWITCH]
        late[place] = np.asarray(moved), float(fall)
    return late


def _one(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf[0], tree)


def _back(
    linear: Linear, own: Mission, history: History, asked: np.ndarray, late: dict[int, tuple[np.ndarray, float]]
) -> tuple[Sweep, np.ndarray, np.ndarray]:
    """What is left at the first tick, the derivative to the draws of each tick, and to each change of mode a tick later."""
    ticks = len(history.tick)
    wide = -(-ticks // CHUNK_TICKS) * CHUNK_TICKS

    def padded(leaf: np.ndarray) -> np.ndarray:
        """Before the first tick, where nothing is left to be asked."""
        return np.concatenate([leaf, np.repeat(leaf[-1:], wide - ticks, axis=0)])

    states = jax.tree.map(padded, history.states)
    size = len(ravel_pytree(linear.carried(jax.tree.map(lambda leaf: leaf[0], history.states))[0])[0])
    moved = np.zeros((wide, size))
    for place, (change, fall) in late.items():
        moved[place + 1] = -change / fall
    asked = np.concatenate([asked, np.zeros((wide - ticks, *asked.shape[1:]))])
    record = Record(states, padded(history.draws), padded(history.tick), moved)
    sweep = Sweep(*(jnp.zeros((asked.shape[1], *shape)) for shape in ((size,), (ravel_pytree(own)[0].size,), ())))
    to_draws, switches = [], []
    for first in reversed(range(0, wide, CHUNK_TICKS)):
        part = slice(first, first + CHUNK_TICKS)
        sweep, (draws, switch) = swept(
            linear, own, sweep, jax.tree.map(lambda leaf, part=part: jnp.asarray(leaf[part]), record), jnp.asarray(asked[part])
        )
        to_draws.append(np.asarray(draws))
        switches.append(np.asarray(switch))
    to_draws, switches = (np.concatenate(parts[::-1])[:ticks] for parts in (to_draws, switches))
    to_late = np.stack([switches[place + 1] * fall for place, (_, fall) in late.items()], axis=-1)
    return sweep, to_draws, to_late
