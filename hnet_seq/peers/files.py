"""A Hugging Face ``transformers`` checkpoint from its files: no code of its own is ever run.

Weights are safetensors, or what ``torch.load`` reads without running anything. A folder is read
where it lies; a name on the hub is fetched first, and then read as a folder.
"""

from __future__ import annotations

import hashlib
import importlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from hnet_seq.model.hub import download, split_hub_id
from hnet_seq.model.locate import CONFIG, read_json
from modalities.errors import InputError
from modalities.file_hash import file_sha256
from modalities.given_paths import given_path

Kind = Literal["causal", "masked", "encoder"]

INSTALL = "pip install 'hnet-seq[transformers]'"
_FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]
_PICKLED = [*_FILES, "*.bin"]  # where the repository has no safetensors
_CLASSES: dict[Kind, str] = {
    "causal": "AutoModelForCausalLM",
    "masked": "AutoModelForMaskedLM",
    "encoder": "AutoModel",
}
_ENDINGS: dict[str, Kind] = {
    "ForCausalLM": "causal",
    "LMHeadModel": "causal",
    "ForMaskedLM": "masked",
}
# Of a body alone: it answers other questions than that for a hidden state.
_UNUSED = ("pooler.",)
_LOCAL = {"local_files_only": True, "trust_remote_code": False}
_TWIN_SEED = 0
_OWN_ARITHMETIC = ("eager", "sdpa", "flex_attention", "grouped_mm", "batched_mm")
_POINTER = b"version https://git-lfs"


@dataclass(frozen=True)
class Opened:
    """What lies in a folder.

    Attributes:
        folder: of the files.
        kind: ``causal``, ``masked``, or ``encoder`` for a body without a head that predicts.
        model, tokenizer: of the library.
        about: what the model is: its type, a hash of all files, of a twin its seed.
    """

    folder: Path
    kind: Kind
    model: Any
    tokenizer: Any
    about: dict[str, str]


def open_checkpoint(
    where: str | Path, *, revision: str | None = None, twin: bool = False
) -> Opened:
    """Read a folder that ``save_pretrained`` of ``transformers`` wrote, or one of the hub.

    Args:
        where: the folder; or ``owner/name`` of the hub.
        revision: a branch, tag or commit on the hub.
        twin: the untrained twin: weights that the library draws from seed 0, whatever lies there.

    Raises:
        FileNotFoundError: there is none.
        InputError: ``transformers`` is not installed; the checkpoint needs code of its own, names
            kernels that would be fetched compiled, is a pointer of Git LFS, has
            weights that would run code or that do not fill the model, or no tokenizer.
    """
    folder = _folder(where, revision)
    config = read_json(folder / CONFIG)
    _check_own_code(folder)
    _check_kernels(folder / CONFIG, config)
    library = _library()
    _check_pointers(folder)
    kind = _kind(config)
    if config.get("is_encoder_decoder"):
        raise InputError(
            folder, "an encoder with a decoder; models of one stack of layers are read"
        )
    if not (folder / "tokenizer_config.json").is_file() and not list(folder.glob("vocab*")):
        raise InputError(folder, "no tokenizer beside the weights; save it into the same folder")
    try:
        with _quiet(library):
            tokenizer = library.AutoTokenizer.from_pretrained(str(folder), **_LOCAL)
            model = _untrained(library, folder, kind) if twin else _trained(library, folder, kind)
    except InputError:
        raise
    except Exception as error:  # the library lets through what files make it raise
        raise _refused(folder, error) from error
    about = {"type": str(config.get("model_type")), "files": _digest(folder)}
    if twin:
        about["twin"] = f"seed {_TWIN_SEED}, torch {torch.__version__}"
    about["transformers"] = library.__version__
    return Opened(folder, kind, model.eval(), tokenizer, about)


def _trained(library: Any, folder: Path, kind: Kind) -> Any:
    model, filled = getattr(library, _CLASSES[kind]).from_pretrained(
        str(folder), weights_only=True, output_loading_info=True, dtype="float32", **_LOCAL
    )
    _check_filled(folder, kind, model.config.model_type, filled)
    return model


def _untrained(library: Any, folder: Path, kind: Kind) -> Any:
    config = library.AutoConfig.from_pretrained(str(folder), **_LOCAL)
    with torch.random.fork_rng():
        torch.manual_seed(_TWIN_SEED)
        return getattr(library, _CLASSES[kind]).from_config(config, dtype=torch.float32)


