"""Models on the Hugging Face Hub: push a model folder, pull one by its id; cards that the Hub understands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from i2i.cards import use
from i2i.model_folder import CARD, CONFIG, WEIGHTS, ModelFolderError, is_own, read_config, weights_digest

FILES = [CONFIG, WEIGHTS, CARD, "examples/*"]  # what a model folder holds; nothing else is sent or fetched
LOGIN = "run `hf auth login` with a token from https://huggingface.co/settings/tokens, or set HF_TOKEN"
# Licences by the Hub's identifiers; any other is "other" with its own name.
_LICENCES = re.compile(r"cc0-1\.0|cc-by(-nc)?(-sa|-nd)?-[234]\.0|apache-2\.0|mit|bsd-[23]-clause|gpl-3\.0|openrail")
_INPUTS = {"edges": "sketch-to-image", "labels": "label-to-image", "photo": "image-to-image"}


class HubError(ModelFolderError):
    """Something could not be sent to the Hub or fetched from it; the message says why and what to do."""


@contextmanager
def in_words(doing: str, repo_id: str) -> Iterator[None]:
    """Turn whatever goes wrong with the Hub into a `HubError` that names the fix.

    Args:
        doing: "fetch", "push to", ...
        repo_id: the repository.
    """
    from huggingface_hub import errors

    start = f"cannot {doing} {repo_id}"
    try:
        yield
    except ModelFolderError:
        raise
    except errors.HFValidationError as error:
        raise HubError(f"{start}: {error}") from error
    except errors.GatedRepoError as error:
        raise HubError(f"{start}: accept its terms on its page first, then {LOGIN}") from error
    except errors.RepositoryNotFoundError as error:
        raise HubError(f"{start}: no such repository, or a private one; check the id, or {LOGIN}") from error
    except errors.RevisionNotFoundError as error:
        raise HubError(f"{start}: it has no such revision; leave it out, or look on its page") from error
    except errors.HfHubHTTPError as error:
        status = getattr(error.response, "status_code", "an error")
        hint = f"; the token may not do that: {LOGIN} that can write" if status in (401, 403) else ""
        raise HubError(f"{start}: the Hub answered {status} ({str(error).splitlines()[0]}){hint}") from error
    except Exception as error:  # what a network and its libraries raise has no common base
        words = str(error).splitlines()
        raise HubError(
            f"{start}: {type(error).__name__}: {words[0] if words else ''}; check the network, and HF_ENDPOINT and "
            "HF_HUB_OFFLINE if they are set"
        ) from error


def connect(token: str | None = None) -> Any:
    """The Hub with the right to write, as a `huggingface_hub.HfApi`.

    Args:
        token: None: the one that `hf auth login` saved, or of the environment variable HF_TOKEN.

    Raises:
        HubError: if there is no token.
    """
    from huggingface_hub import HfApi, get_token

    token = token or get_token()
    if not token:
        raise HubError(f"no Hugging Face token on this machine: {LOGIN}")
    return HfApi(token=token, library_name="i2i")


def check_id(repo_id: str) -> str:
    """`repo_id` if it has the form `owner/name`.

    Raises:
        HubError: otherwise.
    """
    parts = repo_id.split("/")
    if len(parts) != 2 or not all(re.fullmatch(r"[\w.-]+", part) for part in parts):
        raise HubError(f"{repo_id!r} is no Hub id: give OWNER/NAME, your user name or organisation first")
    return repo_id


def pull(repo_id: str) -> Path:
    """Fetch a model folder from the Hub, or take it from the cache where nothing has changed since.

    Args:
        repo_id: `owner/name`, or `owner/name@revision` with a branch, tag or commit.

    Returns:
        The folder in the cache of huggingface_hub.

    Raises:
        HubError: naming what went wrong and what to do.
    """
    name, _, revision = repo_id.partition("@")
    check_id(name)
    with in_words("fetch", repo_id):
        from huggingface_hub import snapshot_download

        which = {"revision": revision} if revision else {}
        return Path(snapshot_download(name, allow_patterns=FILES, **which))


def push(
    folder: str | Path, repo_id: str, *, token: str | None = None, private: bool = False, message: str | None = None
) -> str:
    """Send a model folder to the Hub, in one commit; the repository is made if there is none.

    Args:
        folder: a model folder. It is not changed; the card that is sent gets front matter for the Hub where it lacks
            it (see `hub_card`).
        repo_id: `owner/name`.
        token: with the right to write; None: the saved one, or of HF_TOKEN.
        private: whether a new repository is for its owner alone.
        message: of the commit.

    Returns:
        The model's address.

    Raises:
        ModelFolderError: if the folder is no whole model folder.
        HubError: without a token, or naming what went wrong and what to do.
    """
    folder = Path(folder)
    check_id(repo_id)
    config = read_config(folder)
    if not (folder / WEIGHTS).is_file() or weights_digest(folder) != config.get("sha256"):
        raise ModelFolderError(f"{folder}/{WEIGHTS} is missing or not what {CONFIG} was written for; save it again")
    api = connect(token)
    with in_words("push to", repo_id):
        from huggingface_hub import CommitOperationAdd

        paths = [folder / CONFIG, folder / WEIGHTS, *sorted((folder / "examples").rglob("*"))]
        paths = [path for path in paths if path.is_file() and is_own(path, folder)]
        additions = [CommitOperationAdd(p.relative_to(folder).as_posix(), p) for p in paths]
        card = hub_card(folder, repo_id)
        additions.append(CommitOperationAdd(CARD, card.encode()))
        api.create_repo(repo_id, private=private, exist_ok=True)
        message = message or f"Upload {config.get('name', folder.name)}, weights {config['sha256'][:8]}"
        api.create_commit(repo_id, additions, commit_message=message)
    return f"{api.endpoint}/{repo_id}"


def hub_card(folder: str | Path, repo_id: str) -> str:
    """A model's card with the front matter that the Hub shows and searches.

    library_name, pipeline_tag, tags, licence and training data come from config.json; what the card's own front
    matter says stays. A card without an example of use gets one.
    """
    import yaml  # huggingface_hub brings it

    folder = Path(folder)
    config = read_config(folder)
    text = (folder / CARD).read_text(encoding="utf-8") if (folder / CARD).is_file() else ""
    match = re.match(r"---\s*\n(.*?\n)?---\s*\n", text, re.DOTALL)
    own, body = {}, text
    if match:
        try:
            own = yaml.safe_load(match[1] or "") or {}
        except yaml.YAMLError as error:
            raise ModelFolderError(f"the front matter of {folder / CARD} is not YAML: {error}") from error
        if not isinstance(own, dict):
            raise ModelFolderError(f"the front matter of {folder / CARD} is no list of names and values")
        body = text[match.end() :]
    name, data = config.get("name", folder.name), config.get("data") or {}
    front = {"library_name": "i2i", "pipeline_tag": "image-to-image", "tags": _tags(config)}
    front |= licence_fields(str(data.get("licence", "")))
    if data.get("name"):
        front["training_data"] = str(data["name"])
    if "license" in own:
        front = {key: value for key, value in front.items() if not key.startswith("license")}
    front |= own
    if not body.strip():
        body = f"# {name}\n"
    if "from_pretrained" not in body and config.get("kind") == "translator":
        body = f"{body.rstrip()}\n\n{use(config, repo_id)}"
    return f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---\n\n{body.lstrip()}"


def _tags(config: dict[str, Any]) -> list[str]:
    if config.get("kind") == "detector":
        return ["edge-detection", str(config["method"])]
    tags = ["image-to-image", _INPUTS.get((config.get("input") or {}).get("kind"), "image-to-image"), "gan"]
    return list(dict.fromkeys([*tags, str(config["method"])]))


def licence_fields(licence: str) -> dict[str, str]:
    """A licence in words as the Hub's front matter: its identifier, or "other" with a name; {} for no words."""
    slug = re.sub(r"[^a-z0-9.]+", "-", licence.lower()).strip("-.")
    if not slug:
        return {}
    if _LICENCES.fullmatch(slug):
        return {"license": slug}
    return {"license": "other", "license_name": slug[:80]}
