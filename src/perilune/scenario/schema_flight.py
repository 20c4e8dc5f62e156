"""What flight software believes and how it is set, and the phases of the flight."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, model_validator

from perilune.scenario.schema_impact import ImpactBand
from perilune.scenario.schema_quantity import complain
from perilune.scenario.schema_table import AcuteAngle, Count, Elevation, NonNegative, Number, Positive, Share, Table, Within
from perilune.scenario.schema_vehicle import ModeName, ThrottleShare

Scale: TypeAlias = Annotated[Number, Within(0.5, 2, "a factor on the nominal value")]
DeviceCommand: TypeAlias = Literal["accelerometers_on", "altimeter_on", "velocimeter_on"]
Acting: TypeAlias = Literal["attitude_diverged", "propellant_low", "silent_accelerometers", "burn_too_long", "ground_missing"]
Aborting: TypeAlias = Literal["attitude_diverged", "propellant_low", "weak_thrust", "silent_accelerometers", "engine_lost"]
Slope: TypeAlias = Annotated[Number, Within(1e-4, 1, "a tangent")]
Cycle: TypeAlias = Annotated[Number, Within(0.02, 1, "seconds")]


class Belief(Table):
    """What flight software holds for true where it is not the nominal value of the world."""

    gravity_degree: Count = 8
    mass_start_kg: Positive | None = None
    mass_dry_kg: Positive | None = None
    thrust_scale: Scale | None = None
    isp_scale: Scale | None = None
    sensor_sigma_scale: Scale | None = None


class LandingBelief(Belief):
    """The same of a lander, and of the ground below its way."""

    terrain_sigma_m: Positive = Field(description="relief about the site's height, along the approach")
    terrain_correlation_km: Positive
    terrain_slope: Slope = Field(description="rms tangent of the ground along the approach, over some hundred metres")
    slope_correlation_km: Positive = Field(description="way over which that slope is forgotten; lower down, the height over the ground")
    small_relief_m: Positive = Field(description="relief too small for that slope")
    small_slope: Slope = Field(description="rms tangent of that relief")
    site_elevation_m: Elevation | None = None
    altimeter_noise_m: Positive | None = Field(default=None, description="of a range, with what the ground below may do to it")


class Gate(Table):
    """Which readings the filter believes. Refusing for good is what lost Hakuto-R Mission 1."""

    sigmas: Positive
    limit_m: Positive | None = Field(default=None, description="innovations beyond it are refused, however large their sigma")
    policy: Literal["reject_once", "readmit", "reject_for_good"]
    count: Count = Field(default=1, description="refusals in a row before the policy acts")


class Gates(Table):
    star_tracker: Gate


class LandingGates(Gates):
    altimeter: Gate
    velocimeter: Gate


class OrbitBurn(Table):
    """Burn that lowers the orbit: it ends on counted velocity, or on its back-up timer."""

    timer_factor: Positive = Field(description="back-up timer of a burn over its expected duration")
    descent_timer_s: Positive | None = Field(default=None, description="back-up timer of the burn to the pre-landing orbit, if it is known")


class Braking(Table):
    """Targets at the end of braking: a gate over the ground."""

    gate_altitude_m: Positive
    gate_downrange_m: NonNegative = Field(description="of the site beyond the gate")
    vertical_m_s: NonNegative = Field(description="downward")
    horizontal_m_s: NonNegative
    throttle_nominal: ThrottleShare
    throttle_min: ThrottleShare
    throttle_max: ThrottleShare
    freeze_s: Positive = Field(description="the solution is held below this time to go")


class ApolloPhase(Table):
    """The target of a phase in Apollo's law, in axes fixed to the site: up, and forward along the way of flight."""

    up_m: Number
    forward_m: Number
    up_m_s: Number
    forward_m_s: Number
    up_m_s2: Number
    forward_m_s2: Number
    forward_m_s3: Number
    ends_s: NonNegative = Field(description="the phase is over so long before the target would be reached")


class ApolloIgnition(Table):
    """Where braking begins: the state at throttle-up, and how the place forward moves with height, offset and speed."""

    up_m: Number
    forward_m: Number
    speed_m_s: Positive = Field(description="inertial")
    per_up: Number
    per_across_1_m: Number
    per_speed_s: Number