def _digest(folder: Path) -> str:
    """sha256 over the names and contents of the files that a model and its tokenizer come from."""
    found = hashlib.sha256()
    for path in sorted({path for pattern in _PICKLED for path in folder.glob(pattern)}):
        found.update(f"{path.name} {file_sha256(path)}\n".encode())
    return found.hexdigest()


def _folder(where: str | Path, revision: str | None) -> Path:
    path = given_path(where, "where")
    if path.is_dir():
        if revision is not None:
            raise ValueError(f"{where}: is on disk; a revision goes with a model on the hub")
        if not (path / CONFIG).is_file():
            raise FileNotFoundError(f"{path / CONFIG}: missing beside the weights")
        return path
    parts = None if path.exists() else split_hub_id(str(where))
    if parts is None:
        raise FileNotFoundError(
            f"{where}: no folder of a transformers checkpoint, and not owner/name on the hub"
        )
    name, own = parts
    return download(name, revision or own, "*.safetensors", patterns=(_FILES, _PICKLED))


def _check_own_code(folder: Path) -> None:
    """Raise InputError where the authors' own code belongs to the checkpoint.

    The library would take a class of its own where one has the same name, with another network's
    arithmetic under these weights.
    """
    for name in (CONFIG, "tokenizer_config.json"):
        file = folder / name
        if file.is_file() and read_json(file).get("auto_map"):
            raise InputError(
                file, "its 'auto_map' names code of its authors, which is never run; no remedy here"
            )


def _check_kernels(file: Path, value: Any, key: str = "") -> None:
    """Raise InputError where a configuration asks for arithmetic that is not the library's own.

    For a name with a slash, and for flash attention that is not installed, it fetches compiled
    kernels from the hub, and runs them.
    """
    if isinstance(value, dict):
        for name, inner in value.items():
            # Of parts of a model the value is a table of its own.
            below = name if "_implementation" in name or "_implementation" not in key else key
            _check_kernels(file, inner, below)
    elif isinstance(value, list):
        for inner in value:
            _check_kernels(file, inner, key)
    elif "_implementation" in key and value not in (None, *_OWN_ARITHMETIC):
        raise InputError(
            file, f"its {key!r} is {value!r}, for which kernels may be fetched; take it out"
        )


def _check_pointers(folder: Path) -> None:
    """Raise InputError where weights are what Git leaves of a large file that was not fetched."""
    for path in (*folder.glob("*.safetensors"), *folder.glob("*.bin")):
        with path.open("rb") as file:
            if file.read(len(_POINTER)) == _POINTER:
                raise InputError(path, "a pointer of Git LFS and no weights; `git lfs pull` them")


def _kind(config: dict[str, Any]) -> Kind:
    for architecture in config.get("architectures") or []:
        for ending, kind in _ENDINGS.items():
            if str(architecture).endswith(ending):
                return kind
    return "encoder"


def _library() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module("transformers")
    except ModuleNotFoundError:
        raise InputError(None, f"transformers is not installed; {INSTALL}") from None


@contextmanager
def _quiet(library: Any) -> Iterator[None]:
    """Its bars and notes are for whoever trains; what matters of them is checked here."""
    logging = library.utils.logging
    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()


def _refused(folder: Path, error: Exception) -> InputError:
    said = " ".join(f"{error}".split())
    if "weights_only" in said.lower() or "unsupported" in said.lower():
        return InputError(
            folder, "the pickle of its weights would run code; save them as safetensors"
        )
    return InputError(folder, f"transformers cannot read it ({type(error).__name__}: {said[:160]})")


def _check_filled(folder: Path, kind: Kind, model_type: str, filled: dict[str, Any]) -> None:
    """Raise InputError where the library drew weights at random, or left some of the file aside.

    It does both with no more than a note.
    """
    wrong = [f"{name} is missing" for name in sorted(filled["missing_keys"])]
    wrong = [said for said in wrong if not said.startswith(_UNUSED)]
    if kind != "encoder":  # of a body alone, the head that it was trained with is left over
        wrong += [f"{name} is left over" for name in sorted(filled["unexpected_keys"])]
    wrong += [f"{own[0]} has another shape" for own in sorted(filled["mismatched_keys"])]
    if wrong:
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise InputError(
            folder,
            f"its weights are not those of a {model_type} as its config.json "
            f"describes it: {wrong[0]}{more}; take the files of one checkpoint",
        )
