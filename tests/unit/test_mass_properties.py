"""Mass, centre of mass and inertia between full and empty."""

import jax.numpy as jnp
import numpy as np
import pytest

from perilune.math.vector import vec3
from perilune.world.mass_properties import MassProperties

LANDER = MassProperties(
    dry_kg=jnp.asarray(640.0),
    propellant_full_kg=jnp.asarray(660.0),
    com_full_body_m=vec3((0.0, 0.0, 1.5)),
    com_empty_body_m=vec3((0.0, 0.0, 1.3)),
    inertia_full_kg_m2=vec3((900.0, 900.0, 700.0)),
    inertia_empty_kg_m2=vec3((550.0, 550.0, 450.0)),
    com_offset_body_m=vec3((0.004, -0.003, 0.0)),
)


@pytest.mark.parametrize(
    ("propellant_kg", "mass_kg", "com_z_m", "inertia"),
    [
        (660.0, 1300.0, 1.5, (900.0, 900.0, 700.0)),
        (0.0, 640.0, 1.3, (550.0, 550.0, 450.0)),
        (330.0, 970.0, 1.4, (725.0, 725.0, 575.0)),
        (-1.0, 640.0, 1.3, (550.0, 550.0, 450.0)),
    ],
)
def test_between_full_and_empty(propellant_kg: float, mass_kg: float, com_z_m: float, inertia: tuple[float, ...]) -> None:
    mass, com, diagonal = LANDER.at(propellant_kg)
    np.testing.assert_allclose(mass, mass_kg)
    np.testing.assert_allclose(com.array(), [0.004, -0.003, com_z_m])
    np.testing.assert_allclose(diagonal.array(), inertia)
