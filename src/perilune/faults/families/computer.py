"""Faults of clock, memory, processor and commands."""

from perilune.faults.channels import COMMAND_LINES
from perilune.faults.named import ONCE_S, NamedFault, Strike, Units
from perilune.faults.operations import Operation

PROCESSOR_STOPS = Strike("memory.processor", Operation.HOLD)
PULSED_AND_THROTTLED = ("command.engines", "command.thrusters")

COMPUTER = {
    "clock.jump": NamedFault("the onboard clock is off", (Strike("clock", Operation.ADD),), *("s", 10.0, -1e5, 1e5)),
    "clock.drift": NamedFault("the onboard clock runs fast", (Strike("clock", Operation.DRIFT),), *("s/s", 1e-3, -0.5, 0.5)),
    "state.upset": NamedFault(
        "a word of flight software's state changes once; of an array, the first element",
        (Strike("memory.word", Operation.ADD),),
        *("unit of the word", 1.0, -1e30, 1e30, Units.WORD, ONCE_S),
    ),
    "command.lost": NamedFault(
        "one line of command does not arrive and reads as off",
        tuple(Strike(f"command.{line}", Operation.HOLD, fixed=0.0) for line in COMMAND_LINES),
        units=Units.LINE,
        lasts_s=1.0,
        shown="Luna-25: commands of mixed priority in one array, of which the device executed some (Roscosmos, 2023-10-03)",
    ),
    "computer.overrun": NamedFault(
        "cycles are missed: engines and thrusters get new orders no more often than this",
        tuple(Strike(line, Operation.RENEW) for line in PULSED_AND_THROTTLED),
        *("s", 1.0, 0.0, 60.0),
        shown="Apollo 11, 20 July 1969: program alarms 1201 and 1202, the computer short of time (NASA)",
    ),
    "computer.reset": NamedFault(
        "the computer restarts: engines and thrusters off for so long, then it goes on from the memory that it had",
        (PROCESSOR_STOPS, *(Strike(line, Operation.HOLD, fixed=0.0) for line in PULSED_AND_THROTTLED)),
        *("s", 10.0, 0.0, 600.0, Units.NONE, None),
        shown="Beresheet, 11 April 2019: a command to an inertial unit restarted the computer, and the engine went off (SpaceIL, 2019-04-17)",
    ),
    "computer.hangs": NamedFault(
        "the computer hangs: the last orders stand for so long, then it goes on from the memory that it had",
        (PROCESSOR_STOPS, *(Strike(line, Operation.FREEZE) for line in PULSED_AND_THROTTLED)),
        *("s", 2.0, 0.0, 600.0, Units.NONE, None),
    ),
    "state-vector.late": NamedFault(
        "the state vector that the ground sends is told for a time so much too late: the lander is farther along than it believes",
        (Strike("state-vector.clock", Operation.ADD),),
        *("s", 4.0, -60.0, 60.0),
        shown="Apollo 11, 20 July 1969: some 7 km farther along than believed, which is 4 s (NASA, Mission Report)",
    ),
    "state-vector.missing": NamedFault("the ground sends no state vector", (Strike("state-vector", Operation.SILENCE),)),
}
