"""Checkpoints of a run in any number of processes, complete or not there.

The first process writes weights and trainer state; under FSDP2 every process adds its part of the
optimiser. When all have written, the first gives the folder its name. Whatever dies before that
leaves a folder that is never taken for a checkpoint.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp

from hnet_seq.config import TrainConfig
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.train.averaging import AVERAGE
from hnet_seq.train.checksums import check_checksums, write_checksums
from hnet_seq.train.parallel import Parallel
from hnet_seq.train.ranks import is_first, on_first, rank, together
from hnet_seq.train.run_folder import RunFolder, step_of
from hnet_seq.train.schedule import before_the_fall
from hnet_seq.train.sharded_state import (
    FOLDER,
    load_parts,
    load_whole,
    optimizer_steps,
    optimizer_tensors,
    own_files,
    plain_errors,
    save_parts,
    whole_model,
)
from modalities.errors import InputError
from pipelines.storage.files import ask_for_room, named_errors

_STEPS = "optimizer_steps"


class Checkpoints:
    """Saves and loads; every process calls the same methods at the same step.

    Args:
        parallel: the model, whose weights are loaded before.
        optimizer: AdamW over its parameters.
    """

    def __init__(
        self,
        folder: RunFolder,
        parallel: Parallel,
        optimizer: torch.optim.Optimizer,
        config: TrainConfig,
    ) -> None:
        assert isinstance(parallel.model, HNetLanguageModel)
        self.folder = folder
        self.model = parallel.model
        self.optimizer = optimizer
        self.config = config
        self._sharded = parallel.strategy == "fsdp2"
        self._pending: Path | None = None
        self._writing: list[Future[Any]] = []
        self._thread: ThreadPoolExecutor | None = None
        self._group: dist.ProcessGroup | None = None
        if config.parallel.async_save:
            self._thread = ThreadPoolExecutor(1)
            if self._sharded:
                # Of its own: what it sends must not come between the steps' sums.
                self._group = dist.new_group(backend="gloo")

    def save(self, state: dict[str, Any], step: int) -> None:
        """Write a checkpoint of this moment; with ``async_save``, begin to."""
        self.finish()
        self._pending = on_first(lambda: self.folder.begin(step))
        with self._given_up_on_error(self._pending):
            self._save(state, self._pending)
        if self._thread is None:
            self.finish()

    def _save(self, state: dict[str, Any], partial: Path) -> None:
        state = dict(state)
        if self._sharded:
            state[_STEPS] = optimizer_steps(self.model, self.optimizer)
        else:
            state["optimizer"] = self.optimizer.state_dict()
        model: HNetLanguageModel | None = self.model
        if self._sharded or self._thread:
            model = whole_model(self.model)
        if self._thread is None:
            with together():
                if is_first():
                    assert model is not None
                    self._write(model, state, partial)
            if self._sharded:
                tensors = optimizer_tensors(self.model, self.optimizer)
                save_parts(partial / FOLDER, tensors)
                with together():
                    _list_parts(partial)
            return
        if is_first():
            assert model is not None
            whole, own = model, copy.deepcopy(state)
            self._writing.append(self._thread.submit(lambda: self._write(whole, own, partial)))
        if self._sharded:
            tensors = optimizer_tensors(self.model, self.optimizer)
            saved = self._save_parts_beside(partial / FOLDER, tensors)

            def end() -> None:
                with plain_errors(partial / FOLDER):
                    saved.result()
                _list_parts(partial)

            self._writing.append(self._thread.submit(end))

    @property
    def is_written(self) -> bool:
        """Whether this process has nothing left to write."""
        return all(future.done() for future in self._writing)

    def finish(self) -> None:
        """Wait until all processes have written, and make it a checkpoint.

        Raises:
            Exception: what went wrong while writing, in every process.
        """
        if self._pending is None:
            return
        partial, self._pending = self._pending, None
        writing, self._writing = self._writing, []
        with self._given_up_on_error(partial):
            wait(writing)
            with together():
                for future in writing:
                    future.result()
            on_first(lambda: self.folder.finish(partial))
            self.drop()

    def drop(self) -> None:
        """Drop checkpoints that are none of the last; a kill may have come before it."""
        on_first(lambda: self.folder.drop(self.config.keep_checkpoints, self._stays))

    def _stays(self, step: int) -> bool:
        """Whether a checkpoint stays that is none of the last."""
        config = self.config
        if step == 0:
            # What a run is compared with that began with given weights.
            return bool(config.init)
        if config.keep_every and step % config.keep_every == 0:
            return True
        # What a run that went on can go on from otherwise, without the fall of its rate.
        complete = list(map(step_of, self.folder.complete()))
        ends = [change.at for change in config.schedule.changes]
        return step in [before_the_fall(config, end, complete) for end in ends]

    def load(self) -> tuple[Path, dict[str, Any]]:
        """The last complete checkpoint, and its trainer state without the optimiser's.

        Raises:
            InputError: there is none, or it cannot be read.
        """
        checkpoint = on_first(self.folder.latest)
        check_checksums(checkpoint)
        return checkpoint, self.folder.load_state(checkpoint)

    def load_optimizer(
        self, checkpoint: Path, state: dict[str, Any], averaged: bool | None = None
    ) -> None:
        """Take AdamW's state, whichever number of processes wrote it.

        Args:
            averaged: with the weights' average; None: if this run has one.
        """
        model, optimizer = self.model, self.optimizer
        averaged = self.config.average > 0 if averaged is None else averaged
        if _STEPS in state:
            load_parts(checkpoint / FOLDER, model, optimizer, state[_STEPS], averaged)
        elif self._sharded:
            load_whole(state["optimizer"], model, optimizer)
        else:
            optimizer.load_state_dict(state["optimizer"])

    def keep_optimizer_of(self, checkpoint: Path) -> None:
        """Take AdamW's moments from a run of the same layout; rates and decay stay those of this.

        Raises:
            InputError: there are none, or they are of another layout.
        """
        state = self.folder.load_state(checkpoint)
        mine = [
            {name: value for name, value in group.items() if name != "params"}
            for group in self.optimizer.param_groups
        ]
        try:
            self.load_optimizer(checkpoint, state, averaged=False)
        except (KeyError, ValueError, RuntimeError) as error:
            message = f"does not hold the optimiser of this layout: {' '.join(str(error).split())}"
            raise InputError(checkpoint, message) from error
        for group, own in zip(self.optimizer.param_groups, mine, strict=True):
            group.update(own)
        for moments in self.optimizer.state.values():
            moments.pop(AVERAGE, None)  # the given weights are it

    def _write(self, model: HNetLanguageModel, state: dict[str, Any], partial: Path) -> None:
        model.save_pretrained(partial)
        self.folder.write_state(partial, state)
        write_checksums(partial, "checkpoint", filter(Path.is_file, partial.iterdir()))

    @contextmanager
    def _given_up_on_error(self, partial: Path) -> Iterator[None]:
        """What cannot be finished takes no room; the error names the checkpoint."""
        try:
            with named_errors(self.folder.target(partial), partial):
                try:
                    yield
                except (InputError, RuntimeError):  # torch does not always say why
                    for file in [path for path in partial.rglob("*") if path.is_file()]:
                        if is_first():
                            ask_for_room(file)
                    raise
        except Exception:
            self._pending = None
            if is_first():
                shutil.rmtree(partial, ignore_errors=True)
            raise

    def _save_parts_beside(self, folder: Path, tensors: dict[str, Any]) -> Future[Any]:
        future: Any = dcp.async_save(tensors, checkpoint_id=folder, process_group=self._group)
        assert isinstance(future, Future)
        return future


def _list_parts(partial: Path) -> None:
    write_checksums(partial, f"{FOLDER}-{rank():05d}", own_files(partial / FOLDER))
