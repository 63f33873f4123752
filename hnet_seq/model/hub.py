"""Checkpoints from the Hugging Face hub, through its own client and cache."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def split_hub_id(text: str) -> tuple[str, str | None] | None:
    """``owner/name`` or ``owner/name@revision`` to its parts; None for anything else."""
    name, at, revision = text.partition("@")
    if not _ID.fullmatch(name) or (at and not revision):
        return None
    return name, revision or None


def download(
    name: str,
    revision: str | None,
    weights: str,
    *,
    patterns: Sequence[list[str]] | None = None,
) -> Path:
    """The local folder of a hub repository with its weights and JSON files, and nothing else.

    What lies in the cache is not fetched again, and without a network the cache is enough.

    Args:
        name: ``owner/name``.
        revision: a branch, tag or commit; the main branch when None.
        weights: the file of weights to prefer, or a pattern of its name; without it the ``.pt``
            files are taken.
        patterns: names of the files to fetch, and of those that are fetched where the first have
            no weights; those of our own checkpoints when None.

    Raises:
        FileNotFoundError: there is no such model or revision, or the hub cannot be reached and the
            cache has no copy; one line with the remedy.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    shown = f"{name}@{revision}" if revision else name
    try:
        for wanted in patterns or ([weights, "*.json"], ["*.pt"]):
            folder = Path(snapshot_download(name, revision=revision, allow_patterns=wanted))
            if any(folder.glob(weights)):
                break
        return folder
    except GatedRepoError as error:
        problem = (
            "the owner grants access on request; ask on its page, then log in with `hf auth login`"
        )
        cause: Exception = error
    except RepositoryNotFoundError as error:
        problem = (
            "no such folder here and no such model on the hub; "
            "check the name, or log in with `hf auth login` if it is private"
        )
        cause = error
    except RevisionNotFoundError as error:
        problem = "the model is on the hub, the revision is not; give a branch, tag or commit"
        cause = error
    except HFValidationError as error:
        problem, cause = "no such folder here, and not a name that the hub allows", error
    except Exception as error:  # the client lets through what its HTTP library raises
        root = error.__cause__ or error
        reason = " ".join(f"{type(root).__name__}: {root}".split())[:120]
        problem = (
            f"no such folder here, no copy in the hub's cache, and the hub was not reached "
            f"({reason}); connect once, or run `hf download {name}` elsewhere and give the folder"
        )
        cause = error
    raise FileNotFoundError(f"{shown}: {problem}") from cause
