"""Faults of the units that tell flight software something."""

from perilune.faults.named import ONCE_S, NamedFault, Strike, Units
from perilune.faults.operations import Operation

NOT_A_NUMBER = float("nan")

INERTIAL = {
    "accelerometer.dead": NamedFault(
        "the accelerometers read zero and call it valid",
        (Strike("accelerometer", Operation.HOLD, fixed=0.0),),
        shown="Luna-25, 19 August 2023: they were never switched on (Roscosmos, 2023-10-03)",
    ),
    "accelerometer.bias": NamedFault(
        "an accelerometer's bias jumps",
        (Strike("accelerometer", Operation.ADD),),
        *("m/s2", 0.01, -10.0, 10.0, Units.AXIS),
    ),
    "accelerometer.scale": NamedFault(
        "an accelerometer reads long in proportion",
        (Strike("accelerometer", Operation.SCALE),),
        *("share", 0.01, -0.5, 0.5, Units.AXIS),
    ),
    "accelerometer.frozen": NamedFault(
        "an accelerometer repeats one reading", (Strike("accelerometer", Operation.FREEZE),), units=Units.AXIS
    ),
    "accelerometer.saturated": NamedFault(
        "an accelerometer reads no more than this, either way",
        (Strike("accelerometer", Operation.LIMIT),),
        *("m/s2", 2.0, 0.0, 100.0, Units.AXIS),
    ),
    "accelerometer.reversed": NamedFault(
        "an accelerometer reads with the wrong sign",
        (Strike("accelerometer", Operation.REVERSE),),
        units=Units.AXIS,
        shown="Genesis, 8 September 2004: its acceleration switches were mounted the wrong way round (NASA mishap report)",
    ),
    "gyro.drift": NamedFault(
        "a gyro reads a rate that is not there", (Strike("gyro", Operation.ADD),), *("rad/s", 1e-4, -0.1, 0.1, Units.AXIS)
    ),
    "gyro.scale": NamedFault(
        "a gyro reads long in proportion", (Strike("gyro", Operation.SCALE),), *("share", 0.01, -0.5, 0.5, Units.AXIS)
    ),
    "gyro.dead": NamedFault("a gyro reads zero and calls it valid", (Strike("gyro", Operation.HOLD, fixed=0.0),), units=Units.AXIS),
    "gyro.frozen": NamedFault("a gyro repeats one reading", (Strike("gyro", Operation.FREEZE),), units=Units.AXIS),
    "gyro.saturated": NamedFault(
        "a gyro reads this rate for a second, whatever the true one",
        (Strike("gyro", Operation.HOLD),),
        *("rad/s", 1.05, -10.0, 10.0, Units.AXIS, 1.0),
        shown="Schiaparelli, 19 October 2016: a second of saturation ended in a negative altitude (ESA)",
    ),
    "gyro.reversed": NamedFault(
        "a gyro reads with the wrong sign",
        (Strike("gyro", Operation.REVERSE),),
        units=Units.AXIS,
        shown="Proton-M, 2 July 2013: sensors of angular rate were mounted upside down (Roscosmos)",
    ),
    "star-tracker.dead": NamedFault("the star tracker says nothing", (Strike("star-tracker", Operation.SILENCE),)),
    "star-tracker.turned": NamedFault(
        "the star tracker is knocked askew, once and for good",
        (Strike("star-tracker.mount", Operation.ADD),),
        *("rad", 0.002, -0.1, 0.1, Units.AXIS, ONCE_S),
    ),
}

