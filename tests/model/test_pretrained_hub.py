"""Models from the hub, against a hub of two requests on this machine."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import torch
from huggingface_hub import constants

from hnet_seq import (
    HeadConfig,
    HNetForCausalLM,
    HNetForMaskedLM,
    HNetForSequenceClassification,
    embed,
)
from hnet_seq.cli import main
from hnet_seq.model.hub import split_hub_id
from hnet_seq.model.locate import locate
from tests.conftest import make_model
from tests.model.test_released_parity import Reference, ldarnet_pt

COMMITS = {"main": "a" * 40, "small": "b" * 40}


class Hub:
    """Serves ``folder/<owner>/<name>/<revision>/<file>``; keeps what was asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.downloads: list[str] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                hub.answer(self)

            def do_GET(self) -> None:
                hub.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        parts = request.path.split("?")[0].strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            owner, name, what, revision = parts[2:6]
            self._about(request, self.folder / owner / name, what, revision)
            return
        owner, name, _, revision, file = parts
        self._file(request, self.folder / owner / name / self._name_of(revision) / file, revision)

    def _about(
        self, request: BaseHTTPRequestHandler, repository: Path, what: str, revision: str
    ) -> None:
        folder = repository / self._name_of(revision)
        if not repository.is_dir():
            self._send(request, 404, {"X-Error-Code": "RepoNotFound"}, b"{}")
        elif not folder.is_dir():
            self._send(request, 404, {"X-Error-Code": "RevisionNotFound"}, b"{}")
        elif what == "revision":
            about = {"id": "owner/name", "sha": COMMITS[folder.name], "siblings": []}
            self._send(request, 200, {}, json.dumps(about).encode())
        else:
            tree = [
                {"type": "file", "path": f.name, "size": f.stat().st_size, "oid": _etag(f)}
                for f in folder.iterdir()
            ]
            self._send(request, 200, {}, json.dumps(tree).encode())

    def _file(self, request: BaseHTTPRequestHandler, file: Path, commit: str) -> None:
        headers = {"X-Repo-Commit": commit, "ETag": f'"{_etag(file)}"'}
        if request.command == "GET":
            self.downloads.append(file.name)
        self._send(request, 200, headers, file.read_bytes())

    @staticmethod
    def _name_of(revision: str) -> str:
        return next((name for name, commit in COMMITS.items() if commit == revision), revision)

    @staticmethod
    def _send(
        request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes
    ) -> None:
        request.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            request.send_header(key, value)
        request.end_headers()
        if request.command == "GET":
            request.wfile.write(body)

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def _etag(file: Path) -> str:
    return hashlib.sha1(file.read_bytes()).hexdigest()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    hub = Hub(tmp_path / "hub")
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.chdir(tmp_path)
    huggingface_hub.close_session()
    yield hub
    huggingface_hub.close_session()
    hub.stop()


def _same(a: HNetForCausalLM, b: HNetForCausalLM) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


def test_a_model_is_fetched_once_and_then_needs_no_network(hub: Hub) -> None:
    model = make_model("one stage")
    folder = hub.folder / "someone/dna/main"
    model.save_pretrained(folder)
    (folder / "README.md").write_text("not needed")
    (folder / "old.pt").write_bytes(b"not needed")
    assert _same(HNetForCausalLM.from_pretrained("someone/dna", "cpu"), model)
    assert sorted(hub.downloads) == ["config.json", "model.safetensors"]
    assert _same(HNetForCausalLM.from_pretrained("someone/dna", "cpu"), model)
    assert len(hub.downloads) == 2
    hub.stop()
    assert _same(HNetForCausalLM.from_pretrained("someone/dna", "cpu"), model)


def test_a_repository_of_one_pt_file_takes_its_shipped_configuration(hub: Hub) -> None:
    folder = hub.folder / "cartesia-ai/hnet_2stage_XL/main"
    folder.mkdir(parents=True)
    torch.save({"embeddings.weight": torch.zeros(1)}, folder / "hnet_2stage_XL.pt")
    found = locate("cartesia-ai/hnet_2stage_XL")
    assert hub.downloads == ["hnet_2stage_XL.pt"]
    assert found.weights.name == "hnet_2stage_XL.pt"
    assert found.config.parent.name == "released"
    assert found.config.name == "hnet_2stage_XL.json"


