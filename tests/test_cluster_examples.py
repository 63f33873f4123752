"""The job scripts in examples/cluster: their syntax, and that every option in them exists."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from torch.distributed.run import get_args_parser

from hnet_seq.experiments import load_experiment
from hnet_seq.tasks.pretrain import _TRY_AGAIN
from tests.workflows.command_lines import verb_options

FOLDER = Path(__file__).parents[1] / "examples" / "cluster"
SCRIPTS = sorted(FOLDER.glob("*.sbatch"))
MANIFESTS = sorted(FOLDER.glob("*.yaml"))

#: Options of sbatch that the scripts may use, and what their values look like (sbatch's manual).
SBATCH = {
    "job-name": r"[\w-]+",
    "nodes": r"\d+",
    "ntasks-per-node": r"\d+",
    "gpus-per-node": r"\d+",
    "cpus-per-task": r"\d+",
    "mem": r"\d+[KMGT]?",
    "exclusive": "",
    "time": r"(\d+-)?\d\d:\d\d:\d\d",
    "signal": r"B:USR1@\d+",
    "requeue": "",
    "open-mode": "append|truncate",
    "output": r"\S*%j\S*",
}


def check_torchrun(words: list[str]) -> argparse.Namespace:
    """torchrun's options, and those of the verb that it starts."""
    options = get_args_parser().parse_args(words)
    assert options.training_script == "hnet_seq.cli"
    assert options.module
    assert options.rdzv_backend == "c10d"
    assert options.max_restarts > 0
    check_pretrain(options.training_script_args)
    return options


def check_pretrain(words: list[str]) -> None:
    verb = verb_options(words)
    config = load_experiment(verb.config, verb.overrides)
    # As many micro-batches as there are processes, or a multiple.
    assert config.data.batch_tokens // config.data.micro_batch_tokens == 16
    assert verb.go_on


def commands(script: Path) -> list[list[str]]:
    """Words of the lines that run hnet-seq, with continued lines joined and variables as text."""
    text = script.read_text().replace("\\\n", " ")
    lines = [line.strip().rstrip("&") for line in text.splitlines()]
    wanted = [line for line in lines if "hnet_seq.cli" in line and not line.startswith("#")]
    return [shlex.split(re.sub(r"\$\{?\w+\}?", "x", line)) for line in wanted]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_job_script_is_bash_and_asks_slurm_for_what_there_is(script: Path) -> None:
    checked = subprocess.run(["bash", "-n", script], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    lines = script.read_text().splitlines()
    asked = {}
    for line in lines:
        if line.startswith("#SBATCH "):
            name, _, value = line.removeprefix("#SBATCH --").partition("=")
            assert re.fullmatch(SBATCH[name], value), line
            asked[name] = value
    assert {"nodes", "time", "signal", "requeue", "open-mode"} <= asked.keys()
    # sbatch stops to read its lines at the first command.
    first = next(i for i, line in enumerate(lines) if line and not line.startswith("#"))
    assert not any(line.startswith("#SBATCH") for line in lines[first:])
    assert "trap stop USR1 TERM" in lines
    assert any(line.strip().startswith("scontrol requeue") for line in lines)


def test_the_training_script_leaves_time_for_a_checkpoint_and_knows_the_exit_code() -> None:
    script = FOLDER / "pretrain.sbatch"
    (words,) = commands(script)
    options = check_torchrun(words[words.index("torchrun") + 1 :])
    grace = int(re.findall(r"USR1@(\d+)", script.read_text())[0])
    assert options.shutdown_timeout < grace
    assert f"TRY_AGAIN={_TRY_AGAIN}\n" in script.read_text()


def test_the_embedding_script_gives_each_rank_its_number() -> None:
    script = FOLDER / "embed.sbatch"
    (words,) = commands(script)
    after = words[words.index("hnet_seq.cli") + 1 :]
    assert after[0] == "embed"
    assert verb_options(after).out == "x"
    text = script.read_text()
    assert "RANK=$SLURM_PROCID WORLD_SIZE=$SLURM_NTASKS LOCAL_RANK=$SLURM_LOCALID" in text
    assert "--kill-on-bad-exit=0" in text


def test_the_dask_script_has_workers_and_the_client_meet_at_one_file() -> None:
    script = FOLDER / "embed_dask.sbatch"
    (words,) = commands(script)
    after = words[words.index("hnet_seq.cli") + 1 :]
    assert after[0] == "embed"
    assert verb_options(after).dask == "x"
    text = script.read_text()
    assert text.count('--scheduler-file "$SCHEDULER"') == 2
    assert '--dask "$SCHEDULER"' in text
    assert "--nthreads 1" in text


def test_jobs_of_dask_jobqueue_have_a_thread_and_end_before_their_time() -> None:
    pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed")
    path = FOLDER / "dask_slurm.py"
    spec = importlib.util.spec_from_file_location("dask_slurm", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    options = {"dashboard_address": ":0", "host": "127.0.0.1"}
    with module.slurm_cluster(scheduler_options=options) as cluster:
        script = cluster.job_script()
    assert "#SBATCH --cpus-per-task=1" in script
    assert "#SBATCH -t 04:00:00" in script
    assert "--nthreads 1 " in script
    assert "--lifetime 230m" in script


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text()))


