"""Downloading from a server on this machine that drops connections, ignores ranges and says no."""

from __future__ import annotations

import os
import socket
import urllib.request

import pytest

from i2i.data.fetch_download import _Redirects, download
from i2i.data.fetch_unpack import FetchError

CONTENT = os.urandom(200_000)  # more than the buffers on the way hold


@pytest.fixture
def get(server, tmp_path):
    """A function: download /a.bin without waiting between tries -> its content, and the pauses it would have made."""
    server.files["/a.bin"] = CONTENT

    def get(**options):
        pauses = []
        options = {"sleep": pauses.append, "timeout": 10} | options
        path = download(f"{server.url}/a.bin", tmp_path / "a.bin", **options)
        assert sorted(p.name for p in tmp_path.iterdir()) == ["a.bin"]
        return path.read_bytes(), pauses

    return get


@pytest.mark.parametrize(
    ("before", "after", "allowed"),
    [
        ("https://a.org/x", "https://b.org/x", True),
        ("http://a.org/x", "https://a.org/x", True),
        ("http://a.org/x", "http://b.org/x", True),
        ("https://a.org/x", "http://a.org/x", False),
        ("https://a.org/x", "ftp://a.org/x", False),
        ("http://a.org/x", "file:///etc/passwd", False),
    ],
)
def test_a_redirect_never_leaves_encryption(before, after, allowed):
    request = urllib.request.Request(before)
    if allowed:
        assert _Redirects().redirect_request(request, None, 302, "Found", {}, after).full_url == after
    else:
        with pytest.raises(FetchError, match=f"leads to {after}, where anybody on the way could change the file"):
            _Redirects().redirect_request(request, None, 302, "Found", {}, after)


def ranges(server):
    return [wanted for _, wanted in server.asked]


def test_a_file_arrives_whole_and_its_progress_is_told(server, get):
    steps = []
    content, pauses = get(advance=lambda done, total: steps.append((done, total)))
    assert content == CONTENT and pauses == [] and ranges(server) == [None]
    assert steps[-1] == (len(CONTENT), len(CONTENT)) and steps == sorted(steps)


def test_after_a_dropped_connection_only_the_rest_is_asked_for(server, get):
    server.moods = ["drop 70000", "drop 30000"]
    content, _ = get()
    assert content == CONTENT
    assert ranges(server) == [None, "bytes=70000-", "bytes=100000-"]


def test_a_later_call_goes_on_where_an_earlier_one_gave_up(server, get, tmp_path):
    server.moods = ["drop 50000", "503"]
    with pytest.raises(FetchError, match="run the same command again to go on"):
        get(attempts=1)
    assert (tmp_path / "a.bin.part").stat().st_size == 50000 and not (tmp_path / "a.bin").exists()
    assert get()[0] == CONTENT
    assert ranges(server)[-1] == "bytes=50000-"


def test_a_server_that_ignores_ranges_sends_everything_again(server, get):
    server.moods = ["drop 70000", "whole"]
    content, _ = get()
    assert content == CONTENT and len(content) == len(CONTENT)


@pytest.mark.parametrize("tags", [True, False])
def test_a_file_that_changed_meanwhile_is_not_patched_together(server, get, tags):
    server.tags = tags
    server.moods = ["drop 70000", "503"]
    with pytest.raises(FetchError):
        get(attempts=1)
    server.files["/a.bin"] = bytes(150_000)
    assert get()[0] == bytes(150_000)


def test_the_beginning_of_another_file_is_not_used(server, get, tmp_path):
    (tmp_path / "a.bin.part").write_bytes(b"something else")
    assert get()[0] == CONTENT and ranges(server) == [None]


def test_a_file_that_was_whole_before_it_got_its_name(server, get, tmp_path):
    server.moods = ["drop 200", "503"]
    with pytest.raises(FetchError):
        get(attempts=1)
    (tmp_path / "a.bin.part").write_bytes(CONTENT)
    assert get()[0] == CONTENT and ranges(server)[-1] == f"bytes={len(CONTENT)}-"


def test_a_busy_server_is_asked_again_and_again_after_longer_pauses(server, get):
    server.moods = ["503", "503", "503"]
    content, pauses = get()
    assert content == CONTENT and pauses == [1.0, 2.0, 4.0]


def test_progress_starts_the_count_of_tries_anew(server, get):
    server.moods = ["503", "drop 1000", "503", "drop 1000", "503"]
    assert get(attempts=2)[0] == CONTENT


@pytest.mark.parametrize(
    ("mood", "words"),
    [
        ("404", "404 .*name a mirror with --url, or find it and put it at .*a.bin"),
        ("403", "403 .*wants a login or refuses programs: download it in a browser"),
        ("html", "web page instead of a file"),
    ],
)
def test_what_waiting_cannot_help_is_told_at_once(server, get, mood, words):
    server.moods = [mood]
    with pytest.raises(FetchError, match=words):
        get()
    assert len(server.asked) == 1


def test_without_a_network_the_error_says_what_to_do(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free_port = probe.getsockname()[1]
    with pytest.raises(FetchError, match=r"(?s)cannot fetch .*refused.*3 times in a row; check the network.*--url"):
        download(f"http://127.0.0.1:{free_port}/a", tmp_path / "a", attempts=3, sleep=lambda seconds: None)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "a.zip", "ftp://127.0.0.1/a"])
def test_other_addresses_are_refused(tmp_path, url):
    with pytest.raises(FetchError, match="is not an http"):
        download(url, tmp_path / "a")