def test_ldarnet_opens_by_its_name_on_the_hub(hub: Hub) -> None:
    folder = hub.folder / "darlednik/LDARNet-110M/main"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"library": "ldar"}')
    file = ldarnet_pt(Reference.read("ldarnet_110m"), folder / "model_ckpt_110m.pt")
    model = HNetForMaskedLM.from_pretrained("darlednik/LDARNet-110M", "cpu")
    assert hub.downloads == ["config.json", "model_ckpt_110m.pt"]
    here = HNetForMaskedLM.from_pretrained(file, "cpu")
    vectors = embed(here, ["ACGTN", "A"])
    np.testing.assert_array_equal(embed(model, ["ACGTN", "A"]), vectors)
    Path("windows.fa").write_text(">a\nacgtn\n>b\nA\n")
    assert main(["embed", "darlednik/LDARNet-110M", "windows.fa", "--out", "vectors.npy"]) == 0
    np.testing.assert_allclose(np.load("vectors.npy"), vectors, atol=1e-5)


def test_a_revision_is_an_argument_or_follows_an_at_sign(hub: Hub) -> None:
    models = {"main": make_model("one stage", seed=1), "small": make_model("isotropic")}
    for revision, model in models.items():
        model.save_pretrained(hub.folder / "someone/dna" / revision)
    load = HNetForCausalLM.from_pretrained
    assert _same(load("someone/dna", "cpu", revision="small"), models["small"])
    assert _same(load("someone/dna@small", "cpu"), models["small"])
    assert _same(load("someone/dna", "cpu"), models["main"])
    with pytest.raises(ValueError, match="give one"):
        load("someone/dna@small", revision="main")


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("someone/nothing", "no such model on the hub"),
        ("someone/dna@never", "the revision is not"),
    ],
)
def test_what_the_hub_does_not_have_is_one_line(hub: Hub, where: str, said: str) -> None:
    make_model("isotropic").save_pretrained(hub.folder / "someone/dna/main")
    with pytest.raises(FileNotFoundError, match=said) as raised:
        HNetForCausalLM.from_pretrained(where)
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith(where)


def test_an_absent_network_is_one_line_with_the_remedy(hub: Hub) -> None:
    hub.stop()
    with pytest.raises(FileNotFoundError, match="hf download someone/dna") as raised:
        HNetForCausalLM.from_pretrained("someone/dna")
    assert "\n" not in str(raised.value)


def test_a_misspelt_path_beside_folders_never_asks_the_hub(hub: Hub) -> None:
    Path("runs").mkdir()
    with pytest.raises(FileNotFoundError, match="no such folder in runs/"):
        HNetForCausalLM.from_pretrained("runs/dna")
    for where in ("./dna", "runs", "../a/b", "/a/b", "a/b/c", "a/b.pt"):
        with pytest.raises(FileNotFoundError, match=r"no model\.safetensors"):
            HNetForCausalLM.from_pretrained(where)


def test_a_local_folder_comes_before_the_hub(hub: Hub) -> None:
    make_model("isotropic").save_pretrained("someone/dna")
    assert locate("someone/dna").folder == Path("someone/dna")
    with pytest.raises(ValueError, match="is on disk"):
        locate("someone/dna", revision="main")


def test_hub_names_and_revisions() -> None:
    assert split_hub_id("a/b") == ("a/b", None)
    assert split_hub_id("a/b@refs/pr/1") == ("a/b", "refs/pr/1")
    assert split_hub_id("a/b@") is None
    assert split_hub_id("a") is None


def test_an_adapter_names_its_commit_and_not_a_place_in_the_cache(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_model("one stage").save_pretrained(hub.folder / "someone/dna/small")
    head = HeadConfig("single_label", ["no", "yes"], "bases")
    model = HNetForSequenceClassification.from_pretrained("someone/dna@small", head, device="cpu")
    model.adapt(2, ["mlp"])
    model.save_pretrained("adapter")
    base = json.loads(Path("adapter/adapter.json").read_text())["base"]
    assert base == f"someone/dna@{COMMITS['small']}"
    # Another machine: another cache, and the branch has gone on.
    monkeypatch.setattr(constants, "HF_HUB_CACHE", "elsewhere")
    make_model("one stage", seed=4).save_pretrained(hub.folder / "someone/dna/main")
    again = HNetForSequenceClassification.from_pretrained("adapter", device="cpu")
    ids = torch.arange(40) % 4
    with torch.no_grad():
        torch.testing.assert_close(again(ids).logits, model(ids).logits)
