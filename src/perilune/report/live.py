"""The live display: a table that updates on a terminal, a line every tenth of the flight elsewhere."""

from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from perilune.sim.progress import Progress

LINE_EVERY_SHARE = 0.1
# A flight may stay in one tenth of its plan through all that matters: these heights get a line of their own.
LINE_AT_ALTITUDES_M = (10_000.0, 5_000.0, 2_000.0, 1_000.0, 500.0, 100.0, 20.0)


class Watch:
    """Called with each `Progress`; a context manager around the flight."""

    def __init__(self, console: Console):
        self._console = console
        self._live = Live(console=console, refresh_per_second=8, transient=True) if console.is_terminal else None
        self._next_share = 0.0
        self._below = float("inf")
        self._phase = ""

    def __enter__(self) -> "Watch":
        if self._live:
            self._live.start()
            self._live.update(Text("preparing the flight (compiling, the first time)"))
        else:
            self._console.print("preparing the flight (compiling, the first time)")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._live:
            self._live.stop()

    def __call__(self, progress: Progress) -> None:
        if self._live:
            self._live.update(_board(progress))
        elif self._is_due(progress):
            self._console.print(line(progress), soft_wrap=True)

    def _is_due(self, progress: Progress) -> bool:
        passed = [altitude for altitude in LINE_AT_ALTITUDES_M if progress.altitude_m <= altitude < self._below]
        due = progress.share >= self._next_share or bool(passed) or progress.phase != self._phase
        self._below = min([self._below, *passed])
        self._phase = progress.phase
        if progress.share >= self._next_share:
            self._next_share = (int(progress.share / LINE_EVERY_SHARE) + 1) * LINE_EVERY_SHARE
        return bool(due)


def line(progress: Progress) -> str:
    """One line of the numbers that a flight director watches."""
    return (
        f"{clock(progress.met_s)}  {progress.mode:<18}  altitude {distance(progress.altitude_m):>9}"
        f"  down {progress.vertical_speed_m_s:7.1f} m/s  level {progress.horizontal_speed_m_s:7.1f} m/s"
        f"  mass {progress.mass_kg:7.1f} kg  throttle {progress.throttle * 100:3.0f} %"
    )


def clock(met_s: float) -> str:
    """Mission elapsed time as +h:mm:ss."""
    whole = int(met_s)
    return f"+{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def distance(length_m: float) -> str:
    """Metres below 10 km, kilometres above."""
    return f"{length_m / 1000:.1f} km" if abs(length_m) >= 10_000 else f"{length_m:.0f} m" if abs(length_m) >= 100 else f"{length_m:.1f} m"


def _board(progress: Progress) -> Table:
    board = Table.grid(padding=(0, 3))
    board.add_row(*(Text(name, style="dim") for name in ("time", "phase", "altitude", "down", "level", "mass", "throttle")))
    board.add_row(
        clock(progress.met_s),
        Text(progress.mode.replace("_", " "), style="bold"),
        distance(progress.altitude_m),
        f"{progress.vertical_speed_m_s:.1f} m/s",
        f"{progress.horizontal_speed_m_s:.1f} m/s",
        f"{progress.mass_kg:.1f} kg",
        f"{progress.throttle * 100:.0f} %",
    )
    return board
