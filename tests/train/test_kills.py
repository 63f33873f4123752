"""A run that is killed again and again ends as the run that nobody touched."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hnet_seq.tasks.shard import shard
from modalities import dna
from tests.forked import LIMIT, Forked
from tests.train.kill_script import run
from tests.train.runs import TINY, metrics, weights

pytestmark = pytest.mark.slow

STEPS, STEP_TOKENS = 24, 256
#: Of all processes that were started.
SESSIONS: set[str] = set()


@dataclass(frozen=True)
class Moment:
    """Before the n-th call of a function since the process began, maybe having begun its work."""

    before: str
    call: int = 1
    then: str = "nothing"


STEP = "hnet_seq.train.loop:Trainer._train_step"
MICRO_BATCH = "hnet_seq.train.objective:Objective.backward"
LOG = "hnet_seq.train.run_folder:RunFolder.log"
AROUND_CHECKPOINTS = (
    Moment(STEP),  # nothing is trained yet
    Moment("torch:save"),  # the weights are written, the optimiser's state is not
    Moment("os:fsync", 2),
    Moment("pathlib:Path.rename"),  # all is written, and has no name yet
    Moment("pathlib:Path.rename", 2),
    Moment("shutil:rmtree", 1, "half_dropped"),
)
BETWEEN_CHECKPOINTS = (
    Moment(MICRO_BATCH, 2),  # in the middle of an accumulation
    Moment(LOG, 1, "half_line"),
    Moment(MICRO_BATCH, 10),
    Moment("os:replace"),  # while the next process takes back what was logged too far
    Moment("hnet_seq.train.loop:evaluate"),
    Moment(LOG, 3),
)


@dataclass(frozen=True)
class Ground:
    """A folder for runs, the command that makes one, and the run that was left alone."""

    folder: Path
    command: list[str]
    whole: Path
    batches: Path


def start(command: list[str], log: Path, moment: Moment | None) -> Forked:
    told = (command, f"{log}", asdict(moment) if moment else None)
    process = Forked(run, *told, folder=log.parent, name=log.name)
    SESSIONS.add(f"{process.process.pid}")
    return process


def finish(process: Forked) -> None:
    ended = process.end()
    assert ended.code == 0, ended.err


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    folder = tmp_path_factory.mktemp("kills")
    rng = np.random.default_rng(0)
    (folder / "genome.fa").write_text(f">r\n{dna.decode(rng.integers(0, 4, 3000, np.uint8))}\n")
    (folder / "notes.txt").write_bytes(bytes(rng.integers(97, 123, 1500, np.uint8)))
    sources: list[tuple[str, str, str, dict[str, Any]]] = [
        ("genome", "genome.fa", "dna_bytes", {"guard": 50}),
        ("notes", "notes.txt", "text", {}),
    ]
    for name, source, modality, options in sources:
        shard(
            [folder / source],
            folder / name,
            modality=modality,
            validation="last:0.1",
            block_size=400,
            shard_size=1000,
            progress=False,
            **options,
        )
    command = [
        *("pretrain", "dna_text", *TINY),
        *("model.d_intermediate=[0,0]", "data.workers=2", "data.context=64"),
        *(f"data.batch_tokens={STEP_TOKENS}", f"data.micro_batch_tokens={STEP_TOKENS // 2}"),
        *(f"train.steps={STEPS}", "train.validate_every=5", "train.checkpoint_every=3"),
        f"data.sources=[{{path: '{folder}/genome', weight: 2}}, {{path: '{folder}/notes'}}]",
        *("--device", "cpu", "--out"),
    ]
    whole, batches = folder / "whole", folder / "whole.txt"
    finish(start([*command, str(whole)], batches, None))
    return Ground(folder, command, whole, batches)


def resumed(ground: Ground, run: Path) -> list[str]:
    """The command that goes on with the run, or begins it."""
    begun = any(run.glob("checkpoints/step-*/trainer.pt"))
    return ["pretrain", "--resume", str(run)] if begun else [*ground.command, str(run)]


def kill_at(ground: Ground, run: Path, moments: Sequence[Moment]) -> None:
    for moment in moments:
        log = run.with_suffix(".txt")
        ended = start(resumed(ground, run), log, moment).end()
        assert ended.code == -signal.SIGKILL, (moment, ended.err)


def batches(log: Path) -> dict[int, str]:
    """What every step was trained on; the same whenever it was trained."""
    found: dict[int, str] = {}
    for line in log.read_text().splitlines():
        step, digest = line.split()
        assert found.setdefault(int(step), digest) == digest, f"step {step} got another batch"
    return found


def state(run: Path) -> bytes:
    return (run / f"checkpoints/step-{STEPS:06d}/trainer.pt").read_bytes()


def assert_as_if_untouched(ground: Ground, run: Path) -> None:
    log = run.with_suffix(".txt")
    finish(start(resumed(ground, run), log, None))
    assert metrics(run) == metrics(ground.whole)
    assert weights(run) == weights(ground.whole)
    assert state(run) == state(ground.whole)
    assert batches(log) == batches(ground.batches)
    left = sorted(path.name for path in (run / "checkpoints").iterdir())
    assert left == [f"step-{STEPS - 3:06d}", f"step-{STEPS:06d}"]


def left_over() -> list[str]:
    """Processes of the tests that still work, after they had time to notice their end."""
    deadline = time.monotonic() + LIMIT
    while True:
        stats = [_content(path) for path in Path("/proc").glob("[0-9]*/stat")]
        # After the name in parentheses: state, parent, group, session.
        fields = [stat.rpartition(b")")[2].split() for stat in stats if stat]
        alive = [own for own in fields if own[0] != b"Z"]
        found = [own[3].decode() for own in alive if own[3].decode() in SESSIONS]
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended meanwhile
        return b""


def epochs(run: Path) -> list[dict[str, Any]]:
    return [record["epochs"] for record in metrics(run) if record["event"] == "train"]


def test_the_run_has_two_sources_whose_epochs_end_in_it(ground: Ground) -> None:
    last = epochs(ground.whole)[-1]
    assert last["genome"] > 1.2
    assert last["notes"] > 1.2
    assert len(set(batches(ground.batches).values())) == STEPS


def test_kills_around_checkpoints_leave_no_trace(ground: Ground) -> None:
    kill_at(ground, ground.folder / "around", AROUND_CHECKPOINTS)
    assert_as_if_untouched(ground, ground.folder / "around")


def test_kills_between_checkpoints_leave_no_trace(ground: Ground) -> None:
    kill_at(ground, ground.folder / "between", BETWEEN_CHECKPOINTS)
    assert_as_if_untouched(ground, ground.folder / "between")


def test_a_kill_where_an_epoch_ends_leaves_no_trace(ground: Ground) -> None:
    # The first step after which the short source has begun anew; a checkpoint lies before it.
    per_log = [record["notes"] for record in epochs(ground.whole)]
    step = next(i for i in range(STEPS) if i * per_log[-1] / STEPS > 1)
    kill_at(ground, ground.folder / "epoch", [Moment(MICRO_BATCH, 2 * step)])
    assert_as_if_untouched(ground, ground.folder / "epoch")


def test_kills_at_random_moments_leave_no_trace(ground: Ground) -> None:
    run, draw, kills = ground.folder / "random", random.Random(0), 0
    log = run.with_suffix(".txt")
    for _ in range(7):
        process = start(resumed(ground, run), log, None)
        lines = _content(log).count(b"\n") + draw.randint(1, 4)
        while process.process.exitcode is None and _content(log).count(b"\n") < lines:
            time.sleep(0.001)
        time.sleep(draw.uniform(0, 0.05))
        process.process.kill()
        kills += process.end().code == -signal.SIGKILL
    assert kills >= 5
    assert_as_if_untouched(ground, run)


def test_no_process_of_a_killed_run_is_left(ground: Ground) -> None:
    assert SESSIONS
    assert not left_over()
