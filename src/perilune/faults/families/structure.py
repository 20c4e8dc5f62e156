"""Faults of legs, tanks and masses."""

from perilune.faults.named import NamedFault, Strike, Units
from perilune.faults.operations import Operation

OUT_OF_REACH_M = 10.0
RIGID = 99.0  # times its load more, before a strut gives

STRUCTURE = {
    "leg.missing": NamedFault(
        "a leg has not unfolded: its pad never meets the ground",
        (Strike("leg.height", Operation.ADD, fixed=OUT_OF_REACH_M),),
        units=Units.PAD,
    ),
    "leg.short": NamedFault(
        "a leg is short by this: its pad stands higher",
        (Strike("leg.height", Operation.ADD),),
        *("m", 0.2, 0.0, 2.0, Units.PAD),
    ),
    "strut.weak": NamedFault(
        "the struts of all legs give at a smaller load", (Strike("strut.load", Operation.SCALE, -1.0),), *("share lost", 0.5, 0.0, 0.95)
    ),
    "strut.locked": NamedFault("the struts of all legs do not give", (Strike("strut.load", Operation.SCALE, fixed=RIGID),)),
    "mass.shifted": NamedFault(
        "the centre of mass lies aside of where it was believed",
        (Strike("mass.centre", Operation.ADD),),
        *("m", 0.02, -0.5, 0.5, Units.AXIS),
    ),
    "mass.heavier": NamedFault(
        "the lander is heavier than was believed; its moments of inertia stay",
        (Strike("mass.dry", Operation.ADD),),
        *("kg", 20.0, -500.0, 500.0),
    ),
    "slosh.undamped": NamedFault(
        "baffles are lost: the propellant swings with less damping",
        (Strike("slosh.damping", Operation.SCALE, -1.0),),
        *("share lost", 0.9, 0.0, 1.0),
    ),
    "propellant.leak": NamedFault(
        "propellant leaks out, without a push",
        (Strike("tank.propellant", Operation.ADD, -1.0),),
        *("kg/s", 0.1, 0.0, 10.0),
    ),
    "pressure.lost": NamedFault(
        "the tanks lose pressure: all thrust fades, by e to the minus this for each second",
        (Strike("engine.thrust", Operation.FADE), Strike("thruster.thrust", Operation.FADE)),
        *("1/s", 5e-4, 0.0, 0.1),
    ),
}
