"""Download one file over HTTP so that a dropped connection, a kill or a reboot costs nothing that has arrived."""

from __future__ import annotations

import errno
import http.client
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

from i2i.data.fetch_unpack import Advance, FetchError

CHUNK = 2**18
AGENT = "i2i-fetch/1"
RETRIED = (408, 425, 429, 500, 502, 503, 504)  # the server may think better of it
LONGEST_PAUSE = 60.0


def download(
    url: str,
    target: Path,
    advance: Advance | None = None,
    *,
    attempts: int = 5,
    pause: float = 1.0,
    timeout: float = 30.0,
    sleep: Callable[[float], None] = time.sleep,
) -> Path:
    """Download `url` to `target`, going on where an earlier try stopped.

    What has arrived lies in `target` + ".part"; the file gets its name when it is whole. A server that cannot send
    the rest alone, or whose file has changed since, sends it from the start.

    Args:
        url: http or https; redirects are followed, and proxies taken from the environment.
        target: the file; its folder must exist.
        advance: called with the bytes that are there and of how many (None: unknown).
        attempts: tries in a row that bring nothing new before it gives up.
        pause: seconds before the second try, doubled for each further one.
        timeout: seconds without an answer or a byte.
        sleep: waits between tries.

    Raises:
        FetchError: for an address that is not HTTP, an answer other than a file, a full disk, or a server that stays
            out of reach.
    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise FetchError(f"{url!r} is not an http(s) address; a file that you have already goes to {target}")
    part = target.with_name(target.name + ".part")
    barren = 0
    while True:
        before = _size(part)
        try:
            if _receive(url, part, advance, timeout):
                break
            reason = "the connection was closed early"
        except urllib.error.HTTPError as error:
            if error.code not in RETRIED:
                raise FetchError(_refused(url, target, error)) from None
            reason = f"the server answered {error.code} {error.reason}"
        except (OSError, http.client.HTTPException) as error:
            reason = str(getattr(error, "reason", error)) or type(error).__name__
        barren = 0 if _size(part) > before else barren + 1
        if barren >= attempts:
            raise FetchError(
                f"cannot fetch {url}: {reason}, {attempts} times in a row; check the network and HTTPS_PROXY, "
                f"run the same command again to go on, name a mirror with --url, or put the file at {target} yourself"
            )
        sleep(min(pause * 2 ** max(0, barren - 1), LONGEST_PAUSE))
    part.replace(target)
    _note(part).unlink(missing_ok=True)
    return target


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _note(part: Path) -> Path:
    """Beside the .part file: which version of which file it is the beginning of."""
    return part.with_name(part.name + ".json")


def _known(url: str, part: Path) -> dict | None:
    try:
        known = json.loads(_note(part).read_text(encoding="utf-8"))
        return known if known["url"] == url and "tag" in known and "total" in known else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _tag(headers: http.client.HTTPMessage) -> str | None:
    """What tells versions of the file apart, in a form that If-Range takes."""
    etag = headers.get("ETag", "")
    return etag if etag.startswith('"') else headers.get("Last-Modified")


def _receive(url: str, part: Path, advance: Advance | None, timeout: float) -> bool:
    """One request; what comes is added to `part`. True if the file is whole."""
    known = _known(url, part)
    have = _size(part) if known else 0
    headers = {"User-Agent": AGENT, "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if known["tag"]:
            headers["If-Range"] = known["tag"]
    try:
        response = _opener().open(urllib.request.Request(url, headers=headers), timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing after what is there: it is whole, or of another version
            if known["total"] == have and error.headers.get("Content-Range") in (None, f"bytes */{have}"):
                return True
            part.unlink()
            return False
        raise
    with response:
        if response.headers.get_content_type() == "text/html":
            raise FetchError(
                f"{response.url} answered with a web page instead of a file: a login, a quota or a moved file; "
                "open it in a browser to see, or name a mirror with --url"
            )
        begin, total = _span(response)
        tag = _tag(response.headers)
        if begin and (begin != have or total != known["total"] or (known["tag"] and tag and tag != known["tag"])):
            part.unlink()  # the rest of something else
            return False
        have = begin
        try:
            _note(part).write_text(json.dumps({"url": url, "tag": tag, "total": total}), encoding="utf-8")
            with part.open("ab" if begin else "wb") as file:
                while chunk := _read(response):
                    file.write(chunk)
                    have += len(chunk)
                    if advance:
                        advance(have, total)
        except _ConnectionLost as error:
            raise error.__cause__ from None
        except OSError as error:
            words = "the disk is full" if error.errno == errno.ENOSPC else str(error)
            raise FetchError(f"cannot write {part}: {words}; free the disk or choose another folder") from error
    return total is None or have == total


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a server elsewhere, but never from an encrypted connection to a plain one, nor out of HTTP."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        before, after = (urllib.parse.urlsplit(url).scheme.lower() for url in (req.full_url, newurl))
        if after not in ("http", "https") or (before, after) == ("https", "http"):
            raise FetchError(
                f"{req.full_url} leads to {newurl}, where anybody on the way could change the file: name a mirror "
                "with --url"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_Redirects)


class _ConnectionLost(Exception):
    """Tells an error of the network from one of the disk."""


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read(CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise _ConnectionLost from error


def _span(response: http.client.HTTPResponse) -> tuple[int, int | None]:
    """(first byte, size of the whole file or None) of an answer."""
    if response.status == 206:
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if match:
            return int(match[1]), None if match[2] == "*" else int(match[2])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def _refused(url: str, target: Path, error: urllib.error.HTTPError) -> str:
    words = f"{url}: the server answered {error.code} {error.reason}; "
    if error.code in (404, 410):
        return words + f"the file has moved: name a mirror with --url, or find it and put it at {target}"
    if error.code in (401, 403):
        return words + f"it wants a login or refuses programs: download it in a browser and put it at {target}"
    return words + "name a mirror with --url, or try later"
