"""Does the inertial unit count, saturate and go blank as it should?"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from perilune.math.random import stream_of_seed
from perilune.math.vector import Vec3, vec3, zero_vec3
from perilune.world.sensors.imu import InertialTriad, TriadState

DT_S = 0.1
QUANTUM_M_S = 0.3e-3
RANGE_M_S2 = 49.03325
# A sum of 1,000 readings of some m/s each, in float64.
ROUNDING_M_S = 1e-10


def accelerometers(random_walk: float = 2.94e-4, bias: float = 4.9e-4) -> InertialTriad:
    return InertialTriad(bias, 1e-4, 1e-4, random_walk, QUANTUM_M_S, RANGE_M_S2)


def perfect_state(residual: Vec3 | None = None) -> TriadState:
    return TriadState(zero_vec3(), zero_vec3(), zero_vec3(), zero_vec3(), residual or zero_vec3())


def counted(triad: InertialTriad, state: TriadState, increments_m_s: np.ndarray):
    """Feed rows of true increments; returns the last state and the readings."""
    stream = stream_of_seed(3).named("accelerometers")

    def cycle(state, row):
        tick, increment = row
        state, out = triad.counted(state, vec3(increment), DT_S, stream.at(tick))
        return state, out.array()

    return jax.lax.scan(cycle, state, (jnp.arange(len(increments_m_s)), jnp.asarray(increments_m_s)))


def test_readings_are_whole_counts():
    rng = np.random.default_rng(1)
    triad = accelerometers()
    _, readings = counted(triad, triad.init(stream_of_seed(4)), rng.normal(0.0, 0.5, (200, 3)))
    counts = np.asarray(readings) / QUANTUM_M_S
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-9)
    assert np.abs(counts).max() > 1000


def test_quantisation_loses_nothing():
    """Without other errors, what was counted and what still waits add up to what happened."""
    increments_m_s = np.random.default_rng(2).normal(0.1, 0.2, (1000, 3))
    last, readings = counted(accelerometers(random_walk=0.0), perfect_state(), increments_m_s)
    total_m_s = np.asarray(readings).sum(axis=0) + np.asarray(last.residual.array())
    np.testing.assert_allclose(total_m_s, increments_m_s.sum(axis=0), atol=ROUNDING_M_S)
    assert np.abs(np.asarray(last.residual.array())).max() <= 0.5 * QUANTUM_M_S


def test_slow_motion_below_a_quantum_is_counted_in_the_end():
    increments_m_s = np.full((100, 3), 0.07 * QUANTUM_M_S)
    _, readings = counted(accelerometers(random_walk=0.0), perfect_state(), increments_m_s)
    np.testing.assert_allclose(np.asarray(readings).sum(axis=0), 7.0 * QUANTUM_M_S, atol=1e-12)


def test_saturates_at_its_range_on_each_axis_alone():
    beyond = np.asarray([[8.0, -12.0, 0.3]])  # m/s in 0.1 s: 80 and 120 m/s2
    _, readings = counted(accelerometers(random_walk=0.0), perfect_state(), beyond)
    held_m_s = RANGE_M_S2 * DT_S
    np.testing.assert_allclose(np.asarray(readings)[0], [held_m_s, -held_m_s, 0.3], atol=QUANTUM_M_S)


def test_tilts_mix_the_axes_they_name():
    state = TriadState(zero_vec3(), vec3((1e-3, 0.0, 0.0)), vec3((2e-3, 3e-3, 4e-3)), vec3((5e-3, 6e-3, 7e-3)), zero_vec3())
    triad = eqx.tree_at(lambda t: t.quantum, accelerometers(random_walk=0.0), 1e-12)
    _, readings = counted(triad, state, np.asarray([[1.0, 2.0, 3.0]]))
    expected = [1.0 + 1e-3 + 2e-3 * 2.0 + 5e-3 * 3.0, 2.0 + 3e-3 * 3.0 + 6e-3 * 1.0, 3.0 + 4e-3 * 1.0 + 7e-3 * 2.0]
    np.testing.assert_allclose(np.asarray(readings)[0], expected, atol=1e-11)
