"""A web server on this machine that offers archives, and misbehaves when told to; and archives to offer."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        server = self.server
        server.asked.append((self.path, self.headers.get("Range")))
        what, _, number = (server.moods.pop(0) if server.moods else "serve").partition(" ")
        if what.isdigit():
            return self._say(int(what), b"no", {})
        if what == "html":
            return self._say(200, b"<html>please log in</html>", {"Content-Type": "text/html; charset=utf-8"})
        body = server.files.get(self.path)
        if body is None:
            return self._say(404, b"", {})
        tag = '"' + hashlib.md5(body, usedforsecurity=False).hexdigest() + '"'
        headers = {"Content-Type": "application/octet-stream"} | ({"ETag": tag} if server.tags else {})
        begin = 0
        wanted = self.headers.get("Range")
        if wanted and what != "whole" and self.headers.get("If-Range") in (None, tag):
            begin = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if begin >= len(body):
                return self._say(416, b"", {"Content-Range": f"bytes */{len(body)}"})
            headers["Content-Range"] = f"bytes {begin}-{len(body) - 1}/{len(body)}"
        rest = body[begin:]
        if what == "drop":  # promise everything, send a part, hang up
            self._say(206 if begin else 200, rest[: int(number)], headers, promised=len(rest))
            self.close_connection = True
            return None
        return self._say(206 if begin else 200, rest, headers)

    def _say(self, status: int, body: bytes, headers: dict[str, str], promised: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if promised is None else promised))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def archive_server():
    """A running server: `.files` {path: bytes}, `.moods` [how to treat the next requests], `.asked` [(path, Range)],
    `.tags` (whether files have an ETag), `.url`.

    Moods: "serve", "drop N" (hang up after N bytes), "whole" (ignore Range), "html", or a status like "503".
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.files, server.moods, server.asked, server.tags = {}, [], [], True
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def tar_of(files: dict[str, bytes], extra: list[tarfile.TarInfo] | None = None) -> bytes:
    """A .tar.gz of files; `extra` members have no content (links, devices)."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in extra or []:
            archive.addfile(info)
    return stream.getvalue()


def zip_of(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()
