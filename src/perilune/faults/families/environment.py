"""What the Moon does that nobody planned for."""

from perilune.faults.named import NamedFault, Strike, Units
from perilune.faults.operations import Operation

ENVIRONMENT = {
    "ground.higher": NamedFault(
        "the ground stands higher than the map says, everywhere below the lander",
        (Strike("ground.height", Operation.ADD),),
        *("m", 300.0, -6000.0, 6000.0),
        shown="Hakuto-R M1, 25 April 2023: the rim of Atlas, some 3 km, passed below (ispace, 2023-05-26)",
    ),
    "ground.rough": NamedFault(
        "heights of the small relief (waves below some 450 m) are larger, and slopes with them",
        (Strike("ground.small-relief", Operation.SCALE),),
        *("share more", 1.0, -1.0, 5.0),
    ),
    "ground.mountainous": NamedFault(
        "heights of the large relief (waves beyond some 450 m) are larger",
        (Strike("ground.large-relief", Operation.SCALE),),
        *("share more", 1.0, -1.0, 5.0),
    ),
    "ground.slippery": NamedFault(
        "pads find less grip: this coefficient of friction",
        (Strike("ground.friction", Operation.HOLD),),
        *("-", 0.2, 0.0, 1.0),
    ),
    "ground.soft": NamedFault(
        "the ground bears less, and pads sink deeper",
        (Strike("ground.bearing", Operation.SCALE, -1.0),),
        *("share lost", 0.8, 0.0, 0.99),
    ),
    "ground.boulder": NamedFault(
        "a boulder of this height lies where a pad comes down",
        (Strike("leg.height", Operation.ADD, -1.0),),
        *("m", 0.4, 0.0, 2.0, Units.PAD),
    ),
    "ground.dark": NamedFault(
        "the ground returns little: altimeter and velocimeter reach less far",
        (Strike("altimeter.reach", Operation.SCALE, -1.0), Strike("velocimeter.reach", Operation.SCALE, -1.0)),
        *("share lost", 0.7, 0.0, 1.0),
        shown="Resilience, 5 June 2025: little light from the ground is one of four causes that may have been (ispace, 2025-06-24)",
    ),
    "plume.dust": NamedFault(
        "dust under the engines: the altimeter is not valid at ranges below this",
        (Strike("altimeter", Operation.ONLY_ABOVE),),
        *("m", 20.0, 0.0, 500.0),
    ),
}
