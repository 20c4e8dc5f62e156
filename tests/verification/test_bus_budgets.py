"""Energy of the battery, temperature at rest and on the way there, and the link budget, against what can be worked by hand."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from perilune.math.vector import vec3
from perilune.moon.earth import load_earth_orientation, place_on_earth
from perilune.moon.time import epoch_from_utc
from perilune.world.power import Battery
from perilune.world.radio import Antennas, Link, Sight, Station, free_space_loss_db
from perilune.world.thermal import SKY_K, STEFAN_BOLTZMANN_W_M2_K4, MoonLight, Thermal

# Energies of one step add up to rounding of a battery of some megajoules.
ENERGY_RELATIVE = 1e-12
# The closed solution loses digits where two numbers of the order of one nearly cancel: a body a thousand times hotter than at rest.
TEMPERATURE_RELATIVE = 1e-10
# The comparison's own tolerance (Radau, relative 1e-11) a hundred times over.
RADAU_RELATIVE = 1e-9
# The published figures have ten decimals.
LOSS_DB = 1e-9
# Terms of the hand-worked budget are rounded to 1e-4 dB, eight of them.
BUDGET_DB = 1e-3

# Losses between isotropic antennas by ITU-R P.525: range km, frequency MHz, dB.
FREE_SPACE = [
    (952_900_000.0, 8420.43, 290.5354151582),
    (149_597_870.7, 8420.0, 274.4525332928),
    (373_994_676.75, 8420.0, 282.4113334662),
    (224_396_806.05, 32000.0, 289.5711162103),
    (400_000.0, 2295.0, 211.7046368459),
    (2_000.0, 8420.0, 176.9746249652),
]

NOTHING = MoonLight(*(jnp.zeros(()) for _ in range(3)))


def numbers(*values):
    return (jnp.asarray(float(value)) for value in values)


def node(**changed) -> Thermal:
    usual = dict(absorptivity=0.3, emissivity=0.8, sunward_m2=0.5, surface_m2=1.0, heat_capacity_j_k=2e5, isotope_w=0.0)
    limits = dict(heater_on_below_k=278.0, heater_off_above_k=283.0)
    return Thermal(**{name: jnp.asarray(float(number)) for name, number in (usual | limits | changed).items()})


def test_energy_of_the_battery_is_neither_made_nor_lost():
    random = np.random.default_rng(25)
    battery = Battery(*numbers(3.6e6, 0.2, 0.9, 300.0))
    charges_j, surpluses_w = random.uniform(0.72e6, 3.6e6, 500), random.uniform(-900.0, 900.0, 500)
    steps_s = 10.0 ** random.uniform(-1, 5, 500)
    after_j, flow = jax.vmap(battery.charged)(jnp.asarray(charges_j), jnp.asarray(surpluses_w), jnp.asarray(steps_s))
    told_j = flow.stored_j + flow.lost_j + flow.unused_j - flow.unmet_j
    np.testing.assert_allclose(told_j, surpluses_w * steps_s, rtol=ENERGY_RELATIVE, atol=ENERGY_RELATIVE * 3.6e6)
    np.testing.assert_allclose(after_j - charges_j, flow.stored_j, rtol=0.0, atol=ENERGY_RELATIVE * 3.6e6)
    assert np.all((np.asarray(after_j) >= 0.72e6 * (1 - ENERGY_RELATIVE)) & (np.asarray(after_j) <= 3.6e6 * (1 + ENERGY_RELATIVE)))
    # All kinds of step were among them.
    assert all(np.sum(np.asarray(part) > 1.0) > 50 for part in (flow.unused_j, flow.unmet_j, flow.lost_j))


def test_two_steps_of_the_battery_are_as_good_as_one():
    battery = Battery(*numbers(3.6e6, 0.2, 0.9, 300.0))
    for surplus_w in (-700.0, -100.0, 250.0, 800.0):
        once_j, _ = battery.charged(*numbers(2e6, surplus_w, 7200.0))
        halfway_j, _ = battery.charged(*numbers(2e6, surplus_w, 1800.0))
        twice_j, _ = battery.charged(halfway_j, *numbers(surplus_w, 5400.0))
        assert float(twice_j) == pytest.approx(float(once_j), rel=ENERGY_RELATIVE)


@pytest.mark.parametrize("start_k", [3.0, 100.0, 290.0, 1000.0])
@pytest.mark.parametrize("light_w_m2", [0.0, 1361.0])
def test_the_temperature_of_rest_is_that_of_the_fourth_root(start_k, light_w_m2):
    body = node()
    heat_w = body.heat_w(jnp.asarray(light_w_m2), NOTHING, jnp.asarray(140.0))
    after_k = float(body.advanced(jnp.asarray(start_k), heat_w, jnp.asarray(1e8)))
    emission = 0.8 * 1.0 * STEFAN_BOLTZMANN_W_M2_K4
    assert after_k == pytest.approx(((0.3 * 0.5 * light_w_m2 + 140.0) / emission + SKY_K**4) ** 0.25, rel=TEMPERATURE_RELATIVE)


@pytest.mark.parametrize("start_k", [3.0, 250.0, 290.0, 500.0])
@pytest.mark.parametrize("heat_w", [1e-3, 30.0, 400.0])
@pytest.mark.parametrize("dt_s", [1.0, 600.0, 3e4, 1e6])
def test_the_way_to_rest_is_that_of_the_equation(start_k, heat_w, dt_s):
    body, emission = node(), 0.8 * 1.0 * STEFAN_BOLTZMANN_W_M2_K4
    solved = solve_ivp(lambda _, t_k: (heat_w - emission * t_k**4) / 2e5, (0.0, dt_s), [start_k], method="Radau", rtol=1e-11, atol=1e-11)
    assert float(body.advanced(*numbers(start_k, heat_w, dt_s))) == pytest.approx(float(solved.y[0, -1]), rel=RADAU_RELATIVE)


def test_two_steps_of_temperature_are_as_good_as_one():
    body = node()
    start_k, heat_w = jnp.meshgrid(jnp.asarray([2.8, 30.0, 200.0, 300.0, 900.0]), jnp.asarray([1e-5, 10.0, 500.0]))
    step = jax.vmap(body.advanced)
    for dt_s in (1e-3, 10.0, 3600.0, 1e6):
        lengths_s = jnp.full(15, dt_s)
        once_k = step(start_k.ravel(), heat_w.ravel(), lengths_s)
        twice_k = step(step(start_k.ravel(), heat_w.ravel(), 0.3 * lengths_s), heat_w.ravel(), 0.7 * lengths_s)
        np.testing.assert_allclose(twice_k, once_k, rtol=TEMPERATURE_RELATIVE)


@pytest.mark.parametrize(("range_km", "frequency_mhz", "loss_db"), FREE_SPACE)
def test_the_loss_of_free_space_is_that_of_the_recommendation(range_km, frequency_mhz, loss_db):
    assert float(free_space_loss_db(*numbers(1e3 * range_km, 1e6 * frequency_mhz))) == pytest.approx(loss_db, abs=LOSS_DB)


def test_a_link_from_the_moon_is_that_worked_by_hand():
    """10 W in S band from 400,000 km through an antenna without gain, to a dish of 35 m at 60 K, 8,000 bit/s."""
    orientation = load_earth_orientation(epoch_from_utc("2023-08-19T11:00:00Z"), 60.0)
    dish = Station(place_on_earth(orientation, 0.0, 0.0, 0.0), *numbers(0.1, 35.0, 0.6, 60.0))
    antennas = Antennas(jnp.asarray([[0.0, 0.0, 1.0]]), *numbers(0.0, 1.0, -10.0))
    link = Link(antennas, *numbers(2.295e9, 10.0, 2.0, 3.0, 8000.0, 1.5))
    seen = Sight(*numbers(1.0, 4e8), *(jnp.asarray(True),) * 2, jnp.asarray(0.0), vec3((0, 0, 1)))
    terms_db = {
        "10 W": 10.0,
        "line": -2.0,
        "free space (above)": -211.7046,
        "other losses": -3.0,
        "dish: 20 log10(pi 35 m / 0.130629 m)": 58.5036,
        "its efficiency of 0.6": -2.2185,
        "60 K": -17.7815,
        "Boltzmann's constant": 228.5992,
    }
    c_n0_db_hz = sum(terms_db.values())
    assert float(link.c_n0_db_hz(dish, seen, jnp.asarray(0.0))) == pytest.approx(c_n0_db_hz, abs=BUDGET_DB)
    # 8,000 bit/s are 39.0309 dB Hz.
    assert float(link.margin_db(dish, seen, jnp.asarray(0.0))) == pytest.approx(c_n0_db_hz - 39.0309 - 1.5, abs=BUDGET_DB)
    assert float(dish.gain_dbi(link.frequency_hz)) == pytest.approx(58.5036 - 2.2185, abs=BUDGET_DB)


def test_the_beam_of_a_dish_is_seventy_wavelengths_over_its_diameter_in_degrees():
    orientation = load_earth_orientation(epoch_from_utc("2023-08-19T11:00:00Z"), 60.0)
    dish = Station(place_on_earth(orientation, 0.0, 0.0, 0.0), *numbers(0.1, 35.0, 0.6, 60.0))
    wavelength_m = 299_792_458.0 / 8.4e9
    assert math.degrees(float(dish.beam_rad(jnp.asarray(8.4e9)))) == pytest.approx(70.0 * wavelength_m / 35.0, rel=2e-3)
