"""As much of the Hugging Face Hub as pushing and pulling need, on this machine."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

TOKEN = "hf_" + "a" * 34


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def _say(self, status: int, body: bytes | dict | list = b"", **headers: str) -> None:
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _handle(self) -> None:
        hub = self.server
        path = unquote(urlsplit(self.path).path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        hub.asked.append((self.command, path))
        writing = self.command == "POST"
        if hub.broken:
            return self._say(hub.broken, {"error": "out of order"})
        if writing and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._say(401, {"error": "Invalid username or password."})
        if path == "/api/validate-yaml":
            return self._say(200, {"errors": [], "warnings": []})
        if path == "/api/repos/create":
            asked = json.loads(body)
            repo = f"{asked.get('organization') or 'someone'}/{asked['name']}"
            kind = asked.get("type", "model")
            exists = (kind, repo) in hub.repos
            hub.made.append(asked)
            hub.repos.setdefault((kind, repo), {})
            prefix = "" if kind == "model" else f"{kind}s/"
            return self._say(409 if exists else 200, {"url": f"{hub.url}/{prefix}{repo}"})
        match = re.fullmatch(r"/api/(model|space)s/([^/]+/[^/]+)(?:/(\w+)/([^/]+))?(?:/.*)?", path)
        if match:
            kind, repo, what, _ = match.groups()
            files = hub.repos.get((kind, repo))
            if files is None:
                return self._say(404, {"error": "Repository not found"}, X_Error_Code="RepoNotFound")
            return self._repository(kind, repo, files, what, body)
        match = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        if match and ("model", match[1]) in hub.repos:
            content = hub.repos["model", match[1]].get(match[3])
            if content is None:
                return self._say(404, b"", X_Error_Code="EntryNotFound")
            tag = f'"{hashlib.sha1(content).hexdigest()}"'
            return self._say(200, content, ETag=tag, X_Repo_Commit=hub.commit, Content_Length=str(len(content)))
        return self._say(404, {"error": "Not found"}, X_Error_Code="RepoNotFound")

    def _repository(self, kind: str, repo: str, files: dict[str, bytes], what: str | None, body: bytes) -> None:
        hub = self.server
        if what == "preupload":
            named = [f["path"] for f in json.loads(body)["files"]]
            return self._say(
                200, {"files": [{"path": p, "uploadMode": "regular", "shouldIgnore": False} for p in named]}
            )
        if what == "commit":
            for line in map(json.loads, body.decode().splitlines()):
                if line["key"] == "file":
                    files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
                elif line["key"] == "deletedFile":
                    del files[line["value"]["path"]]
                elif line["key"] == "header":
                    hub.messages.append(line["value"]["summary"])
            url = f"{hub.url}/{repo}/commit/{hub.commit}"
            return self._say(200, {"success": True, "commitUrl": url, "commitOid": hub.commit})
        if what == "tree":
            return self._say(
                200,
                [
                    {"type": "file", "path": p, "size": len(c), "oid": hashlib.sha1(c).hexdigest()}
                    for p, c in files.items()
                ],
            )
        siblings = [{"rfilename": p} for p in files]
        return self._say(200, {"id": repo, "sha": hub.commit, "siblings": siblings, "tags": [], "private": False})

    do_GET = do_HEAD = do_POST = _handle


@contextmanager
def stub_hub():
    """A running Hub: `.repos` {(kind, id): {path: bytes}}, `.made` (what create_repo asked for), `.messages` (of
    commits), `.asked` [(method, path)], `.broken` (a status to answer everything with), `.url`. Writing needs TOKEN.
    """
    hub = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    hub.repos, hub.made, hub.messages, hub.asked, hub.broken = {}, [], [], [], 0
    hub.commit = "0123456789abcdef0123456789abcdef01234567"
    hub.url = f"http://127.0.0.1:{hub.server_port}"
    thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()


def use_stub(monkeypatch, hub, cache) -> None:
    """Point huggingface_hub of this process at the stub, with an empty cache and the stub's token."""
    from huggingface_hub import constants

    template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(cache / "no-token"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
