"""The lander: mass, engines, thrusters, slosh, legs, limits; structure axes (origin at the centre of the pads' plane, z up)."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from perilune.scenario.schema_quantity import complain
from perilune.scenario.schema_table import (
    AcuteAngle,
    Count,
    Direction,
    NonNegative,
    Number,
    Percent,
    Position,
    Positive,
    PositiveTriplet,
    Share,
    Table,
    Within,
)

ModeName: TypeAlias = Literal["coast", "burn", "braking", "attitude_hold", "pitch_up", "approach", "vertical_descent", "free_fall"]
Azimuth: TypeAlias = Annotated[Number, Within(-360, 360, "degrees from body x toward body y")]
ThrottleShare: TypeAlias = Annotated[Number, Within(0, 1.2, "a share of full thrust", above=True)]
# No lander's legs take more; a limit beyond would call a wreck a landing.
TouchSpeed: TypeAlias = Annotated[Number, Within(0, 15, "metres a second that legs can take", above=True)]
Isp: TypeAlias = Annotated[Number, Within(50, 1000, "seconds")]


class Hull(Table):
    """A box of points that touch the ground if it tips."""

    radius_m: Positive
    base_m: NonNegative
    top_m: Positive

    @model_validator(mode="after")
    def _stands_upright(self) -> "Hull":
        if self.base_m >= self.top_m:
            raise complain(("base_m", f"is {self.base_m:g}; it must be below top_m, {self.top_m:g}"))
        return self


class Vehicle(Table):
    """Mass and its distribution; full is the start of the flight, empty is without propellant."""

    mass_start_kg: Positive
    mass_dry_kg: Positive
    tank_full_kg: Positive = Field(description="propellant of full tanks, by which the gauge is scaled")
    com_full_m: Positive = Field(description="height of the centre of mass over the pads")
    com_empty_m: Positive
    inertia_full_kg_m2: PositiveTriplet
    inertia_empty_kg_m2: PositiveTriplet
    hull: Hull

    @property
    def propellant_kg(self) -> float:
        """What is aboard at the start."""
        return self.mass_start_kg - self.mass_dry_kg

    @model_validator(mode="after")
    def _has_propellant(self) -> "Vehicle":
        if self.mass_dry_kg >= self.mass_start_kg:
            raise complain(("mass_dry_kg", f"is {self.mass_dry_kg:g}; it must be below mass_start_kg, {self.mass_start_kg:g}"))
        if self.propellant_kg > self.tank_full_kg:
            given = f"is {self.mass_start_kg:g}, {self.propellant_kg:g} kg of it propellant"
            raise complain(("mass_start_kg", f"{given}; the tanks hold {self.tank_full_kg:g} kg (tank_full_kg)"))
        return self

    @model_validator(mode="after")
    def _could_be_a_body(self) -> "Vehicle":
        for key in ("inertia_full_kg_m2", "inertia_empty_kg_m2"):
            moments = sorted(getattr(self, key))
            if moments[2] > moments[0] + moments[1]:
                raise complain((key, f"is {list(getattr(self, key))}; of a body no moment exceeds the sum of the other two"))
        return self


class Engines(Table):
    """Equal engines that push along +z, alone in the middle or evenly on a ring."""

    name: str
    count: Count
    thrust_n: Positive
    isp_s: Isp
    throttle_min: ThrottleShare
    throttle_max: ThrottleShare
    rise_tau_s: NonNegative
    fall_tau_s: NonNegative
    ring_radius_m: NonNegative
    ring_azimuth_deg: Azimuth = Field(description="of the first engine of the ring")
    height_m: NonNegative
    used_in: tuple[ModeName, ...]
    relit: bool = Field(
        default=False, description="shut and lit again in vertical descent, where its least thrust is too much for hovering"
    )

    @model_validator(mode="after")
    def _has_a_band(self) -> "Engines":
        if self.throttle_min > self.throttle_max:
            raise complain(("throttle_min", f"is {self.throttle_min:g}; it must be at most throttle_max, {self.throttle_max:g}"))
        return self


class Thrusters(Table):
    """Equal pulsed thrusters in one of the known layouts.

    `axial_ring`: evenly on a ring, all pushing along +z. `couples_on_three_axes`: twelve, in pairs that turn and push nowhere.
    `eight_on_three_axes`: eight in four blocks.
    """

    name: str
    layout: Literal["axial_ring", "couples_on_three_axes", "eight_on_three_axes"]
    count: Count
    thrust_n: Positive
    isp_s: Isp
    arm_m: Positive
    ring_azimuth_deg: Azimuth | None = Field(default=None, description="of the first thruster of an axial ring")
    height_m: NonNegative
    shortest_pulse_s: Positive
    thrust_in: tuple[ModeName, ...] = Field(default=(), description="modes in which it may give thrust")
    torque_in: tuple[ModeName, ...] = Field(default=(), description="modes in which it may give torque")

    @model_validator(mode="after")
    def _fits_its_layout(self) -> "Thrusters":
        wanted = {"couples_on_three_axes": 12, "eight_on_three_axes": 8}.get(self.layout, self.count)
        if self.count != wanted:
            raise complain(("count", f"is {self.count}; the layout {self.layout} has {wanted}"))
        return self


class Slosh(Table):
    """One pendulum for the propellant of all tanks."""

    liquid_share: Share
    damping: Share = Field(description="share of critical damping")
    length_m: Positive
    hinge_height_m: Positive
    offset_max_m: Positive


class Pad(Table):
    """A pad that stands somewhere else than evenly on a circle."""

    position_m: Position
    crushes_along: Direction = Field(description="from the pad into the body: the way in which its leg crushes")

    @model_validator(mode="after")
    def _crushes_somewhere(self) -> "Pad":
        if not any(self.crushes_along):
            raise complain(("crushes_along", "is [0, 0, 0]; it must point from the pad into the body"))
        return self


class Legs(Table):
    """Equal crushable legs, evenly about the axis, or where `pads` says."""

    count: Annotated[int, Field(ge=3, le=6)]
    pad_circle_m: Positive = Field(description="radius of the circle of the pads; with `pads`, half of the ground that they take up")
    pad_radius_m: Positive
    stroke_m: Positive
    crush_n: Positive
    azimuth_deg: Azimuth
    pads: tuple[Pad, ...] = Field(default=(), description="for a lander that does not come to rest upright")

    @model_validator(mode="after")
    def _pads_are_counted(self) -> "Legs":
        if self.pads and len(self.pads) != self.count:
            raise complain(("count", f"is {self.count}, and there are {len(self.pads)} pads; give as many"))
        return self


class Limits(Table):
    """What counts as a landing."""

    vertical_m_s: TouchSpeed
    horizontal_m_s: TouchSpeed
    tilt_deg: AcuteAngle = Field(description="from the local vertical, at the first touch")
    slope_deg: AcuteAngle
    rest_tilt_deg: AcuteAngle = Field(description="at rest, it stands on its legs up to this tilt")
    rest_axis: Direction | None = Field(
        default=None, description="the axis that points up in the attitude in which it means to rest, if not +z"
    )


class Dispersions(Table):
    """1 sigma of what each flight draws for itself; sensors carry their own."""

    thrust_percent: Percent
    isp_percent: Percent
    misalignment_deg: AcuteAngle
    lag_percent: Percent
    thruster_percent: Percent
    mass_dry_percent: Percent
    propellant_percent: Percent
    com_mm: NonNegative
    inertia_percent: Percent
