"""Models pushed to and pulled from a stand-in of the Hub on this machine."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
import yaml

sys.path.append(str(Path(__file__).parent))

from stub_hub import stub_hub, use_stub  # noqa: E402

from i2i import hub as hub_module  # noqa: E402
from i2i.hub import HubError, hub_card, licence_fields, pull, push  # noqa: E402
from i2i.model_folder import ModelFolderError, resolve, weights_digest  # noqa: E402
from i2i.translator import Translator  # noqa: E402


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with stub_hub() as running:
        use_stub(monkeypatch, running, tmp_path / "cache")
        yield running


@pytest.fixture
def folder(tiny_model_folder, tmp_path) -> Path:
    """A model folder of one's own, with an example and something that is nobody's business."""
    copy = tmp_path / "tiny"
    shutil.copytree(tiny_model_folder, copy)
    (copy / "examples" / "A").mkdir(parents=True)  # where models of photos have theirs
    (copy / "examples" / "A" / "cat.jpg").write_bytes(b"a cat")
    (copy / "examples" / "samples.jpg").write_bytes(b"a picture")
    (copy / "private.txt").write_text("secret")
    return copy


def change(folder: Path, **values) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | values))


def front(text: str) -> dict:
    return yaml.safe_load(text.split("---\n")[1])


def test_a_model_goes_to_the_hub_in_one_commit_and_comes_back_whole(hub, folder, cat_drawing):
    assert push(folder, "someone/tiny") == f"{hub.url}/someone/tiny"
    there = hub.repos["model", "someone/tiny"]
    pictures = ["examples/A/cat.jpg", "examples/samples.jpg"]
    assert sorted(there) == ["README.md", "config.json", *pictures, "model.safetensors"]
    assert hub.messages == [f"Upload tiny, weights {weights_digest(folder)[:8]}"]
    back = Translator.from_pretrained("someone/tiny", device="cpu")
    here = Translator.from_pretrained(folder, device="cpu")
    assert back.weights_id == here.weights_id and back.name == "tiny"
    pictures = [t.sample(cat_drawing, n=1)[0].tobytes() for t in (back, here)]
    assert pictures[0] == pictures[1]


def test_a_loaded_model_is_published_with_its_card_and_examples(hub, folder):
    (folder / "README.md").write_text("# tiny\n\nA card of its own.\n")
    assert Translator.from_pretrained(folder, device="cpu").push_to_hub("someone/tiny") == f"{hub.url}/someone/tiny"
    there = hub.repos["model", "someone/tiny"]
    assert b"A card of its own." in there["README.md"] and there["examples/samples.jpg"] == b"a picture"
    assert there["model.safetensors"] == (folder / "model.safetensors").read_bytes()


def test_links_out_of_a_folder_are_not_published(hub, folder, tmp_path):
    (tmp_path / "key").write_text("secret")
    (folder / "examples" / "key.png").symlink_to(tmp_path / "key")
    push(folder, "someone/tiny")
    assert b"secret" not in hub.repos["model", "someone/tiny"].values()
    # The Hub's own library links the files of a snapshot from its blobs.
    cache = tmp_path / "models--someone--tiny"
    (cache / "blobs").mkdir(parents=True)
    shutil.copytree(folder, cache / "snapshots" / "a", ignore=lambda *_: ["examples"])
    (cache / "blobs" / "1").write_bytes(b"a picture")
    (cache / "snapshots" / "a" / "examples").mkdir()
    (cache / "snapshots" / "a" / "examples" / "b.jpg").symlink_to(cache / "blobs" / "1")
    push(cache / "snapshots" / "a", "someone/again")
    assert hub.repos["model", "someone/again"]["examples/b.jpg"] == b"a picture"


def test_only_a_model_folders_own_files_are_fetched(hub, folder):
    push(folder, "someone/tiny")
    hub.repos["model", "someone/tiny"]["evil.pkl"] = b"\x80"
    found = resolve("someone/tiny")
    assert sorted(p.name for p in found.iterdir()) == ["README.md", "config.json", "examples", "model.safetensors"]
    assert (found / "examples" / "samples.jpg").read_bytes() == b"a picture"
    assert (found / "examples" / "A" / "cat.jpg").read_bytes() == b"a cat"


def test_pushing_leaves_the_folder_as_it_was(hub, folder):
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    push(folder, "someone/tiny", private=True, message="again")
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before
    assert hub.made[0].get("visibility") == "private" or hub.made[0].get("private") is True  # by version of the client
    assert hub.messages == ["again"]


def test_a_second_push_updates_the_same_repository(hub, folder):
    push(folder, "someone/tiny")
    change(folder, note="better")
    push(folder, "someone/tiny")
    assert b"better" in hub.repos["model", "someone/tiny"]["config.json"]


def test_a_revision_can_be_asked_for(hub, folder):
    push(folder, "someone/tiny")
    assert pull(f"someone/tiny@{hub.commit}") == pull("someone/tiny")
    assert any(hub.commit in path for _, path in hub.asked)


def test_the_card_gets_front_matter_and_an_example(folder):
    change(folder, data={"name": "AFHQ cats", "licence": "CC BY-NC 4.0"})
    text = hub_card(folder, "someone/tiny")
    assert front(text) == {
        "library_name": "i2i",
        "pipeline_tag": "image-to-image",
        "tags": ["image-to-image", "sketch-to-image", "gan", "styled"],
        "license": "cc-by-nc-4.0",
        "training_data": "AFHQ cats",
    }
    assert "# tiny\n\nRandom weights, for tests." in text
    assert 'Translator.from_pretrained("someone/tiny")' in text


def test_what_the_card_says_itself_stays(folder):
    (folder / "README.md").write_text("---\nlicense: mit\ntags: [mine]\n---\n# Own\n\nSee `from_pretrained`.\n")
    change(folder, data={"name": "x", "licence": "whatever"})
    text = hub_card(folder, "someone/tiny")
    assert front(text)["license"] == "mit" and front(text)["tags"] == ["mine"]
    assert "license_name" not in front(text) and front(text)["library_name"] == "i2i"
    assert text.endswith("---\n\n# Own\n\nSee `from_pretrained`.\n")


def test_front_matter_that_is_no_yaml_is_told(folder):
    (folder / "README.md").write_text("---\na: [1\n---\n# Own\n")
    with pytest.raises(ModelFolderError, match="front matter of .*README.md is not YAML"):
        hub_card(folder, "someone/tiny")


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        ("CC BY-NC 4.0", {"license": "cc-by-nc-4.0"}),
        ("Apache-2.0", {"license": "apache-2.0"}),
        (
            "non-commercial research and education",
            {"license": "other", "license_name": "non-commercial-research-and-education"},
        ),
        ("", {}),
    ],
)
def test_licences_in_words_become_the_hubs(words, fields):
    assert licence_fields(words) == fields


def test_damaged_and_foreign_folders_are_not_pushed(hub, folder, tmp_path):
    with pytest.raises(ModelFolderError, match="is not a model folder"):
        push(tmp_path, "someone/tiny")
    (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelFolderError, match="is missing or not what config.json was written for"):
        push(folder, "someone/tiny")
    assert hub.asked == []


@pytest.mark.parametrize("repo", ["tiny", "a/b/c", "some one/tiny", "/tiny"])
def test_ids_have_an_owner_and_a_name(hub, folder, repo):
    with pytest.raises(HubError, match="give OWNER/NAME"):
        push(folder, repo)


def test_without_a_token_it_says_how_to_log_in(hub, folder, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(HubError, match="no Hugging Face token on this machine: run `hf auth login`"):
        push(folder, "someone/tiny")
    assert hub.asked == []


def test_a_token_that_may_not_write_is_told(hub, folder):
    with pytest.raises(HubError, match=r"cannot push to someone/tiny: .*hf auth login"):
        push(folder, "someone/tiny", token="hf_" + "b" * 34)


def test_a_model_that_is_not_there_is_told(hub):
    with pytest.raises(ModelFolderError, match=r"no/such is neither a folder .*no such repository, or a private one"):
        resolve("no/such")


def test_a_hub_out_of_reach_is_told(monkeypatch):
    def unreachable(*_, **__):
        raise ConnectionError("no route to host")

    monkeypatch.setattr("huggingface_hub.snapshot_download", unreachable)
    with pytest.raises(HubError, match="ConnectionError: no route to host; check the network, and HF_ENDPOINT"):
        pull("someone/tiny")


def test_a_hub_out_of_order_is_told(hub, folder):
    hub.broken = 418
    with pytest.raises(HubError, match="the Hub answered 418"):
        push(folder, "someone/tiny")
    assert hub_module.connect().endpoint == hub.url
