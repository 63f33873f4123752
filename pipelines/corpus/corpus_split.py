"""Which genomes of a corpus are held out: by name, by taxon, or so that relatives stay together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipelines.corpus.assembly import Assembly
from pipelines.shards.split import draw_groups, require, share_and_seed, wrong_split

FORMS = (
    "genomes:ACCESSION,...  taxon:NAME|ID,...  species:FRACTION[:SEED]  genus:FRACTION[:SEED]  "
    "similarity:FRACTION[:SEED]"
)
FURTHEST = 0.15  # substitutions a base that sketches still tell well from nothing
_DRAWN = ("species", "genus", "similarity")


def check_corpus_form(validation: str | None) -> None:
    """Raise UsageError for what no corpus can be split by."""
    if validation is None:
        return
    form, _, rest = validation.partition(":")
    if form not in ("genomes", "taxon", *_DRAWN) or not rest:
        raise wrong_split(
            validation,
            "is no way to split genomes of a folder, a list or a package; expected one of: "
            f"{FORMS}",
        )
    if form in _DRAWN:
        share_and_seed(rest, validation)


def check_named(validation: str | None, left_out: Mapping[str, str]) -> None:
    """Raise UsageError where a genome that is held out by name is left out; it says why."""
    form, _, rest = (validation or "").partition(":")
    for name in rest.split(",") if form == "genomes" and validation else ():
        if name in left_out:
            raise wrong_split(f"{validation}", f"{name} is left out: {left_out[name]}")


def held_out_genomes(
    assemblies: Sequence[Assembly],
    bases: Mapping[str, int],
    validation: str | None,
    groups: Mapping[str, int] | None = None,
) -> set[str]:
    """Accessions of the genomes that are for validation; see :data:`FORMS`.

    ``taxon`` holds out every genome whose NCBI taxonomy id is ID, or whose organism's name is NAME
    or begins with it and a blank. The other three draw whole species, genera or groups of relatives
    until the fraction of all bases is reached as nearly as they allow.

    Args:
        bases: of each genome.
        groups: of relatives: of each genome the number, for ``similarity``.

    Raises:
        UsageError: no such form, genome or taxon, or nothing is left to train on.
    """
    check_corpus_form(validation)
    if validation is None:
        return set()
    form, _, rest = validation.partition(":")
    if form == "genomes":
        found = set(rest.split(","))
        for name in found:
            require(bases, name, validation, "genome")
    elif form == "taxon":
        found = _of_taxa(assemblies, rest.split(","), validation)
    else:
        if form != "similarity":
            groups = _taxa(assemblies, form, validation)
        assert groups is not None
        drawn = draw_groups(bases, groups, rest, validation, _WHAT[form])
        found = {name for name in bases if groups[name] in drawn}
    if len(found) == len(assemblies):
        raise wrong_split(validation, "leaves no genomes for train")
    return found


# What makes a group, and what to do where no part of them can be held out.
_WHAT = {
    "species": ("genomes", "species", "hold out genomes by name with genomes:ACCESSION,..."),
    "genus": ("genomes", "genera", "hold out species with species:FRACTION"),
    "similarity": (
        "genomes",
        "group(s) of relatives",
        "lower --min-distance, or add genomes that are less alike",
    ),
}


def _of_taxa(assemblies: Sequence[Assembly], wanted: list[str], validation: str) -> set[str]:
    found = set()
    for name in wanted:
        of_this = {
            assembly.accession
            for assembly in assemblies
            if name == f"{assembly.tax_id}"
            or f"{assembly.taxon} ".lower().startswith(f"{name} ".lower())
        }
        if not of_this:
            known = sorted({genus_and_species(a.taxon)[1] for a in assemblies if a.taxon})
            there = f"there are {', '.join(known[:3])}" if known else "none has a taxon"
            raise wrong_split(validation, f"no genome is of taxon {name!r}; {there}")
        found |= of_this
    return found


def _taxa(assemblies: Sequence[Assembly], rank: str, validation: str) -> dict[str, int]:
    numbers: dict[str, int] = {}
    groups = {}
    for assembly in assemblies:
        if not assembly.taxon:
            raise wrong_split(
                validation,
                f"genome {assembly.accession} has no taxon; give a list with a column taxon, or "
                "a package with its assembly_data_report.jsonl",
            )
        name = genus_and_species(assembly.taxon)[rank == "species"]
        groups[assembly.accession] = numbers.setdefault(name, len(numbers))
    return groups


def genus_and_species(taxon: str) -> tuple[str, str]:
    """Genus and species out of an organism's name.

    ``Escherichia coli str. K-12`` is of species ``Escherichia coli``; what has no species name, as
    ``Vibrio sp. EJY3`` or ``uncultured archaeon X``, is one of its own; ``Candidatus`` and brackets
    around a doubtful genus do not count.
    """
    words = taxon.replace("[", "").replace("]", "").replace("'", "").split() or [taxon]
    if words[0] == "Candidatus" and len(words) > 1:
        del words[0]
    if len(words) < 2 or not words[0][0].isupper() or words[1] in ("sp.", "cf.", "aff."):
        return words[0], " ".join(words)
    return words[0], " ".join(words[:2])