RANGING = {
    "altimeter.dead": NamedFault(
        "the altimeter says nothing",
        (Strike("altimeter", Operation.SILENCE),),
        shown="IM-1, 22 February 2024: the range finders could not fire (Intuitive Machines)",
    ),
    "altimeter.bias": NamedFault(
        "the altimeter reads long",
        (Strike("altimeter", Operation.ADD),),
        *("m", 100.0, -1e4, 1e4),
    ),
    "altimeter.scale": NamedFault(
        "the altimeter reads long in proportion", (Strike("altimeter", Operation.SCALE),), *("share", 0.05, -0.9, 2.0)
    ),
    "altimeter.late": NamedFault(
        "the altimeter is valid only below this range",
        (Strike("altimeter", Operation.ONLY_BELOW),),
        *("m", 893.0, 0.0, 1e5),
        shown="Resilience, 5 June 2025: first valid range at 893 m, not at 3 km (ispace, 2025-06-24)",
    ),
    "altimeter.blind-near": NamedFault(
        "the altimeter is valid only beyond this range", (Strike("altimeter", Operation.ONLY_ABOVE),), *("m", 100.0, 0.0, 1e5)
    ),
    "altimeter.noise": NamedFault(
        "the altimeter's readings scatter by this share of the range, 1 sigma",
        (Strike("altimeter", Operation.NOISE_SHARE),),
        *("share", 0.1, 0.0, 1.0),
        shown="IM-2, 6 March 2025: noise in the laser altimeter from some 30 km on down (Intuitive Machines); how much was not told",
    ),
    "altimeter.frozen": NamedFault("the altimeter repeats one reading", (Strike("altimeter", Operation.FREEZE),)),
    "altimeter.dropouts": NamedFault(
        "a share of the altimeter's readings is missing", (Strike("altimeter", Operation.DROPOUT),), *("share", 0.5, 0.0, 1.0)
    ),
    "altimeter.false-echo": NamedFault(
        "a share of the altimeter's readings come from anywhere short of the ground, and are called valid",
        (Strike("altimeter", Operation.ECHO),),
        *("share", 0.2, 0.0, 1.0),
    ),
    "altimeter.turned": NamedFault(
        "the altimeter is knocked askew, once and for good",
        (Strike("altimeter.mount", Operation.ADD),),
        *("rad", 0.02, -0.5, 0.5, Units.AXIS, ONCE_S),
    ),
    "velocimeter.dead": NamedFault("the velocimeter says nothing", (Strike("velocimeter", Operation.SILENCE),)),
    "velocimeter.no-ranges": NamedFault(
        "the velocimeter tells speeds and no ranges", (Strike("velocimeter.range", Operation.HOLD, fixed=NOT_A_NUMBER),)
    ),
    "velocimeter.bias": NamedFault(
        "a beam of the velocimeter reads fast",
        (Strike("velocimeter", Operation.ADD),),
        *("m/s", 1.0, -100.0, 100.0, Units.BEAM),
    ),
    "velocimeter.scale": NamedFault(
        "a beam of the velocimeter reads fast in proportion",
        (Strike("velocimeter", Operation.SCALE),),
        *("share", 0.05, -0.9, 2.0, Units.BEAM),
    ),
    "velocimeter.noise": NamedFault(
        "all beams of the velocimeter scatter by this, 1 sigma", (Strike("velocimeter", Operation.NOISE),), *("m/s", 1.0, 0.0, 100.0)
    ),
    "velocimeter.dropouts": NamedFault(
        "a share of the velocimeter's readings is missing, beam by beam",
        (Strike("velocimeter", Operation.DROPOUT),),
        *("share", 0.5, 0.0, 1.0),
    ),
}

OTHERS = {
    "touchdown.stuck-on": NamedFault(
        "a touchdown switch says that its pad stands on the ground",
        (Strike("touchdown", Operation.HOLD),),
        units=Units.PAD,
        shown="Mars Polar Lander, 3 December 1999: the unfolding of the legs was most likely taken for touchdown (JPL, 2000)",
    ),
    "touchdown.stuck-off": NamedFault(
        "a touchdown switch never closes", (Strike("touchdown", Operation.HOLD, fixed=0.0),), units=Units.PAD
    ),
    "gauge.bias": NamedFault("the propellant gauge reads long", (Strike("gauge", Operation.ADD),), *("kg", 30.0, -1000.0, 1000.0)),
    "gauge.frozen": NamedFault("the propellant gauge repeats one reading", (Strike("gauge", Operation.FREEZE),)),
}

SENSOR = INERTIAL | RANGING | OTHERS
