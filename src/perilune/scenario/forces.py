"""Which forces act on a coast, chosen by the user, and what they are made of."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import jax.numpy as jnp
import numpy as np

from perilune.constants import GM_EARTH_M3_S2, GM_SUN_M3_S2
from perilune.dynamics.cislunar import Cislunar, EarthFigure
from perilune.dynamics.radiation import Cannonball
from perilune.moon.earth import load_earth_orientation
from perilune.moon.earth_field import earth_field
from perilune.moon.ephemeris import load_ephemeris
from perilune.moon.gravity import SphericalHarmonicField, field_of
from perilune.moon.gravity_files import HarmonicCoefficients
from perilune.moon.lunar_field import lunar_field
from perilune.moon.planets import GM_PLANETS_M3_S2, PLANETS_THAT_MATTER, Planets, load_planets
from perilune.moon.time import Epoch
from perilune.scenario.brought import coefficients
from perilune.scenario.errors import ScenarioError, nearest

# What is of another type is refused in words, also where annotations are checked as the program runs.
if TYPE_CHECKING:
    Degree: TypeAlias = int | None
else:
    Degree = object

BODIES = ("earth", "moon", "sun", *GM_PLANETS_M3_S2)


@dataclass(frozen=True, kw_only=True)
class Forces:
    """What acts on a coast; the defaults are good to a metre or so over a transfer.

    `bodies` pull as point masses. `moon_degree` and `earth_degree` add their figures: 0 is none, None is all the field has. The fields that
    come with Perilune (LP165P and EGM2008) end at degree 10 and 6; `moon_gravity_file` (.sha, .tab, .gfc, .cof) brings another.
    Sunlight pushes when `area_over_mass_m2_kg` is above zero. `gm_m3_s2` replaces a body's GM, to compare with another program.
    """

    bodies: tuple[str, ...] = ("earth", "moon", "sun", *PLANETS_THAT_MATTER)
    moon_degree: Degree = None
    moon_gravity_file: str | Path | None = None
    earth_degree: Degree = None
    earth_gravity_file: str | Path | None = None
    area_over_mass_m2_kg: float = 0.0
    reflectivity: float = 1.5
    gm_m3_s2: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self):
        unknown = [body for body in (*self.bodies, *self.gm_m3_s2) if body not in BODIES]
        complaints = [f"forces: there is no body '{body}'; {nearest(body, BODIES)}" for body in unknown]
        if not 0.0 <= self.area_over_mass_m2_kg < math.inf:
            complaints.append(f"forces.area_over_mass_m2_kg is {self.area_over_mass_m2_kg}; it must be a number, and not negative")
        for name, degree in (("moon_degree", self.moon_degree), ("earth_degree", self.earth_degree)):
            if degree is not None and (isinstance(degree, bool) or not isinstance(degree, int | np.integer) or degree < 0):
                complaints.append(
                    f"forces.{name} is {degree!r}; it must be a whole number, not negative: 0 is none, None is all the field has"
                )
        for body, gm_m3_s2 in self.gm_m3_s2.items():
            if not 0.0 <= gm_m3_s2 < math.inf:
                complaints.append(f"forces.gm_m3_s2 of {body} is {gm_m3_s2}; it must be a number, and not negative")
        if not 0.0 <= self.reflectivity <= 2.0:
            complaints.append(f"forces.reflectivity is {self.reflectivity}; it must lie in [0, 2] (1 absorbs all, 2 sends all back)")
        if complaints:
            raise ScenarioError(complaints)

    def over(self, epoch: Epoch, duration_s: float) -> Cislunar:
        """The forces for the window [epoch, epoch + duration]; opens the gravity files. Raises `ScenarioError`."""
        push = Cannonball(*(jnp.asarray(value) for value in (self.area_over_mass_m2_kg, self.reflectivity)))
        try:
            return Cislunar(
                ephemeris=load_ephemeris(epoch, duration_s),
                moon_field=self._moon_field(),
                earth_figure=self._earth_figure(epoch, duration_s),
                planets=self._planets(epoch, duration_s),
                radiation=push if self.area_over_mass_m2_kg > 0.0 else None,
                gm_earth_m3_s2=self._gm_m3_s2("earth", GM_EARTH_M3_S2),
                gm_sun_m3_s2=self._gm_m3_s2("sun", GM_SUN_M3_S2),
            )
        except ScenarioError:
            raise
        except ValueError as error:
            raise ScenarioError(f"forces: {error}") from None

    def _gm_m3_s2(self, body: str, usual_m3_s2: float):
        return jnp.asarray(self.gm_m3_s2.get(body, usual_m3_s2) if body in self.bodies else 0.0, dtype=float)

    def _moon_field(self) -> SphericalHarmonicField:
        whole = field_of(_coefficients(self.moon_gravity_file, self.moon_degree, lunar_field()))
        gm_m3_s2 = self._gm_m3_s2("moon", float(whole.gm_m3_s2))
        degree = whole.degree if self.moon_degree is None else self.moon_degree
        cut = whole.truncated(degree if "moon" in self.bodies else 0)
        return SphericalHarmonicField(gm_m3_s2, cut.radius_m, cut.c, cut.s)

    def _earth_figure(self, epoch: Epoch, duration_s: float) -> EarthFigure | None:
        if self.earth_degree == 0 or "earth" not in self.bodies:
            return None
        whole = field_of(_coefficients(self.earth_gravity_file, self.earth_degree, earth_field()))
        cut = whole.truncated(whole.degree if self.earth_degree is None else self.earth_degree)
        return EarthFigure(load_earth_orientation(epoch, duration_s), cut)

    def _planets(self, epoch: Epoch, duration_s: float) -> Planets | None:
        names = [body for body in self.bodies if body in GM_PLANETS_M3_S2]
        if not names:
            return None
        found = load_planets(epoch, duration_s, names)
        return Planets(found.from_barycentre_m, jnp.asarray([self.gm_m3_s2.get(name, GM_PLANETS_M3_S2[name]) for name in names]))


def _coefficients(path: str | Path | None, degree: int | None, ours: HarmonicCoefficients) -> HarmonicCoefficients:
    return ours if path is None else coefficients(Path(path), degree, "forces")