class Apollo(Table):
    """Apollo's laws in place of those of braking and approach, whose tables then only lay the flight out."""

    ignition: ApolloIgnition
    braking: ApolloPhase
    approach: ApolloPhase
    trim_s: NonNegative = Field(description="at low thrust after ignition")
    trim_share: ThrottleShare = Field(description="of full thrust, during it")
    throttled_max_share: ThrottleShare = Field(description="most that the engine can be throttled to; above it only its fixed point")
    recover_share: ThrottleShare = Field(description="the throttle follows once less is ordered")
    fix_share: ThrottleShare = Field(description="and goes back to the fixed point once more is ordered")

    @model_validator(mode="after")
    def _does_not_hunt(self) -> "Apollo":
        if self.fix_share <= self.recover_share:
            raise complain(("fix_share", f"is {self.fix_share:g}; it must be above recover_share, {self.recover_share:g}"))
        return self


class AttitudeHold(Table):
    """A leg after braking in one attitude and at one throttle, for cameras or altimeters to look."""

    duration_s: Positive
    tilt_deg: AcuteAngle = Field(description="of the thrust from the vertical, against the motion, where the hold begins")
    thrust_share: ThrottleShare = Field(description="of all that burns in braking, at full")


class PitchUp(Table):
    upright_deg: AcuteAngle = Field(description="pitch-up ends at this tilt")


class Approach(Table):
    """Flight to a point over the site."""

    wanted: bool
    law: Literal["polynomial", "gravity_turn"] = Field(
        default="polynomial", description="to the site along a polynomial, or wherever a turn against the velocity leads"
    )
    gain: Annotated[Number, Within(6, 12, "6: E-guidance, 12: Apollo's law without jerk")]
    end_altitude_m: Positive
    end_vertical_m_s: NonNegative = Field(description="downward")
    tilt_max_deg: AcuteAngle
    dive_m_s2: NonNegative | None = Field(
        default=None, description="the fall may be sped up by it at first and slowed down at last; none: an even fall"
    )
    give_way_m: NonNegative | None = Field(
        default=None,
        description="the place may be given up by so much where the tilt limit leaves no way to it; by any distance, if not given",
    )


class VerticalDescent(Table):
    """Rate of descent against height."""

    touchdown_m_s: Positive
    low_altitude_m: Positive = Field(description="constant speed below")
    deceleration_m_s2: Positive
    descent_max_m_s: Positive
    vertical_gain_hz: Positive
    horizontal_gain_hz: Positive
    tilt_max_deg: AcuteAngle
    tilt_low_deg: AcuteAngle


class Hover(Table):
    """A stop in vertical descent, over the ground below."""

    altitude_m: Positive
    duration_s: Positive
    descent_max_m_s: Positive = Field(description="after it")


class FreeFall(Table):
    """The engines are cut above the ground."""

    altitude_m: Positive = Field(description="of the centre of mass, as believed")
    tilt_deg: AcuteAngle = Field(description="held while it falls, toward +x")


class Attitude(Table):
    """Attitude control."""

    frequency_rad_s: Positive
    damping: Positive
    turn_max_deg_s: Positive
    dead_band_deg: Positive
    disturbance_max_n_m: Positive | None = Field(
        default=None, description="of a torque that is learnt and held against; 100 if it is not given"
    )


class Monitors(Table):
    """Confirmation counters and limits."""

    other_cycles: Count
    attitude_error_deg: AcuteAngle
    propellant_min_kg: NonNegative
    accel_share_min: Share
    act: tuple[Acting, ...] = Field(default=(), description="monitors that do something about what they see; the others report")
    burn_time_factor: Scale | None = Field(default=None, description="of its expected duration that a burn may take; 1.15 if not given")


class LandingMonitors(Monitors):
    """The same of a lander."""

    touchdown_cycles: Count
    secure_s: NonNegative = Field(description="from touchdown to the surface mode")
    pads_needed: Count = Field(default=1, description="that must report a touch")
    ground_margin_m: Positive | None = Field(
        default=None,
        description="that it may sink on in the last metres, as believed, before the ground counts as missing; 50 if not given",
    )


class EngineOut(Table):
    """Finds the engine that has failed, shuts it, and its opposite in a ring, and shares the thrust among the others."""

    confirm_s: Positive
    act: bool = True


class Restart(Table):
    """A warm restart: what the computer knew is carried over the gap by gravity alone."""

    longest_s: Positive = Field(
        description="a longer gap of the onboard clock is taken for a jump of the clock, as every gap is without this table"
    )


class Voting(Table):
    """Which of several inertial units is believed: of three the middle of their readings, of two the first, until one is found out."""

    disagree_sigmas: Positive = Field(description="of what two sound units may differ by; beyond it they disagree")
    confirm_s: Positive = Field(description="so long a unit must be alone, or not to be believed, before it is set aside for good")


class Abort(Table):
    """Back to orbit when a monitor calls for it and the propellant suffices."""

    altitude_km: Positive = Field(description="of the lowest point of that orbit, over the sphere of 1,737.4 km")
    margin_m_s: NonNegative = Field(description="of speed, to be left over")
    monitors: tuple[Aborting, ...] = Field(min_length=1, description="that may call for it")


