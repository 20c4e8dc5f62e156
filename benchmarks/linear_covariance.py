"""Linear covariance beside the Monte Carlo: sigma of what is told at low gate and at first contact, their ratio, cost, and where linearity ends.

python benchmarks/linear_covariance.py luna-25 --flights 1024
"""

import argparse
import dataclasses
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from perilune.campaign.inputs import drawn, inputs_of, tracked_tick
from perilune.campaign.linear import EVENTS, TOLD, LinearCovariance, of_plan
from perilune.campaign.nominal import NAMES, told
from perilune.math.random import Given
from perilune.scenario.build import Flightplan, build
from perilune.scenario.disperse import fleet_of
from perilune.scenario.load import load_lander
from perilune.sim import fly as sim
from perilune.sim.step import LANDERS, step
from perilune.wire.telemetry import Mode

WIDTH = 128
# Not widened: their laws are even between bounds.
EVEN = ("relief", "friction")
# A number counts as one of few: beyond this many times the middle half's width, as one in a million of a normal law is.
OUTLYING = 3.6


@eqx.filter_jit
def watched(fleet: sim.Fleet, states: tuple, first: jax.Array) -> tuple:
    """A hundred ticks: states, and what is told at each event, nan before it."""

    def one(own, states, tick):
        state, (low, contact) = states
        mission = eqx.combine(own, fleet.shared)
        after, _ = step(mission, state, sim.silence(mission), tick)
        now = told(mission, state.world, after, tick * mission.tick_s).at[-1].set(tick * mission.tick_s)
        at_low = (after.fsw.modes.mode >= Mode.VERTICAL_DESCENT) & jnp.isnan(low[0])
        at_contact = after.world.touch.ever & jnp.isnan(contact[0])
        return after, (jnp.where(at_low, now, low), jnp.where(at_contact, now, contact))

    def all_of_them(states, tick):
        return jax.vmap(one, in_axes=(0, 0, None), axis_name=LANDERS)(fleet.own, states, tick), None

    return jax.lax.scan(all_of_them, states, first + jnp.arange(sim.CHUNK_TICKS))[0]


def flown(plan: Flightplan, wide: float, flights: int) -> dict[str, np.ndarray]:
    """What is told at each event [flights, told] by flights whose start inputs are so many times as wide."""
    inputs, (coast, powered) = inputs_of(plan), plan.phases[:2]
    mission = eqx.tree_at(lambda m: m.faults, plan.mission, dataclasses.replace(plan.mission.faults, kinds=frozenset()))
    widened = np.array([1.0 if each.name.startswith(EVEN) else wide for each in inputs])
    rows = []
    for begin in range(0, flights, WIDTH):
        seeds = np.arange(begin, begin + WIDTH)
        given = Given(jnp.asarray(drawn(inputs, seeds, tracked_tick(plan)) * widened), tuple(each.way for each in inputs))
        fleet = fleet_of(mission, plan.spread, jnp.asarray(seeds), given=given)
        states = sim.start(fleet, jnp.asarray(coast.start_tick))
        states = sim.sleep(fleet, states, jnp.asarray(coast.start_tick), jnp.asarray(coast.end_tick))
        states = sim.wake(fleet, states, jnp.asarray(powered.start_tick), jnp.asarray(powered.uplink_at_start), sim.nothing_new(fleet))
        states = states, (jnp.full((WIDTH, len(NAMES)), jnp.nan),) * 2
        for first in range(powered.start_tick, powered.end_tick, sim.CHUNK_TICKS):
            states = watched(fleet, states, jnp.asarray(first))
            if not np.isnan(np.asarray(states[1][1])).any() or sim.all_over(states[0]):
                break
        rows.append([np.asarray(part) for part in states[1]])
        print(f"  {begin + WIDTH} flights {wide:g} times as wide", flush=True)
    return {name: np.concatenate([row[number] for row in rows]) for number, name in enumerate(EVENTS)}


def table(linear: LinearCovariance, wide: float, found: dict[str, np.ndarray]) -> None:
    for name, event in linear.events.items():
        values = found[name][np.isfinite(found[name]).all(axis=1)]
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
        among = (np.abs(values - middle) <= OUTLYING * (high - low)).all(axis=1)
        sigma = np.sqrt(np.diag(event.covariance + (wide**2 - 1.0) * event.shares["start"]))
        print(f"\n{name}, start inputs {wide:g} times as wide: {len(values)} flights, {among.sum()} of them near")
        print(f"{'':18s}{'nominal':>12s}{'mean':>12s}{'linear':>11s}{'flown':>11s}{'near':>11s}{'linear/flown':>14s}{'linear/near':>13s}")
        for place, what in enumerate(TOLD):
            all_of_them, near = values[:, place].std(ddof=1), values[among, place].std(ddof=1)
            told_of = (event.nominal[place], values[:, place].mean(), sigma[place], all_of_them, near)
            ratios = f"{sigma[place] / all_of_them:14.3f}{sigma[place] / near:13.3f}"
            print(f"{what:18s}" + "".join(f"{one:{12 if k < 2 else 11}.4g}" for k, one in enumerate(told_of)) + ratios)


def shares(linear: LinearCovariance) -> None:
    """Who owes what of the variance, and which inputs move most."""
    for name, event in linear.events.items():
        print(f"\n{name}: percent of the variance by source, and the inputs that move most by one of their sigmas")
        for place, what in enumerate(TOLD):
            parts = {source: 100.0 * part[place, place] / event.covariance[place, place] for source, part in event.shares.items()}
            largest = np.argsort(-np.abs(event.by_input[place]))[:3]
            first = ", ".join(f"{linear.inputs[k]} {event.by_input[place, k]:.3g}" for k in largest)
            print(f"{what:18s}" + " ".join(f"{source} {part:.0f}" for source, part in parts.items() if part >= 0.5) + f" | {first}")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("mission", nargs="?", default="luna-25")
    asked.add_argument("--flights", type=int, default=1024)
    asked.add_argument("--wide", type=float, nargs="*", default=[1.0])
    given = asked.parse_args()
    plan = build(load_lander(given.mission))
    began = time.process_time()
    linear = of_plan(plan)
    cost_s = time.process_time() - began
    began = time.process_time()
    of_plan(plan)
    print(f"linear covariance: {cost_s:.0f} s of processor time, made anew {time.process_time() - began:.0f} s")
    shares(linear)
    for wide in given.wide:
        began = time.process_time()
        found = flown(plan, wide, given.flights)
        print(f"{given.flights} flights by XLA: {time.process_time() - began:.0f} s of processor time")
        table(linear, wide, found)


if __name__ == "__main__":
    main()
