"""From runs to rows, and rows to a table."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agree import agreement
from catalogue import Limit, Side, Unit, Work
from measure import Series

BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
HEAD = ("| work | ours | peer | peer's | ratio | bar | met | peak memory, ours | peer's | share of the machine |",
        "|---|---|---|---|---|---|---|---|---|---|")


@dataclass(frozen=True)
class Row:
    """One peer's comparison in one kind of work. What could not be measured is None."""

    work: str
    title: str
    unit: str
    peer: str
    ours: float | None
    theirs: float | None
    ours_memory: float | None
    theirs_memory: float | None
    ratio: float | None
    bar: str
    met: bool | None
    #: Of the machine's limit, ours.
    share: float | None
    limit: str
    agreement: str | None
    errors: list[str]


def rows(work: Work, ours: Series, peers: list[tuple[Side, Series]], share: float | None) -> list[Row]:
    """A row for each peer."""
    return [row(work, ours, side, series, share) for side, series in peers]


def row(work: Work, ours: Series, side: Side, theirs: Series, share: float | None) -> Row:
    """One comparison of medians."""
    mine, others = speed(work, ours), speed(work, theirs)
    ratio = None
    if mine and others:
        ratio = mine / others if work.unit is Unit.RATE else others / mine
    my_memory, other_memory = memory(ours), memory(theirs)
    errors = [f"{name}: {series.error}" for name, series in (("ours", ours), (side.name, theirs)) if series.error]
    agreed = None
    if work.agreement and ours.runs and theirs.runs:
        agreed = agreement(work.agreement, ours.runs[0].answer, theirs.runs[0].answer)
    verdict = met(work, side, mine, ratio, part(my_memory, other_memory))
    return Row(work.key, work.title, work.unit.value, side.name, mine, others, my_memory, other_memory, ratio,
               bar_text(work, side), verdict, share, work.limit.value, agreed, errors)


def speed(work: Work, series: Series) -> float | None:
    """Seconds or tokens a second."""
    if not series.runs:
        return None
    return series.rate if work.unit is Unit.RATE else series.seconds


def memory(series: Series) -> float | None:
    """Bytes."""
    return series.peak_memory if series.runs else None


def part(ours: float | None, theirs: float | None) -> float | None:
    """Our memory as a part of theirs."""
    return ours / theirs if ours and theirs else None


def met(work: Work, side: Side, mine: float | None, ratio: float | None, memory: float | None) -> bool | None:
    """Whether all bars of a row are met; None where there is no bar, or no figure to hold against it."""
    bars = []
    if side.bar is not None:
        bars.append(None if ratio is None else ratio >= side.bar)
    if side.memory_bar is not None:
        bars.append(None if memory is None else memory <= side.memory_bar)
    if work.ceiling is not None:
        bars.append(None if mine is None else mine < work.ceiling)
    return None if not bars or None in bars else all(bars)


def bar_text(work: Work, side: Side) -> str:
    """The bars of a row in words."""
    bars = []
    if side.bar is not None:
        bars.append(f"≥ {side.bar:g}")
    if side.memory_bar is not None:
        bars.append(f"memory ≤ {side.memory_bar:g}")
    if work.ceiling is not None:
        bars.append(f"under {work.ceiling:g} s")
    return ", ".join(bars)


def table(all_rows: list[Row]) -> str:
    """Markdown."""
    lines = list(HEAD)
    for each in all_rows:
        cells = [each.title, figure(each.ours, each.unit), each.peer, figure(each.theirs, each.unit),
                 number(each.ratio), each.bar, verdict(each), megabytes(each.ours_memory),
                 megabytes(each.theirs_memory), share_text(each)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def agreements(all_rows: list[Row]) -> str:
    """What the sides answered, beside each other."""
    lines = [f"- {row.title}, {row.peer}: {row.agreement}." for row in all_rows if row.agreement]
    return "\n".join(lines)


def failures(all_rows: list[Row]) -> list[str]:
    """Each error once."""
    return list(dict.fromkeys(f"{row.work}: {error}" for row in all_rows for error in row.errors))


def number(value: float | None) -> str:
    """Three digits, or a dash."""
    return "-" if value is None else f"{value:.3g}" if value < 100 else f"{value:.0f}"


def figure(value: float | None, unit: str) -> str:
    """A number with its unit."""
    return "-" if value is None else f"{number(value)} {unit}"


def megabytes(value: float | None) -> str:
    """Millions of bytes."""
    return "-" if value is None else f"{value / 1e6:.0f} MB"


def verdict(each: Row) -> str:
    """Whether the bars are met, in words."""
    if not each.bar:
        return ""
    return {True: "yes", False: "no", None: "not measured"}[each.met]


def share_text(each: Row) -> str:
    """The share of the limit and which limit that is."""
    if each.share is None:
        return "" if each.limit == Limit.NONE.value else "-"
    return f"{each.share:.0%} of {each.limit}"


def results(conditions: dict[str, Any], all_rows: list[Row], runs: dict[str, Any]) -> dict[str, Any]:
    """What `results.json` holds."""
    return {"conditions": conditions, "rows": [asdict(row) for row in all_rows], "runs": runs}


def conditions_text(conditions: dict[str, Any]) -> str:
    """Where and how it was measured."""
    limit = conditions["limits"]
    packages = ", ".join(conditions["packages"])
    warning = "A short check: these figures say nothing. " if conditions["quick"] else ""
    return warning + (
        f"Measured on {conditions['date']}: {conditions['cpu']}, {conditions['threads']} cores, "
        f"{conditions['memory'] / 1e9:.0f} GB, load average before the run {conditions['load_average']:.2f}; "
        f"medians of {conditions['repeats']} runs. The machine reached {limit['gflops']:.0f} GFLOPS in f32 matrix "
        f"products and read {limit['bandwidth'] / 1e9:.1f} GB/s in the same run. llama.cpp was compiled with "
        f"{', '.join(conditions['llama_cpp'])}. Peers: {packages}."
    )


def publish(readme: Path, text: str) -> None:
    """Puts the text between the two marks."""
    whole = readme.read_text(encoding="utf-8")
    before, rest = whole.split(BEGIN)
    after = rest.split(END)[1]
    readme.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")
