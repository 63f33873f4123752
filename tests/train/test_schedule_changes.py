"""The learning rate of a run whose end was moved: steps that were taken keep theirs."""

from __future__ import annotations

from itertools import pairwise

import pytest

from hnet_seq.config import ExperimentConfig, TrainConfig
from hnet_seq.schedule_config import ScheduleChange, ScheduleConfig
from hnet_seq.train.schedule import before_the_fall, course_in_words, learning_rate_factor

PEAK = 0.003


def rates(steps: int, schedule: ScheduleConfig) -> list[float]:
    return [learning_rate_factor(step, steps, schedule) for step in range(steps)]


def changed(schedule: ScheduleConfig, *changes: tuple[int, int]) -> ScheduleConfig:
    kept = (schedule.name, schedule.warmup, schedule.decay, schedule.final)
    return ScheduleConfig(*kept, [ScheduleChange(*change) for change in changes])


@pytest.mark.parametrize("name", ["wsd", "cosine", "constant"])
@pytest.mark.parametrize("at", [1, 9, 50, 90, 100])
@pytest.mark.parametrize("steps", [100, 101, 200, 1000])
def test_steps_that_were_taken_keep_their_rates(name: str, at: int, steps: int) -> None:
    before = ScheduleConfig(name, warmup=0.1, decay=0.2, final=0.1)
    planned = rates(100, before)
    now = rates(steps, changed(before, (at, 100)))
    assert now[:at] == planned[:at]
    # It never jumps by more than a warm-up does in a step, and never exceeds the peak.
    rises = [b - a for a, b in pairwise(now)]
    assert max(rises, default=0.0) <= max(0.1, 1 / max(1, round(0.1 * (steps - at)))) + 1e-9
    assert max(now) <= 1 + 1e-12
    if name == "wsd" and steps - at > 40:
        assert now[-1] < 0.3


def test_a_change_before_the_fall_is_the_longer_run() -> None:
    schedule = ScheduleConfig("wsd", warmup=0.0, decay=0.5)
    assert rates(8, changed(schedule, (2, 4))) == rates(8, schedule)
    # The warm-up that was begun is finished as it was planned.
    schedule = ScheduleConfig("wsd", warmup=0.1, decay=0.2)
    assert rates(500, changed(schedule, (5, 100)))[:10] == rates(100, schedule)[:10]


def test_after_a_fall_the_rate_rises_again_and_falls_at_the_new_end() -> None:
    schedule = changed(ScheduleConfig("wsd", warmup=0.1, decay=0.2), (100, 100))
    now = rates(200, schedule)
    assert now[99] < 0.15
    assert all(a < b for a, b in pairwise(now[99:110]))
    assert now[109:160] == [1.0] * 51
    assert all(a > b for a, b in pairwise(now[160:]))
    said = course_in_words(100, 200, PEAK, schedule)
    assert said == (
        "0.00034 at step 100, rises to 0.003 at step 110, stays until step 160, falls to 0.000237 "
        "at step 200"
    ).replace("0.00034", f"{PEAK * now[99]:.3g}").replace("0.000237", f"{PEAK * now[199]:.3g}")


def test_a_nearer_end_falls_in_the_steps_that_are_left() -> None:
    schedule = changed(ScheduleConfig("wsd", warmup=0.0, decay=0.5), (60, 1000))
    now = rates(70, schedule)
    assert now[:61] == [1.0] * 61
    assert all(a > b for a, b in pairwise(now[60:]))


def test_several_changes_follow_each_other() -> None:
    schedule = ScheduleConfig("wsd", warmup=0.0, decay=0.25)
    once = rates(16, changed(schedule, (8, 8)))
    twice = rates(32, changed(schedule, (8, 8), (16, 16)))
    assert twice[:16] == once
    assert twice[16:24] == [1.0] * 8


def test_the_last_checkpoint_before_the_fall_is_told() -> None:
    train = TrainConfig(steps=100, schedule=ScheduleConfig("wsd", decay=0.2))
    assert before_the_fall(train, 100, [40, 80, 90, 100]) == 80
    assert before_the_fall(train, 100, [90, 100]) is None
    assert before_the_fall(train, 80, [40, 80]) is None
    train.schedule.changes = [ScheduleChange(100, 100)]
    train.steps = 300
    assert before_the_fall(train, 100, [80, 100]) == 80


def test_changes_are_not_to_be_made_up() -> None:
    config = ExperimentConfig()
    for changes in ([(5, 4)], [(3, 9), (3, 9)], [(-1, 4)]):
        config.train.schedule = changed(ScheduleConfig(), *changes)
        with pytest.raises(ValueError, match=r"train.schedule.changes: are written by the run"):
            config.train.schedule.validate()
