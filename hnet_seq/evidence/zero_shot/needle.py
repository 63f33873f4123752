"""A needle in DNA: is a sequence that was read once found again, and from how far.

After Genome-NIAH (Carbon's evaluation, github huggingface/carbon): a key and a value of 24 bases
each, drawn at random, stand in real DNA; the text ends with the key again, and the model goes on by
itself with the likeliest bases. Counted is whether all 24 bases of the value come (``exact``, the
figure that is reported there), and how many of them do (``accuracy``, by chance a quarter). There
the needle lies at a chosen depth of contexts of one length; here the distance from the needle's end
to the key grows, so that a figure says how far back a model reaches.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hnet_seq.evidence.zero_shot.figures import Readers, of_windows, rows_of, share
from hnet_seq.evidence.zero_shot.reader import Reader
from hnet_seq.results.zero_shot import Figure, ZeroShotTest
from modalities.base import Tokens
from modalities.errors import InputError, UsageError

KEY, VALUE = 24, 24  # bases
LEAD = 64  # bases of the haystack before the needle
DISTANCES = (64, 256, 1024)


def check_distances(distances: Sequence[int]) -> None:
    """Raise UsageError where they are not some different numbers, 0 or more."""
    whole = all(isinstance(own, int | np.integer) and own >= 0 for own in distances)
    if not (len(distances) and whole and len(set(distances)) == len(distances)):
        raise UsageError(
            "distances", f"are {list(distances)}; expected different numbers of bases, 0 or more"
        )


def needle(
    readers: Readers,
    haystacks: Sequence[Tokens],
    *,
    distances: Sequence[int] = DISTANCES,
    seed: int = 0,
) -> list[ZeroShotTest]:
    """One test a distance, ``needle_64`` and so on, see this module.

    Args:
        haystacks: (L,) each, one trial a distance; as long as the largest distance and
            :data:`LEAD`.
        distances: bases from the end of the needle to the key at the end.
        seed: of keys and values, which are the same at all distances.

    Raises:
        UsageError: no distances, one below 0, or one twice.
        InputError: a haystack that is too short.
    """
    check_distances(distances)
    least = LEAD + max(distances)
    for index, own in enumerate(haystacks):
        if len(own) < least:
            raise InputError(
                None, f"has {len(own)} bases; {least} are needed", where=f"haystack {index}"
            )
    drawn = np.random.default_rng(seed).integers(0, 4, (len(haystacks), KEY + VALUE))
    needles = drawn.astype(np.uint8)
    found = []
    for distance in sorted(distances):
        prompts = [
            np.concatenate([hay[:LEAD], own, hay[LEAD : LEAD + distance], own[:KEY]])
            for hay, own in zip(haystacks, needles, strict=True)
        ]

        def measure(reader: Reader, prompts: list[Tokens] = prompts) -> dict[str, Figure]:
            given = reader.continued(prompts, VALUE)
            right = np.array(
                [
                    (own == own_needle[KEY:]).sum()
                    for own, own_needle in zip(given, needles, strict=True)
                ]
            )
            return {
                "exact": share(int((right == VALUE).sum()), len(right)),
                "accuracy": of_windows(right, np.full(len(right), VALUE), "share"),
            }

        found.append(
            ZeroShotTest(
                test=f"needle_{distance}",
                metric="exact",
                chance=0.25**VALUE,
                settings={
                    "trials": len(prompts),
                    "distance_bases": distance,
                    "key_bases": KEY,
                    "value_bases": VALUE,
                    "seed": seed,
                },
                rows=rows_of(readers, measure),
            )
        )
    return found
