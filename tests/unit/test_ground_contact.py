"""When the ground looks at an orbit: only while it hears the lander, and not at all if it never does before flight software wakes.

And what flight software wakes with: the orbit of the waking if it is heard then, else that of the last contact.
"""

from collections import namedtuple
from types import SimpleNamespace

import equinox as eqx
import jax.numpy as jnp
import pytest

from perilune.scenario.voyage import LISTEN_S, Journey, UnheardError
from perilune.sim import fly as sim
from perilune.wire.uplink import no_orders
from perilune.world.sensors.clock import Clock

IGNITION_S, TRACKED_BEFORE_S, LEAD_S = 20_000.0, 7200.0, 300.0


class Listening(Journey):
    """A journey that only coasts, and is heard from a time on."""

    def __init__(self, heard_from_s: float):
        self.settings = SimpleNamespace(tracked_before_s=TRACKED_BEFORE_S, lead_s=LEAD_S)
        self.in_orbit, self.heard_from_s, self.at_s = True, heard_from_s, 0.0
        self.tick, self.states, self.contact = 0, "at contact", None

    @property
    def now_s(self) -> float:
        return self.at_s

    def _met_s(self, plan_s: float) -> float:
        return plan_s

    def over(self) -> bool:
        return False

    def _heard(self) -> bool:
        return self.at_s >= self.heard_from_s

    def _coast(self, name: str, until_s: float):
        self.at_s = until_s
        yield name


def test_it_looks_at_once_if_it_is_heard():
    journey = Listening(heard_from_s=0.0)
    assert list(journey._tracked(IGNITION_S)) == ["lunar-orbit"]
    assert journey.now_s == IGNITION_S - TRACKED_BEFORE_S
    assert journey.contact == (0, "at contact")


def test_it_waits_until_it_is_heard():
    journey = Listening(heard_from_s=IGNITION_S - TRACKED_BEFORE_S + 2.5 * LISTEN_S)
    assert len(list(journey._tracked(IGNITION_S))) == 4
    assert journey.now_s == IGNITION_S - TRACKED_BEFORE_S + 3.0 * LISTEN_S


def test_who_is_never_heard_gets_no_burn():
    journey = Listening(heard_from_s=IGNITION_S)
    with pytest.raises(UnheardError, match="no station hears it in the 120 minutes before a burn"):
        list(journey._tracked(IGNITION_S))
    assert journey.now_s <= IGNITION_S - LEAD_S
    assert journey.contact is None


ORDERS = eqx.tree_at(lambda orders: orders.ignition_s, no_orders(1), jnp.asarray(7.0))


class States(eqx.Module):
    """Where the world is, and what flight software was told, as (tick, uplinked, orders)."""

    world: str
    fsw: tuple


class Waking(Listening):
    def __init__(self, monkeypatch, heard: bool):
        super().__init__(heard_from_s=0.0 if heard else float("inf"))
        monkeypatch.setattr(sim, "nothing_new", lambda fleet: "nothing")
        self.fleet, self.tick, self.states = None, 900, States("now", ())
        self.contact = 100, States("then", ())

    def _set_clock(self, tick: int) -> None:
        self.clock_set_at = tick

    def programs(self, program, fleet, states, tick, uplinked, orders):
        assert program is sim.wake
        told = (int(tick), bool(uplinked), orders if isinstance(orders, str) else float(orders.ignition_s))
        return States(states.world, (*states.fsw, told))


def test_who_is_heard_wakes_with_the_orbit_of_now(monkeypatch):
    journey = Waking(monkeypatch, heard=True)
    journey._wake(ORDERS)
    assert journey.states == States("now", ((900, True, 7.0),))
    assert journey.clock_set_at == 900


def test_who_is_not_heard_wakes_with_the_orbit_of_the_last_contact(monkeypatch):
    journey = Waking(monkeypatch, heard=False)
    journey._wake(ORDERS)
    assert journey.states == States("now", ((100, True, 7.0), (900, False, "nothing")))
    assert journey.clock_set_at == 100


def test_without_orders_nothing_is_sent(monkeypatch):
    journey = Waking(monkeypatch, heard=True)
    journey._wake(None)
    assert journey.states == States("now", ((900, False, "nothing"),))
    assert not hasattr(journey, "clock_set_at")


def test_a_contact_sets_the_clock():
    """It drifts from there on, not from separation."""
    journey, tick = Listening(heard_from_s=0.0), 120_000_000
    journey.tick_s, journey.fleet = 0.1, Clock(jnp.asarray(0.0), jnp.asarray(1e-3), jnp.asarray(1e-7))
    for inner in ("clock", "sensors", "world", "shared"):
        journey.fleet = namedtuple(inner, [inner])(journey.fleet)
    journey._set_clock(tick)
    assert float(journey.fleet.shared.world.sensors.clock.t_set_s) == pytest.approx(0.1 * tick, rel=1e-15)
