"""Why there is no plan: one line each, before anything flies."""


class DeskError(ValueError):
    """The flight-dynamics desk cannot plan what it was asked for; the message says why and what would help."""


class OrderError(DeskError):
    """Events that do not follow one another."""


class TransferError(DeskError):
    """No flight to the Moon, or no plane, of the kind asked for."""


class PassError(DeskError):
    """The plane does not pass over the site when it should."""


class BudgetError(DeskError):
    """Too little propellant on board."""


class CorrectionError(DeskError):
    """No convergence; the message says what still missed, by how much, and `missed` has the numbers alone."""

    def __init__(self, message: str, missed: tuple[float, ...] = ()):
        super().__init__(message)
        self.missed = missed


class WayDownError(DeskError):
    """No trim and descent-orbit burn lead to the site; the message says which were tried, and how far each was off."""
