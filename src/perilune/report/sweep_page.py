"""The page and the table of a sweep: how often it lands, by size and time of a fault."""

from html import escape
from importlib import resources
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from rich.table import Table

from perilune.report.style import BAD, BELIEF, GOOD, drawing, svg


def share_map(result: dict[str, Any]) -> np.ndarray:
    """Shares that land [%], a row for each size and a column for each time."""
    shares = [100.0 * cell["landed"] / cell["flights"] for cell in result["cells"]]
    return np.array(shares).reshape(len(result["sizes"]), len(result["times"]))


def table(result: dict[str, Any]) -> Table:
    """For a terminal."""
    rows = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", title=_heading(result), title_justify="left")
    rows.add_column(_unit(result))
    for time in result["times"]:
        rows.add_column(f"{result['trigger']}{time:g}" if result["trigger"] else "from the start", justify="right")
    for size, row in zip(result["sizes"], share_map(result), strict=True):
        rows.add_row("" if size is None else f"{size:g}", *(f"{share:.0f} %" for share in row))
    return rows


def page(result: dict[str, Any], title: str) -> str:
    """One HTML document, with its figure in it."""
    css = resources.files("perilune.report").joinpath("page.css").read_text(encoding="utf-8")
    head = (
        f'<header class="verdict" style="--verdict: #1f4e8c"><div><h1>{escape(title)}, {result["seeds"]} flights a square</h1>'
        f'<p class="word">{escape(result["fault"])}</p><p class="sentence">{escape(_heading(result))}</p></div></header>'
    )
    note = '<p class="note">Share of flights that land within the limits. The same seeds in every square.</p>'
    body = f"<section><h2>Where it survives</h2>{note}{_figure(result)}</section>"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}: {escape(result['fault'])}</title><style>{css}</style></head><body>{head}<main>{body}</main></body></html>\n"
    )


def _heading(result: dict[str, Any]) -> str:
    return f"{result['mission']} with {result['fault']}: share that lands, by size and time"


def _unit(result: dict[str, Any]) -> str:
    return f"size [{result['unit']}]" if result["unit"] else ""


def _figure(result: dict[str, Any]) -> str:
    shares = share_map(result)
    colours = LinearSegmentedColormap.from_list("fate", [BAD, BELIEF, GOOD])
    with drawing(height_in=1.6 + 0.45 * len(result["sizes"])) as (figure, (axes,)):
        axes.imshow(shares, cmap=colours, vmin=0.0, vmax=100.0, origin="lower", aspect="auto", alpha=0.85)
        for place, share in np.ndenumerate(shares):
            axes.text(place[1], place[0], f"{share:.0f}", ha="center", va="center", color="white", fontsize=9)
        axes.grid(visible=False)
        axes.set_xticks(range(len(result["times"])), [f"{time:g}" for time in result["times"]])
        axes.set_yticks(range(len(result["sizes"])), ["" if size is None else f"{size:g}" for size in result["sizes"]])
        axes.set_xlabel(f"begins at {result['trigger'].rstrip('=')}" if result["trigger"] else "from the start")
        axes.set_ylabel(_unit(result))
        return svg(figure)
