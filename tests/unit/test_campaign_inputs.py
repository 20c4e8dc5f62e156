"""What a flight draws at its start is one vector: it can be read, and told, and designs fill it as they should."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from flown_fleet import different_leaves
from perilune.campaign.asked import asked
from perilune.campaign.design import flight_seeds, standard, vectors
from perilune.campaign.inputs import drawn, inputs_of, named, tracked_tick
from perilune.math.random import UNIFORM, Given
from perilune.scenario.disperse import fleet_of
from perilune.scenario.errors import ScenarioError
from perilune.sim import fly as sim

SEEDS = np.array([40])  # one lander: who draws for itself flies by the programs of the main job
# What is even between bounds is told by way of a normal number: 24 bits of it come back, of 65 km of relief to a few millimetres.
SHARE = 2e-6


@pytest.fixture(scope="module")
def inputs(luna):
    return inputs_of(luna)


@pytest.fixture(scope="module")
def numbers(luna, inputs):
    return drawn(inputs, SEEDS, tracked_tick(luna))


@pytest.fixture(scope="module")
def started(luna, inputs, numbers, programs):
    """Fleets and their states at the start: as they draw it themselves, and as they are told the same."""
    given = Given(jnp.asarray(numbers), tuple(each.way for each in inputs))
    fleets = [fleet_of(luna.mission, luna.spread, jnp.asarray(SEEDS), programs, told) for told in (None, given)]
    return [(fleet, programs(sim.start, fleet, jnp.asarray(0))) for fleet in fleets]


def test_every_input_has_a_name_of_its_own(inputs):
    assert len(inputs) == 103
    assert len({each.name for each in inputs}) == len({each.column for each in inputs}) == len({each.way for each in inputs}) == 103
    names = {each.name: each for each in inputs}
    assert (names["thrust.0"].unit, names["thrust.0"].size) == ("percent", 1.0)
    assert (names["friction"].start, names["friction"].size, names["friction"].law) == (0.4, pytest.approx(0.6), UNIFORM)
    assert {"velocimeter.range_scale.3", "tracking.radial_speed", "imu.gyros.bias.z", "relief.turn"} <= set(names)


def test_what_is_read_is_what_flights_draw(luna, inputs, numbers, started):
    own = started[0][0].own
    values = {each.name: each.values(numbers[:, place]) for place, each in enumerate(inputs)}
    assert np.asarray(own.propellant_kg) == pytest.approx(
        float(luna.mission.propellant_kg) * (1.0 + 0.01 * values["propellant"]), rel=1e-12
    )
    assert np.asarray(own.world.propulsion.engines.isp_scale)[:, 2] == pytest.approx(1.0 + 0.01 * values["isp.2"], rel=1e-12)
    assert np.asarray(own.world.gear.pad.friction) == pytest.approx(values["friction"], abs=SHARE)
    assert 1e-3 * np.asarray(own.world.terrain.relief.offset.east_m) == pytest.approx(values["relief.east"], abs=SHARE * 65.536)
    clock = started[0][1].world.sensors.clock
    assert np.asarray(clock.offset_s) == pytest.approx(
        values["clock.offset"] * float(luna.mission.world.sensors.clock.offset_sigma_s), rel=1e-12
    )


def even(path: str) -> bool:
    """Leaves that are drawn evenly, and what follows from the place of the relief."""
    return any(word in path for word in ("terrain", "friction", "altitude", "touchdown"))


def test_told_the_same_a_flight_is_the_same(started):
    """Bit for bit, but for what is even between bounds: that comes back to a share of its range."""
    (own, states), (told, their) = [(fleet.own, states) for fleet, states in started]
    apart = different_leaves(own, told) + different_leaves(states, their)
    assert [path for path in apart if not even(path)] == []
    offsets = [np.asarray(fleet.own.world.terrain.relief.offset.north_m) for fleet, _ in started]
    assert np.abs(offsets[0] - offsets[1]).max() < SHARE * 65_536.0


def test_told_something_else_only_that_is_else(luna, inputs, numbers, started, programs):
    changed = numbers.copy()
    changed[:, named(inputs, "propellant")] += 1.0
    given = Given(jnp.asarray(changed), tuple(each.way for each in inputs))
    fleet = fleet_of(luna.mission, luna.spread, jnp.asarray(SEEDS), programs, given)
    assert different_leaves(fleet.own, started[1][0].own) == [".propellant_kg"]


def test_the_state_vector_from_the_ground_is_told_too(luna, inputs, numbers, started, programs):
    """The same numbers, the same vector; another radial error, another vector."""
    tick, sent = jnp.asarray(tracked_tick(luna)), []
    moved = numbers.copy()
    moved[:, named(inputs, "tracking.radial")] += 1.0
    for told in (None, numbers, moved):
        given = None if told is None else Given(jnp.asarray(told), tuple(each.way for each in inputs))
        fleet = sim.Fleet(started[0][0].shared, started[0][0].own, started[0][0].seeds, given)
        woken = programs(sim.wake, fleet, started[0][1], tick, jnp.asarray(True), sim.nothing_new(fleet))
        sent.append(jax.tree.map(np.asarray, woken.fsw))
    assert different_leaves(sent[0], sent[1]) == []
    assert different_leaves(sent[0], sent[2]) != []


def test_campaigns_of_other_seeds_share_no_flights():
    seeds = np.concatenate([flight_seeds(seed, 0, 10_000) for seed in range(50)])
    assert len(np.unique(seeds)) == len(seeds) and seeds.min() >= 0 and seeds.max() < 2**31
    assert np.array_equal(flight_seeds(0, 5, 3), [5, 6, 7])


def joined(design: str, inputs, count: int, **changes) -> np.ndarray:
    """Of chunks of different lengths."""
    wanted = asked({"mission": "luna-25", "cases": count, "design": design, "seed": 4, **changes})
    parts = [vectors(wanted, inputs, first, min(24, count - first), 0)[0] for first in range(0, count, 24)]
    assert np.array_equal(np.concatenate(parts), vectors(wanted, inputs, 0, count, 0)[0])
    return np.concatenate(parts)


def test_a_latin_hypercube_has_one_case_in_each_stratum(inputs):
    shares = special.ndtr(joined("latin", inputs, 100))
    assert np.array_equal(np.sort(np.floor(shares * 100.0).astype(int), axis=0), np.tile(np.arange(100)[:, None], len(inputs)))


def test_a_sobol_sequence_fills_more_evenly_than_chance(inputs):
    shares = special.ndtr(joined("sobol", inputs, 128))
    assert np.array_equal(np.sort(np.floor(shares * 128.0).astype(int), axis=0), np.tile(np.arange(128)[:, None], len(inputs)))


def test_laws_and_correlations_act_on_what_they_name(luna, inputs):
    law = {"law": "uniform", "low": -2.0, "high": 2.0}
    wanted = asked(
        {
            "mission": "luna-25",
            "inputs": {"thrust.0": law},
            "correlated": [{"inputs": ["isp.1", "isp.2", "propellant"], "coefficient": 0.8}],
        }
    )
    told, given = vectors(wanted, inputs, 0, 4000, tracked_tick(luna))
    plain = standard(wanted, inputs, 0, 4000, tracked_tick(luna))
    changed = {inputs[place].name for place in np.flatnonzero(np.any(told != plain, axis=0))}
    assert given and changed == {"thrust.0", "isp.2", "propellant"}
    # Five standard errors of a correlation of 0.8, (1 - 0.64) / sqrt(n).
    pairs = np.corrcoef(told[:, [named(inputs, name) for name in ("isp.1", "isp.2", "propellant")]], rowvar=False)
    assert np.abs(pairs[np.triu_indices(3, 1)] - 0.8).max() < 5.0 * 0.36 / 4000**0.5
    thrust = inputs[named(inputs, "thrust.0")]
    assert stats.kstest(thrust.values(told[:, named(inputs, "thrust.0")]), "uniform", (-2.0, 4.0)).pvalue > 1e-4


@pytest.mark.parametrize(
    ("inputs_told", "said"),
    [
        ({"thrst.0": {"law": "fixed", "value": 0.0}}, "there is no input 'thrst.0'; did you mean thrust.0"),
        ({"friction": {"law": "uniform", "low": 0.1, "high": 0.5}}, "friction must lie between 0.4 and 1"),
    ],
)
def test_laws_that_cannot_be_are_refused(luna, inputs, inputs_told, said):
    with pytest.raises(ScenarioError, match=said):
        vectors(asked({"mission": "luna-25", "inputs": inputs_told}), inputs, 0, 64, tracked_tick(luna))
