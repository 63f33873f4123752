"""A bar on a terminal, lines in a log."""

from __future__ import annotations

import io

import pytest

from pipelines import progress


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_short_work_leaves_no_line_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.progress_bar("embed", 10, unit="base") as bar:
        bar.update(10)
    assert capsys.readouterr().err == ""


def test_long_work_is_told_in_lines_with_a_rate(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_LOG_SECONDS", 0.0)
    with progress.progress_bar("embed", 40, unit="base", initial=10) as bar:
        for _ in range(3):
            bar.update(10)
    said = capsys.readouterr().err
    assert "\r" not in said
    assert [line.split(":")[0] for line in said.splitlines()] == ["embed"] * said.count("\n")
    assert "40.0/40.0" in said or "40/40" in said
    assert "base/s" in said


def test_a_terminal_has_a_bar_that_is_drawn_over_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with progress.progress_bar("embed", 10, unit="base") as bar:
        bar.update(10)
    assert terminal.getvalue().count("\r") >= 1
    assert terminal.getvalue().count("\n") == 1


def test_no_bar_where_none_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with progress.progress_bar("embed", 10, unit="base", progress=False) as bar:
        bar.update(10)
    assert terminal.getvalue() == ""


def test_the_first_item_of_a_part_tells_no_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """150 items that take 77 seconds together come at once, and the first is no 1 in 77 seconds."""
    terminal = _Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    seconds = [0.0]
    with progress.progress_bar("score", 300, unit="allele") as bar:
        monkeypatch.setattr(bar, "_time", lambda: seconds[0])
        bar.start_t = bar.last_print_t = 0.0
        seconds[0] = 77.0
        bar.update(1)
        assert "1.00/300 [01:17<?, ?allele/s]" in str(bar)
        bar.update(149)
        assert "<?" in str(bar)
        seconds[0] = 154.0
        bar.update(1)
        assert "?" not in str(bar)
        bar.update(149)
        assert "300/300 [02:34<00:00, 1.95allele/s]" in str(bar)


def test_a_bar_that_a_signal_leaves_half_made_is_closed_without_an_error() -> None:
    """Or what collects it says of the attribute that it had not yet got."""
    bar = progress._Bar.__new__(progress._Bar)
    bar.disable = False
    bar.close()
