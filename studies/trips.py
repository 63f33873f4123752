"""Trips of one value: pairs of files between which calls go on its way from input to its row.

A verb runs twice in this process, the second time with one more record, which is a forward call
of its own. A trip is a pair of files of the project of which one calls into the other, or asks for
the next of what it yields, more often for the one more record. Each pair counts once, however often
it is used; functions of other packages in between are not seen; `model`, `ops` and `heads` are one
file, the model; a call that is given numbers alone, as of a progress bar, is none of the value's.
What every run does once, such as options and headers, falls out of the difference, and so does what
a part of many records costs once.

    python studies/trips.py              # embed, score of variants and segment: how many
    python studies/trips.py segment      # and each pair, with its calls a record
"""

from __future__ import annotations

import argparse
import contextlib
import io
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path
from types import FrameType

import hnet_seq
from hnet_seq import cli

ROOT = Path(hnet_seq.__file__).parents[1]
_ROOMS = tuple(f"{ROOT / room}/" for room in ("hnet_seq", "pipelines", "modalities"))
_MODEL = ("hnet_seq/model/", "hnet_seq/ops/", "hnet_seq/heads/")
_RECORDS = 3  # of 400 bases, in the smaller input

VERBS = {
    "embed": "embed genomes-tiny {records} --out {out}.parquet --batch-tokens 400",
    "score": "score variants genomes-tiny {variants} --genome {genome} --out {out}.tsv "
    "--window 400 --batch-tokens 400",
    "segment": "segment genomes-tiny {records} --bed {out}.bed --batch-tokens 400",
}
Trips = Counter[tuple[str, str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("verbs", nargs="*", metavar="VERB", help=", ".join(VERBS))
    args = parser.parse_args()
    for verb in args.verbs or VERBS:
        trips = count_trips(verb)
        print(f"{verb}: {len(trips)} trips, {trips.total()} calls")
        for (caller, called), calls in sorted(trips.items()) if args.verbs else ():
            print(f"  {caller} -> {called}: {calls}")


def count_trips(verb: str) -> Trips:
    """Calls between files that one more record costs, by caller and called."""
    # The first run imports, and fills what is kept by the process.
    _, few, more = (_run(verb, count) for count in (_RECORDS, _RECORDS, _RECORDS + 1))
    return more - few


def _run(verb: str, count: int) -> Trips:
    with tempfile.TemporaryDirectory() as folder:
        given = _inputs(Path(folder), count)
        command = VERBS[verb].format(**given, out=f"{folder}/out").split()
        trips: Trips = Counter()

        def see(frame: FrameType, event: str, _arg: object) -> None:
            called = _file(frame) if event == "call" and _carries(frame) else None
            caller = frame.f_back
            while called and caller:
                if own := _file(caller):
                    if own != called:
                        trips[own, called] += 1
                    return
                caller = caller.f_back

        with contextlib.redirect_stderr(io.StringIO()) as said:
            sys.setprofile(see)
            code = cli.main(command)
            sys.setprofile(None)
    if code:
        raise SystemExit(f"{' '.join(command)}: {said.getvalue()}")
    return trips


def _carries(frame: FrameType) -> bool:
    """Whether a call is given more than numbers; those are counts of tokens, as for a bar."""
    names = frame.f_code.co_varnames[: frame.f_code.co_argcount + frame.f_code.co_kwonlyargcount]
    given = [frame.f_locals.get(name) for name in names if name != "self"]
    return not given or not all(isinstance(value, int | float) for value in given)


def _file(frame: FrameType) -> str | None:
    """The project's file that a frame is of; None for a frame of anything else."""
    path = frame.f_code.co_filename
    name = path.removeprefix(f"{ROOT}/") if path.startswith(_ROOMS) else None
    return "the model" if name and name.startswith(_MODEL) else name


def _inputs(folder: Path, count: int) -> dict[str, str]:
    """Records, and SNVs of a genome of which there is always as much."""
    draw = random.Random(0)
    records = ["".join(draw.choices("ACGT", k=400)) for _ in range(_RECORDS + 1)]
    genome = "".join(records)
    snvs = [(at, genome[at - 1]) for at in range(200, len(genome), 400)]
    rows = [f"chr1\t{at}\t.\t{ref}\t{'CGTA'['ACGT'.index(ref)]}\t.\t.\t." for at, ref in snvs]
    texts = {
        "records": "".join(f">r{index}\n{own}\n" for index, own in enumerate(records[:count])),
        "genome": f">chr1\n{genome}\n",
        "variants": "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        + "".join(f"{row}\n" for row in rows[:count]),
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    return {name: f"{folder / name}" for name in texts}


if __name__ == "__main__":
    main()
