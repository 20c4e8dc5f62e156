"""Dispersions: what a flight draws has the stated spread, comes from its seed alone, and never reaches flight software."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flown_fleet import different_leaves
from perilune.scenario.disperse import fleet_of

SEEDS = 512
# Five standard errors of a standard deviation, 1 / sqrt(2 n), and of a mean, 1 / sqrt(n): one check in two million fails by chance.
SIGMA_SHARE = 5.0 / math.sqrt(2.0 * SEEDS)
MEAN_SIGMAS = 5.0 / math.sqrt(SEEDS)
MAPPED_M = 1000.0
# Heights are sums of some 1e3 m of relief and shift, taken at a radius of 1.7e6 m.
ROUNDING_M = 1e-8


@pytest.fixture(scope="module")
def fleet(luna):
    return fleet_of(luna.mission, luna.spread, jnp.arange(SEEDS))


def drawn(fleet):
    """What each flight drew, as arrays over the seeds."""
    world = fleet.own.world
    engines, mass = world.propulsion.engines, world.mass
    return {
        "thrust": engines.thrust_scale - 1.0,
        "isp": engines.isp_scale - 1.0,
        "misalignment": engines.push_body[..., :2],
        "thruster": world.propulsion.thrusters.thrust_scale - 1.0,
        "dry mass": mass.dry_kg,
        "centre of mass": jnp.stack([mass.com_offset_body_m.x, mass.com_offset_body_m.y, mass.com_offset_body_m.z], axis=1),
        "inertia": jnp.stack([mass.inertia_full_kg_m2.x, mass.inertia_full_kg_m2.y, mass.inertia_full_kg_m2.z], axis=1),
        "propellant": fleet.own.propellant_kg,
        "rise": engines.rise_tau_s,
    }


# Luna-25's file, in the units of the world: mean and one sigma; percent are of the mean.
STATED = {
    "thrust": (0.0, 0.01),
    "isp": (0.0, 0.005),
    "misalignment": (0.0, math.radians(0.25)),
    "thruster": (0.0, 0.03),
    "dry mass": (640.0, 0.005 * 640.0),
    "centre of mass": (0.0, 0.005),
    "inertia": (np.array([900.0, 900.0, 700.0]), 0.05 * np.array([900.0, 900.0, 700.0])),
    "propellant": (660.0, 0.01 * 660.0),
    "rise": (0.15, 0.10 * 0.15),
}


@pytest.mark.parametrize("name", STATED)
def test_spread_is_as_stated(fleet, name):
    mean, sigma = STATED[name]
    values = np.asarray(drawn(fleet)[name])
    units = (values - mean) / sigma
    assert units.shape[0] == SEEDS
    assert np.all(np.abs(units.std(axis=0) - 1.0) < SIGMA_SHARE)
    assert np.all(np.abs(units.mean(axis=0)) < MEAN_SIGMAS)


def test_friction_is_even_between_its_bounds(fleet, luna):
    low, high = luna.file.terrain.friction.low, luna.file.terrain.friction.high
    share = (np.asarray(fleet.own.world.gear.pad.friction) - low) / (high - low)
    assert share.min() > 0.0 and share.max() < 1.0
    counts, _ = np.histogram(share, bins=8, range=(0.0, 1.0))
    # Binomial counts about 64: five sigma.
    assert np.all(np.abs(counts - SEEDS / 8) < 5.0 * math.sqrt(SEEDS * 1 / 8 * 7 / 8))


def test_both_time_constants_and_both_inertias_share_one_draw(fleet):
    engines, mass = fleet.own.world.propulsion.engines, fleet.own.world.mass
    assert different_leaves(engines.rise_tau_s, engines.fall_tau_s) == []
    ratio = np.asarray(mass.inertia_full_kg_m2.x / mass.inertia_empty_kg_m2.x)
    assert np.ptp(ratio) < 1e-12 * ratio.mean()


def test_draws_are_independent_of_each_other(fleet):
    columns = [np.asarray(values).reshape(SEEDS, -1) for values in drawn(fleet).values()]
    correlation = np.corrcoef(np.concatenate(columns, axis=1), rowvar=False)
    # Seven standard errors for some eight hundred pairs.
    assert np.abs(correlation - np.eye(len(correlation))).max() < 7.0 / math.sqrt(SEEDS)


def test_engines_push_with_their_full_length(fleet):
    push = np.asarray(fleet.own.world.propulsion.engines.push_body)
    assert np.abs(np.linalg.norm(push, axis=-1) - 1.0).max() < 1e-15


def test_the_ground_about_the_site_is_at_its_known_height_in_every_flight(fleet, luna):
    """In the mean over a kilometre, which is what maps know."""
    site_m = luna.mission.world.site.r_origin_lfme_m

    @eqx.filter_jit
    def heights_m(fleet):
        def one(own):
            terrain = eqx.combine(own, fleet.shared).world.terrain
            return terrain.plane_under(site_m, MAPPED_M).height_m, terrain.height_m(site_m.unit())

        return jax.vmap(one)(fleet.own)

    mean_m, here_m = (np.asarray(heights) for heights in heights_m(fleet))
    assert np.abs(mean_m - float(luna.file.site.elevation_m)).max() < ROUNDING_M
    assert here_m.std() > 1.0  # the site itself is on its own relief


def test_each_flight_has_its_own_ground(fleet):
    offset = np.stack([np.asarray(leaf) for leaf in jax.tree.leaves(fleet.own.world.terrain.relief.offset)], axis=-1)
    assert len(np.unique(offset.reshape(SEEDS, -1), axis=0)) == SEEDS


def test_a_flight_depends_on_its_seed_and_not_on_the_others(fleet, luna):
    order = np.random.default_rng(0).permutation(SEEDS)
    shuffled = fleet_of(luna.mission, luna.spread, jnp.asarray(order))
    assert different_leaves(jax.tree.map(lambda leaf: np.asarray(leaf)[order], fleet.own), shuffled.own) == []
    elsewhere = fleet_of(luna.mission, luna.spread, jnp.asarray([7] + [100_000 + i for i in range(SEEDS - 1)]))
    seventh, first = (jax.tree.map(lambda leaf, i=i: np.asarray(leaf)[i], own) for i, own in ((7, fleet.own), (0, elsewhere.own)))
    assert different_leaves(seventh, first) == []


def paths(tree) -> set[str]:
    return {jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(tree)}


def beside_the_world(own) -> set[str]:
    """What a flight drew that is not of the world: it should be nothing, or belief would know what truth drew."""
    return {path for path in paths(own) if not path.startswith(".world.") and path != ".propellant_kg"}


def test_only_the_world_is_dispersed(fleet, luna):
    """Flight software, limits and faults are one for all; every leaf is either shared or a flight's own."""
    own = paths(fleet.own)
    assert own and beside_the_world(fleet.own) == set()
    assert different_leaves(fleet.shared.fsw, luna.mission.fsw) == []
    shared = paths(fleet.shared)
    assert (own | shared, own & shared) == (paths(luna.mission), set())


def test_a_planted_draw_of_belief_is_seen(fleet):
    believed = eqx.tree_at(lambda own: own.fsw.vehicle.mass_start_kg, fleet.own, jnp.ones(SEEDS), is_leaf=lambda leaf: leaf is None)
    assert beside_the_world(believed) == {".fsw.vehicle.mass_start_kg"}