class FlightSoftware(Table):
    """Settings of flight software."""

    cycle_s: Cycle
    arrays: Literal["by_priority", "mixed"] = Field(default="by_priority", description="how commands for the inertial unit are packed")
    gates: Gates
    orbit_burn: OrbitBurn | None = None
    attitude: Attitude
    monitors: Monitors
    engine_out: EngineOut | None = None
    restart: Restart | None = None
    voting: Voting | None = None


class LandingSoftware(FlightSoftware):
    """The same of a lander."""

    gates: LandingGates
    braking: Braking
    apollo: Apollo | None = None
    attitude_hold: AttitudeHold | None = None
    pitch_up: PitchUp
    approach: Approach
    vertical_descent: VerticalDescent
    hovers: tuple[Hover, ...] = Field(default=(), description="from the highest down")
    free_fall: FreeFall | None = None
    monitors: LandingMonitors
    abort: Abort | None = None

    @model_validator(mode="after")
    def _comes_down(self) -> "LandingSoftware":
        heights = [float(hover.altitude_m) for hover in self.hovers]
        if heights != sorted(heights, reverse=True) or len(set(heights)) < len(heights):
            raise complain(("hovers", f"stand at {', '.join(f'{height:g}' for height in heights)} m; give them from the highest down"))
        if self.hovers and heights[-1] <= self.vertical_descent.low_altitude_m:
            given = f"is {heights[-1]:g}; it must be above vertical_descent.low_altitude_m, {self.vertical_descent.low_altitude_m:g}"
            raise complain((f"hovers[{len(heights) - 1}].altitude_m", given))
        return self


class AsFlown(Table):
    """What went wrong in the real flight: its published cause, and nothing else."""

    cause: str = Field(min_length=1, description="as published, in a sentence")
    lost_commands: tuple[DeviceCommand, ...] = Field(default=(), description="sent, and never carried out by the device")
    faults: tuple[str, ...] = Field(default=(), description="in the words of `perilune faults`: NAME[.unit][:size][@trigger]")
    instead: dict[str, Any] = Field(default_factory=dict, description="tables of this file, with what they held in the real flight")
    mended: dict[str, Any] = Field(default_factory=dict, description="tables that would have saved it, the cause being there all the same")
    caveat: str = Field(description="what of this flight is no prediction, in a sentence for its reader")
    impact: ImpactBand | None = Field(default=None, description="what is known of a burn that led to the ground")

    @model_validator(mode="after")
    def _something_was_wrong(self) -> "AsFlown":
        if not (self.lost_commands or self.faults or self.instead):
            raise complain(("", "changes nothing; give lost_commands, faults, or instead"))
        return self


class SequenceRow(Table):
    """A command, and the one event that releases it. `priority` is that in the array to its device: 1 before 2."""

    command: DeviceCommand | Literal["gyro_mode", "arm_braking"]
    met_s: NonNegative | None = None
    before_burn_s: NonNegative | None = Field(default=None, description="before the first burn of the burn table")
    before_ignition_s: NonNegative | None = Field(default=None, description="before braking is expected to begin")
    mode: ModeName | None = None
    below_altitude_m: Positive | None = Field(default=None, description="as believed")
    priority: Literal[1, 2] = Field(default=1, description="of a command for the inertial unit")

    @model_validator(mode="after")
    def _has_one_release(self) -> "SequenceRow":
        releases = ("met_s", "before_burn_s", "before_ignition_s", "mode", "below_altitude_m")
        given = [key for key in releases if getattr(self, key) is not None]
        if len(given) != 1:
            raise complain(("", f"has {' and '.join(given) or 'no release'}; give exactly one of {', '.join(releases)}"))
        return self


class Phase(Table):
    """A coast or a powered phase, and what ends it."""

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    kind: Literal["coast", "powered"]
    entry: str | None = Field(default=None, description="word by which --from starts a flight here")
    until: Literal["descent_orbit_burn", "burn_over", "ignition", "rest"]
    lead_s: NonNegative | None = Field(default=None, description="ends this long before that moment, as predicted")
    linger_s: NonNegative | None = Field(default=None, description="ends this long after that moment")
    longest_s: Positive = Field(description="time allowed, for a powered phase")

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "Phase":
        ends = {"coast": ("descent_orbit_burn", "ignition"), "powered": ("burn_over", "rest")}[self.kind]
        if self.until not in ends:
            raise complain(("until", f"is '{self.until}'; a {self.kind} phase ends at {' or '.join(ends)}"))
        return self