def job_of(path: Path) -> dict[str, Any]:
    (job,) = (found for found in documents(path) if found["kind"] == "Job")
    return job


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_a_manifest_has_the_fields_that_an_indexed_job_needs(path: Path) -> None:
    job = job_of(path)
    assert job["apiVersion"] == "batch/v1"
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    assert spec["completionMode"] == "Indexed"
    assert spec["completions"] == spec["parallelism"] > 1
    assert pod["restartPolicy"] == "Never"  # what a podFailurePolicy asks for
    assert pod["terminationGracePeriodSeconds"] >= 60
    (container,) = pod["containers"]
    assert {"name", "image", "command", "resources", "volumeMounts"} <= container.keys()
    assert container["resources"]["limits"]["nvidia.com/gpu"] >= 1
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}
    for rule in spec["podFailurePolicy"]["rules"]:
        named = rule.get("onExitCodes", {}).get("containerName", container["name"])
        assert named == container["name"]


def test_the_training_manifest_meets_at_its_first_pod() -> None:
    path = FOLDER / "pretrain.yaml"
    job, (service,) = job_of(path), [d for d in documents(path) if d["kind"] == "Service"]
    name, pod = job["metadata"]["name"], job["spec"]["template"]["spec"]
    command = pod["containers"][0]["command"]
    assert command[0] == "torchrun"
    options = check_torchrun(command[1:])
    assert options.nnodes == str(job["spec"]["completions"])
    limits = pod["containers"][0]["resources"]["limits"]
    assert options.nproc_per_node == str(limits["nvidia.com/gpu"])
    port = service["spec"]["ports"][0]["port"]
    assert options.rdzv_endpoint == f"{name}-0.{service['metadata']['name']}:{port}"
    assert service["spec"]["clusterIP"] == "None"
    assert pod["subdomain"] == service["metadata"]["name"]
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    assert options.shutdown_timeout < pod["terminationGracePeriodSeconds"]
    (asked,) = (
        rule["onExitCodes"]["values"]
        for rule in job["spec"]["podFailurePolicy"]["rules"]
        if "onExitCodes" in rule
    )
    assert asked == [_TRY_AGAIN]


def test_the_embedding_manifest_gives_each_pod_its_rank() -> None:
    job = job_of(FOLDER / "embed.yaml")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["command"][:2] == ["hnet-seq", "embed"]
    assert verb_options(container["command"][1:]).level == "sequence"
    environment = {entry["name"]: entry for entry in container["env"]}
    assert environment["WORLD_SIZE"]["value"] == str(job["spec"]["completions"])
    assert "job-completion-index" in environment["RANK"]["valueFrom"]["fieldRef"]["fieldPath"]
