"""Faults of the pulsed thrusters."""

from perilune.faults.named import NamedFault, Strike, Units
from perilune.faults.operations import Operation

THRUSTER = {
    "thruster.stuck-on": NamedFault(
        "a thruster's valve does not close",
        (Strike("thruster.open", Operation.AT_LEAST),),
        units=Units.THRUSTER,
        shown="Gemini 8, 16 March 1966: a thruster fired on until its ring was shut off (NASA)",
    ),
    "thruster.stuck-off": NamedFault(
        "a thruster's valve does not open", (Strike("thruster.shut", Operation.AT_LEAST),), units=Units.THRUSTER
    ),
    "thruster.weak": NamedFault(
        "a thruster gives less thrust; its flow falls with it",
        (Strike("thruster.thrust", Operation.SCALE, -1.0),),
        *("share lost", 0.3, 0.0, 1.0, Units.THRUSTER),
    ),
    "thruster.leak": NamedFault(
        "a thruster's valve does not close fully: it pushes with a share of its thrust all the time",
        (Strike("thruster.open", Operation.AT_LEAST),),
        *("share open", 0.05, 0.0, 1.0, Units.THRUSTER),
    ),
    "thruster.swapped": NamedFault(
        "a thruster's wires are exchanged with those of the thruster of this number",
        (Strike("command.thrusters", Operation.SWAP),),
        *("thruster", 1.0, 0.0, 99.0, Units.THRUSTER),
    ),
    "thruster.coarse": NamedFault(
        "a thruster makes no pulse shorter than this",
        (Strike("thruster.pulse", Operation.AT_LEAST),),
        *("s", 0.06, 0.0, 1.0, Units.THRUSTER),
    ),
}
