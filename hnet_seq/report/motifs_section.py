"""The section about motifs: how often each way to cut keeps them in one chunk."""

from __future__ import annotations

from hnet_seq.report.bars import Rate, rate_chart
from hnet_seq.report.html import Markup, Section, element, figure, table
from hnet_seq.report.units import BASE
from hnet_seq.report.wording import limits, rate, ratio
from hnet_seq.results.analyses import Motif, Motifs

_RANDOM = "random cuts"


def motifs_section(data: Motifs) -> Section:
    """One figure for each motif that occurs."""
    lengths = ", ".join(f"{each.cutter} {ratio(each.bases_per_chunk)}" for each in data.cutters)
    learned = ""
    if any(each.cutter == "byte pairs" for each in data.cutters):
        held_out = data.byte_pairs and data.byte_pairs.held_out
        where = "the rest of the genome" if held_out else "the same bases, which favours them"
        learned = f" Byte pairs were learned from {where}."
    return Section(
        "motifs",
        "Motifs in one piece",
        element(
            "p",
            f"Occurrences of the motifs of {data.file} on both strands of {data.genome} "
            f"({data.region}), and how they are cut by stage {data.stage} of the model and by "
            f"tokenisers. Bases a chunk: {lengths}.{learned} K-mers are averaged over their "
            "phases; random cuts are as frequent as the model's.",
        ),
        *(_figure(data, motif) for motif in data.motifs if motif.rows),
    )


def _figure(data: Motifs, motif: Motif) -> Markup:
    chance = next((row.whole for row in motif.rows if row.cutter == _RANDOM), None)
    shown = [
        Rate(
            row.cutter,
            row.whole,
            row.whole_low,
            row.whole_high,
            chance,
            None,
            motif.occurrences,
        )
        for row in motif.rows
        if row.cutter != _RANDOM
    ]
    head = ("", "Chunks", "95% interval", "In one", "95% interval", "Ratio", "95% interval")
    numbers = table(
        head,
        [
            (
                row.cutter,
                rate(row.chunks),
                limits((row.chunks_low, row.chunks_high)),
                rate(row.whole),
                limits((row.whole_low, row.whole_high)),
                ratio(row.ratio),
                limits((row.ratio_low, row.ratio_high)),
            )
            for row in motif.rows
        ],
        caption="Ratio: cuts inside the motif over those expected at the cutter's own rate; "
        f"seed {data.seed}",
        numeric=range(1, len(head)),
    )
    return figure(
        rate_chart(
            shown,
            BASE,
            measure="share of occurrences in one chunk",
            description=f"Occurrences of {motif.motif} that lie in one chunk, by way of cutting",
        ),
        f"Share of {motif.occurrences:,} occurrences ({motif.length or 0:.1f} bases) that lie in "
        "one chunk, with 95% intervals over blocks of 10 kb. Grey is random cuts. Longer chunks "
        "keep more: compare ways to cut whose chunks are equally long.",
        numbers,
        title=motif.motif,
    )
