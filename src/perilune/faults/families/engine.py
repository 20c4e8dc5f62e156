"""Faults of the main engines."""

from perilune.faults.named import NamedFault, Strike, Units
from perilune.faults.operations import Operation

# A nozzle that is gone lets the jet out askew; SLIM's side force was not published.
ASIDE_WITHOUT_NOZZLE = 0.1

ENGINE = {
    "engine.thrust-loss": NamedFault(
        "an engine gives less thrust; its flow falls with it",
        (Strike("engine.thrust", Operation.SCALE, -1.0),),
        *("share lost", 0.1, 0.0, 1.0, Units.ENGINE),
    ),
    "engine.thrust-high": NamedFault(
        "an engine gives more thrust than ordered; its flow grows with it",
        (Strike("engine.thrust", Operation.SCALE),),
        *("share gained", 0.03, 0.0, 0.3, Units.ENGINE),
        shown="Chandrayaan-2, 6 September 2019: engines gave more than was believed (ISRO, 2023-07-10); by how much was not told",
    ),
    "engine.stuck": NamedFault(
        "an engine's valve stays at this throttle, whatever is ordered",
        (Strike("engine.valve", Operation.HOLD),),
        *("throttle", 1.0, 0.0, 1.2, Units.ENGINE),
    ),
    "engine.out": NamedFault(
        "an engine gives nothing, whatever is ordered; from the start, it does not light",
        (Strike("engine.valve", Operation.HOLD, fixed=0.0),),
        units=Units.ENGINE,
        shown="Surveyor 2, 20 September 1966: one of three vernier engines did not light (NASA)",
    ),
    "engine.isp-drop": NamedFault(
        "an engine burns more propellant for the same thrust",
        (Strike("engine.isp", Operation.SCALE, -1.0),),
        *("share lost", 0.05, 0.0, 0.9, Units.ENGINE),
    ),
    "engine.slow": NamedFault(
        "an engine's thrust takes longer to rise: so much is added to its time constant",
        (Strike("engine.rise", Operation.ADD),),
        *("s", 1.0, 0.0, 20.0, Units.ENGINE),
    ),
    "engine.throttle-floor": NamedFault(
        "an engine does not throttle below this; an order for less than half of it shuts the valve",
        (Strike("engine.floor", Operation.AT_LEAST),),
        *("throttle", 0.8, 0.0, 1.0, Units.ENGINE),
    ),
    "engine.nozzle-lost": NamedFault(
        "an engine's nozzle breaks off: it gives less, and a tenth of what is left pushes aside",
        (Strike("engine.thrust", Operation.SCALE, -1.0), Strike("engine.aside", Operation.ADD, fixed=ASIDE_WITHOUT_NOZZLE)),
        *("share lost", 0.9, 0.0, 1.0, Units.ENGINE),
        shown="SLIM, 19 January 2024: of two engines one lost its nozzle near 50 m, 55 % of the thrust was left (JAXA, 2024-01-25)",
    ),
    "engine.misaligned": NamedFault(
        "an engine pushes askew, towards +x of the body",
        (Strike("engine.aside", Operation.ADD),),
        *("rad", 0.01, -0.2, 0.2, Units.ENGINE),
    ),
    "engine.wont-stop": NamedFault(
        "an engine that burns goes on when it is ordered off, at its last throttle",
        (Strike("command.engines", Operation.KEEP_ON),),
        units=Units.ENGINE,
        shown="Surveyor 3, 20 April 1967: the engines were not cut and burned on through two bounces (NASA)",
    ),
    "engine.no-restart": NamedFault(
        "an engine that goes off does not light again",
        (Strike("command.engines", Operation.NO_RETURN),),
        units=Units.ENGINE,
        shown="Beresheet, 11 April 2019: five or six restarts failed (SpaceIL, 2019-04-17)",
    ),
    "engine.chuffing": NamedFault(
        "an engine burns in bursts of 0.4 s, and between them gives less",
        (Strike("engine.thrust", Operation.CHUFF),),
        *("share lost between", 0.3, 0.0, 1.0, Units.ENGINE),
    ),
}
