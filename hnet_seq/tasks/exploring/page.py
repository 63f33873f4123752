"""The explorer's page: with a server behind it, or in one file that opens offline.

Both are the same HTML, style and JavaScript modules. The modules import each other by bare names,
which a map in the page resolves: to the server, or to what the file holds.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from hnet_seq import __version__
from hnet_seq.report.document import read_style
from hnet_seq.report.html import Markup, element
from hnet_seq.results.explored import Explored
from hnet_seq.tasks.exploring.explorer import MOST_MAP, Explorer
from hnet_seq.tasks.segmentation.genes import MOST

MODULES = tuple(
    f"{name}.js"
    for name in (
        *("main", "asking", "choices", "view", "lanes", "words", "map", "maps", "readout"),
        *("controls", "server", "region", "draw", "bed", "taken"),
    )
)
MOST_LISTED = 1000  # records that the page proposes

_CLOSED = (
    "default-src 'none'; script-src 'unsafe-inline' data:; style-src 'unsafe-inline'; img-src data:"
)


def about(
    explorer: Explorer, *, checkpoints: Sequence[str], source: str | None, annotation: str | None
) -> dict[str, Any]:
    """What the page says of what it shows.

    Args:
        checkpoints, source: as the command line has them, for commands that the page proposes.
    """
    records = list(explorer.source.lengths.items()) if explorer.source else []
    return {
        "version": __version__,
        "modality": explorer.modality,
        "models": [
            {
                "name": reader.name,
                "checkpoint": checkpoint,
                "stages": reader.model.num_stages,
                "causal": not reader.model.bidirectional,
            }
            for reader, checkpoint in zip(explorer.readers, checkpoints, strict=True)
        ],
        "source": source,
        "annotation": annotation,
        "records": records[:MOST_LISTED],
        "count": len(records),
        "most": MOST,
        "mostMap": MOST_MAP,
    }


def live_page(known: dict[str, Any], first: Sequence[Explored], nonce: str) -> str:
    """The page with its server.

    Args:
        known: see :func:`about`.
        first: regions that it opens with.
        nonce: of the scripts and styles that it may run.
    """
    places = {f"explore/{name}": f"/page/{name}" for name in MODULES}
    return _page(known | {"live": True}, first, places, nonce=nonce)


def saved_page(
    known: dict[str, Any], regions: Sequence[Explored], *, opens_all: bool = False
) -> str:
    """The page in one file, with these regions.

    Args:
        opens_all: it opens with all lanes, and not with those of the strand + alone.
    """
    places = {
        f"explore/{name}": "data:text/javascript;base64,"
        + base64.b64encode(module(name).encode()).decode()
        for name in MODULES
    }
    # A file goes from hand to hand: where things lie on this machine is nobody's business.
    models = [model | {"checkpoint": model["name"]} for model in known["models"]]
    source = known["source"] and Path(known["source"]).name
    own = {"live": False, "records": [], "count": 0, "models": models, "source": source}
    own["opensAll"] = opens_all
    return _page(known | own, regions, places)


@cache
def module(name: str) -> str:
    """The text of one of :data:`MODULES`."""
    return _file(name)


def _page(
    known: dict[str, Any],
    regions: Sequence[Explored],
    places: dict[str, str],
    *,
    nonce: str | None = None,
) -> str:
    title = "hnet-seq explore: " + ", ".join(model["name"] for model in known["models"])
    closed = element("meta", http_equiv="Content-Security-Policy", content=_CLOSED)
    head = element(
        "head",
        element("meta", charset="utf-8"),
        "" if nonce else closed,
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", Markup(read_style() + _file("explore.css")), nonce=nonce),
        element("script", _data({"imports": places}), type="importmap", nonce=nonce),
    )
    body = element(
        "body",
        Markup(_file("explore.html")),
        element("script", _data(known), type="application/json", id="about"),
        element(
            "script",
            _data([own.content() for own in regions]),
            type="application/json",
            id="regions",
        ),
        element("script", Markup('import "explore/main.js";'), type="module", nonce=nonce),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _data(value: Any) -> Markup:
    """JSON as it may stand in a script: nothing in it ends the element or begins a comment."""
    return Markup(json.dumps(value, separators=(",", ":")).replace("<", "\\u003c"))


@cache
def _file(name: str) -> str:
    return files("hnet_seq.tasks.exploring").joinpath("page", name).read_text(encoding="utf-8")
