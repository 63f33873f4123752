"""A stretch of a genome, written in rows like text: genes as arrows, boundary probability below."""

from __future__ import annotations

from collections.abc import Sequence

from hnet_seq.report import svg
from hnet_seq.report.html import Markup, element, number
from hnet_seq.results.boundaries import Gene, Region

ROW_BASES = 750
LETTERED = 1_500  # bases: a longer stretch would have too many rows of letters
_LETTER_ROW = 100  # bases of a row in which letters can be read
_LETTERS = 16.0  # height of theirs
_WIDTH, _LEFT, _RIGHT = 1080.0, 44.0, 1048.0
_LANE, _ARROW, _HEAD = 20.0, 15.0, 9.0
_PROB = 84.0  # height of probability 1
_BELOW = 34.0  # positions, and air


def gene_track(region: Region, *, description: str) -> Markup:
    """Rows of ``ROW_BASES`` bases each; of a short stretch shorter ones, with its letters."""
    lanes = _lanes(region.genes)
    count = max(lanes.values(), default=0) + 1
    lettered = has_letters(region)
    across = _LETTER_ROW if lettered else ROW_BASES
    height = count * _LANE + 8 + _PROB + _BELOW + lettered * _LETTERS
    parts: list[Markup] = []
    top = 8.0
    for start in range(region.start, region.end, across):
        end = min(start + across, region.end)
        # The same scale in every row, so that a short last row is short.
        x = svg.Scale(start, start + across, _LEFT, _RIGHT)
        for gene, lane in lanes.items():
            if gene.start < end and gene.end > start:
                parts += _arrow(gene, start, end, x, top + lane * _LANE)
        parts += _probabilities(region, start, end, x, top + count * _LANE + 8)
        top += height
    return svg.drawing(_WIDTH, top, *parts, description=description, class_="chart track")


def has_letters(region: Region) -> bool:
    """Whether a stretch is short enough for its letters, and they are known."""
    bases = region.end - region.start
    return bases <= LETTERED and len(region.bases or "") == bases


def _lanes(genes: Sequence[Gene]) -> dict[Gene, int]:
    """Overlapping genes below each other."""
    ends: list[int] = []
    lanes = {}
    for gene in sorted(genes, key=lambda gene: (gene.start, gene.end)):
        lane = next((k for k, end in enumerate(ends) if end <= gene.start), len(ends))
        ends[lane : lane + 1] = [gene.end]
        lanes[gene] = lane
    return lanes


def _arrow(gene: Gene, start: int, end: int, x: svg.Scale, y: float) -> list[Markup]:
    """The part of a gene in this row; the head is drawn only where the gene really ends."""
    left, right = x(max(gene.start, start)), x(min(gene.end, end))
    head = min(_HEAD, right - left)
    middle, low = y + _ARROW / 2, y + _ARROW
    if gene.strand == "+" and gene.end <= end:
        corners = [(left, y), (right - head, y), (right, middle), (right - head, low), (left, low)]
    elif gene.strand != "+" and gene.start >= start:
        corners = [(right, y), (left + head, y), (left, middle), (left + head, low), (right, low)]
    else:
        corners = [(left, y), (right, y), (right, low), (left, low)]
    strand = "+" if gene.strand == "+" else "\u2212"
    tip = f"{gene.name}, {gene.start + 1:,} to {gene.end:,}, {strand} strand"
    parts = [svg.polygon(corners, "gene-plus" if gene.strand == "+" else "gene-minus", tip)]
    label = f"{gene.name} ({strand})"
    if svg.text_width(label) < right - left - 2 * _HEAD:
        parts.append(
            svg.text((left + right) / 2, low - 3.5, label, text_anchor="middle", class_="gene-name")
        )
    return parts


def _probabilities(region: Region, start: int, end: int, x: svg.Scale, top: float) -> list[Markup]:
    y = svg.Scale(0, 1, top + _PROB, top)
    parts = []
    for value in (0, 0.5, 1):
        parts.append(svg.line(_LEFT, y(value), x(end), y(value), "grid"))
        parts.append(
            svg.text(_LEFT - 8, y(value) + 4, f"{value:g}", text_anchor="end", class_="tick")
        )
    boundaries = frozenset(region.boundaries)
    paths: dict[bool, list[str]] = {False: [], True: []}
    for position in range(start, end):
        prob = region.boundary_prob[position - region.start]
        bar = f"M{number(x(position + 0.5))} {number(y(0))}V{number(y(prob))}"
        paths[position in boundaries].append(bar)
    for chosen, class_ in ((False, "prob"), (True, "prob chosen")):
        parts.append(svg.path("".join(paths[chosen]), class_))
    below = y(0)
    if has_letters(region):
        parts += _letters(region, start, end, x, below + _LETTERS - 4)
        below += _LETTERS
    # Those of a whole row, so that labels of a short last row have room, too.
    ticks = svg.round_values(start + 1, x.high, max(1, round((x.stop - x.start) / 130)))
    for tick in [own for own in ticks if own <= end] or [start + 1]:
        at = x(tick - 0.5)  # positions are written 1-based, as genome browsers do
        parts.append(svg.line(at, below, at, below + 5, "axis"))
        parts.append(svg.text(at, below + 18, f"{tick:,.0f}", text_anchor="middle", class_="tick"))
    return parts


def _letters(region: Region, start: int, end: int, x: svg.Scale, y: float) -> list[Markup]:
    """The bases below their bars, in bold where a chunk begins."""
    boundaries = frozenset(region.boundaries)
    parts = []
    for chosen in (False, True):
        places = [place for place in range(start, end) if (place in boundaries) is chosen]
        if places:
            at = " ".join(number(x(place + 0.5)) for place in places)
            own = "".join((region.bases or "")[place - region.start] for place in places)
            class_ = "letter chosen" if chosen else "letter"
            # One text with a place for each letter: a line of letters can be copied.
            parts.append(element("text", own, x=at, y=y, text_anchor="middle", class_=class_))
    return parts
