"""The command line itself: help for every verb, and exit codes."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch.distributed as dist

import hnet_seq
from hnet_seq import cli
from hnet_seq.cli import VERBS, main, run
from tests.conftest import make_model


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([verb, "--help"])
    assert stopped.value.code == 0
    assert f"hnet-seq {verb}" in capsys.readouterr().out.split("example: ")[1]


def test_an_unknown_verb_and_no_verb_are_misuse(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["tokenize"], ["info", "--bogus"]):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 2
    assert "tokenize" in capsys.readouterr().err


def test_info_describes_a_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = make_model("one stage")
    model.metadata["modality"] = "dna"
    model.save_pretrained(tmp_path)
    assert main(["info", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert f"parameters: {sum(p.numel() for p in model.parameters()):,}" in said
    assert "modality: dna" in said
    assert main(["info"]) == 0
    assert re.search(r"ssd: (native \(fastest|torch \(not native: )", capsys.readouterr().out)


def test_info_of_nothing_fails_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", str(tmp_path / "nowhere")]) == 1
    message = capsys.readouterr().err.strip()
    assert "nowhere" in message
    assert "\n" not in message


def test_every_public_name_is_where_it_is_said_to_be() -> None:
    for name in hnet_seq.__all__:
        assert getattr(hnet_seq, name) is not None
    with pytest.raises(AttributeError):
        hnet_seq.tokenizer  # noqa: B018


def test_misuse_is_one_line_that_names_the_verb(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["tokenize"], ["shard"], ["shard", "a.fa", "--out", "s", "--guard", "few"]):
        with pytest.raises(SystemExit):
            main(arguments)
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert said.startswith("hnet-seq")
        assert "--help" in said


def test_a_system_error_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device", "out.bed")

    monkeypatch.setattr("hnet_seq.tasks.info.main", full)
    assert main(["info"]) == 1
    assert capsys.readouterr().err == "hnet-seq info: out.bed: No space left on device\n"


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    command = [sys.executable, "-m", "hnet_seq.cli", "info"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    assert said == b""
    assert process.returncode == 1


@pytest.mark.parametrize("verb", ["pretrain x", "segment x y", "embed x y", "classify predict x y"])
def test_a_device_that_is_not_there_is_misuse(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for device, says in (("gpu", "'gpu' is no device"), ("cuda:1", "torch sees no CUDA device")):
        with pytest.raises(SystemExit) as stopped:
            main([*verb.split(), "--out", "o", "--device", device])
        assert stopped.value.code == 2
        assert says in capsys.readouterr().err


def test_an_interrupt_while_a_verb_is_imported_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hnet_seq.cli.importlib.import_module", interrupted)
    monkeypatch.setattr(sys, "argv", ["hnet-seq", "embed"])
    with pytest.raises(SystemExit) as ended:
        run()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "hnet-seq: interrupted\n"


LEFT_BY_AN_ERROR = """
import atexit, sys, torch.distributed as dist
from hnet_seq import cli

def main():
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    print("said")
    return 75

cli.main = main
atexit.register(print, "the interpreter is torn down beside the group's threads")
cli.run()
"""


@pytest.mark.skipif(not dist.is_gloo_available(), reason="this build of torch has no gloo")
def test_a_process_that_an_error_leaves_in_its_group_ends_at_once_with_its_code() -> None:
    """Its threads, if they ask for Python's lock too late, abort the process."""
    done = subprocess.run(
        [sys.executable, "-c", LEFT_BY_AN_ERROR], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (75, "said\n"), done.stderr


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_command_that_is_asked_to_end_leaves_no_temporary_file(
    tmp_path: Path, signum: signal.Signals
) -> None:
    script = """
import signal, sys, time
from pathlib import Path
from hnet_seq import cli
from pipelines.storage.files import replaced_file

# Whoever runs the tests may have these ignored.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

def verb():
    with replaced_file(Path(sys.argv[1])) as file:
        file.write("half")
        file.flush()
        print("begun", flush=True)
        time.sleep(60)

cli.main = verb
cli.run()
"""
    out = tmp_path / "out"
    command = [sys.executable, "-c", script, str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        assert len(list(tmp_path.iterdir())) == 1
        process.send_signal(signum)
        assert process.wait() == 128 + signum
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("heard", [True, False])
def test_a_signal_ends_quietly_whatever_fails_on_the_way_out(
    heard: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As argparse does, where it is interrupted: it raises another error than it was given."""

    def interrupted() -> int:
        try:
            if heard:
                cli._end(signal.SIGTERM, None)
        finally:
            raise AttributeError("save_nargs")

    monkeypatch.setattr(cli, "main", interrupted)
    monkeypatch.setattr(cli, "_heard", [])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit if heard else AttributeError) as caught:
        run()
    assert not heard or getattr(caught.value, "code", None) == 128 + signal.SIGTERM
