"""Strokes ↔ short text for links. canvas_codec.js is the same codec; a test vector keeps both in step.

The text is the version digit and then base64url of two bytes of checksum and the coded strokes. Coordinates are
whole quarter units, each point the difference from the one before, and every number goes through an adaptive
binary arithmetic coder (Exp-Golomb digits, contexts from the size and direction of the step before). That takes
about 12 bits a point. Strokes that lie on the quarter grid (`stroke_format.settle`) come back exactly.
"""

from __future__ import annotations

import base64
import binascii

from demo.stroke_format import GRID, MARGIN, MAX_POINTS, MAX_STROKES, POINTS, TOOLS, UNITS, twin

VERSION = "1"
MAX_TEXT = 60_000
_LONGEST = 20  # binary digits of a number

# Kinds of number, each with statistics of its own.
_COUNT, _TOOL, _TWIN, _WIDTH, _COLOUR, _FILLED, _LENGTH, _START, _X, _Y, _SIGN, _PRESSURE = range(12)


class _Encoder:
    def __init__(self):
        self.low, self.high, self.bytes, self.odds = 0, 0xFFFFFFFF, bytearray(), {}

    def bit(self, slot: int, bit: int = 0) -> int:
        odds, seen = self.odds.get(slot, (32768, 0)) if slot >= 0 else (32768, 0)
        middle = self.low + (self.high - self.low) * odds // 65536
        if bit:
            self.high = middle
        else:
            self.low = middle + 1
        while not (self.low ^ self.high) >> 24:
            self.bytes.append(self.high >> 24)
            self.low = self.low << 8 & 0xFFFFFFFF
            self.high = self.high << 8 & 0xFFFFFFFF | 255
        if slot >= 0:
            self.odds[slot] = _learn(odds, seen, bit)
        return bit

    def end(self) -> bytes:
        """The coded bytes; the decoder reads zeros after them."""
        for length in range(5):
            step = 1 << 8 * (4 - length)
            value = -(-self.low // step) * step
            if value <= self.high:
                return bytes(self.bytes) + value.to_bytes(5, "big")[1 : 1 + length]
        raise AssertionError("low is at most high")


class _Decoder:
    def __init__(self, data: bytes):
        self.low, self.high, self.data, self.at, self.odds = 0, 0xFFFFFFFF, data, 4, {}
        self.value = int.from_bytes(data[:4].ljust(4, b"\0"), "big")

    def bit(self, slot: int, bit: int = 0) -> int:
        odds, seen = self.odds.get(slot, (32768, 0)) if slot >= 0 else (32768, 0)
        middle = self.low + (self.high - self.low) * odds // 65536
        bit = int(self.value <= middle)
        if bit:
            self.high = middle
        else:
            self.low = middle + 1
        while not (self.low ^ self.high) >> 24:
            following = self.data[self.at] if self.at < len(self.data) else 0
            self.at += 1
            self.low = self.low << 8 & 0xFFFFFFFF
            self.high = self.high << 8 & 0xFFFFFFFF | 255
            self.value = self.value << 8 & 0xFFFFFFFF | following
        if slot >= 0:
            self.odds[slot] = _learn(odds, seen, bit)
        return bit


def _learn(odds: int, seen: int, bit: int) -> tuple[int, int]:
    odds += (bit * 65536 - odds) * 2 // (2 * seen + 3)  # the running mean of what was seen, of 30 at most
    return min(65472, max(64, odds)), min(seen + 1, 30)


# One walk serves both directions: with an encoder `value` is written, with a decoder it is ignored and read.


def _number(coder, kind: int, context: int, value: int = 0) -> int:
    """A number ≥ 0: how many binary digits value + 1 has, then the digits below the first."""
    base = (kind * 64 + context) * 128
    length = (value + 1).bit_length()
    digits = 1
    while coder.bit(base + digits, int(digits < length)):
        digits += 1
        if digits > _LONGEST:
            raise ValueError("a number is too large")
    result = 1
    for place in range(digits - 2, -1, -1):
        rank = digits - 2 - place
        slot = base + (24 + digits if rank == 0 else 48 + 2 * digits + (result & 1)) if rank < 2 else -1
        result = result << 1 | coder.bit(slot, value + 1 >> place & 1)
    return result - 1


def _step(coder, kind: int, context: int, before: int, value: int = 0) -> int:
    """A signed step; `before`: the last step along the same axis, whose sign it often repeats."""
    size = _number(coder, kind, context, abs(value))
    if not size:
        return 0
    slot = (_SIGN * 64 + kind * 3 + (before > 0) - (before < 0) + 1) * 128
    return size if coder.bit(slot, int(value > 0)) else -size


def _points(coder, points: list, count: int, last: list[int], widths: list | None) -> tuple[list, list | None]:
    """The points of a stroke in quarter units, from `last`, which moves along; with pressure also a width each."""
    done, done_widths, step, size, width = [], [] if widths is not None else None, (0, 0), 0, 0
    for i in range(count):
        x, y = points[i] if points else last
        kinds = (_X, _Y) if i else (_START, _START)
        dx = _step(coder, kinds[0], min(size, 10), step[0], x - last[0])
        dy = _step(coder, kinds[1], 20 + min(abs(dx).bit_length(), 10), step[1], y - last[1])
        last[:] = last[0] + dx, last[1] + dy
        if not all(-MARGIN * GRID <= c <= (UNITS + MARGIN) * GRID for c in last):
            raise ValueError("a point lies off the paper")
        done.append(list(last))
        if i:
            step, size = (dx, dy), max(abs(dx).bit_length(), abs(dy).bit_length())
        if done_widths is not None:
            width += _step(coder, _PRESSURE, min(i, 1), 0, (widths[i] if widths else 0) - width)
            done_widths.append(width)
    return done, done_widths


def _stroke(coder, memory: dict, stroke: dict) -> dict:
    """One stroke in whole numbers; an empty `stroke` when decoding. `memory` holds what earlier strokes leave."""
    before, memory["stroke"] = memory["stroke"], None
    if before is not None:
        other = twin(before, UNITS * GRID)  # what mirror symmetry draws costs one bit
        if coder.bit(_TWIN * 8192, int(stroke == other)):
            _count_points(memory, len(other["points"]))
            return other
    done: dict = {}
    memory["tool"] = _number(coder, _TOOL, memory["tool"], TOOLS.index(stroke["tool"]) if stroke else 0)
    if memory["tool"] >= len(TOOLS):
        raise ValueError("there is an unknown tool")
    tool = done["tool"] = TOOLS[memory["tool"]]
    if tool != "fill":
        widths = memory["widths"]  # tool → its last width + 1; 0 is the width that a tool has by itself
        said = stroke["width"] + 1 if "width" in stroke else 0
        if coder.bit((_WIDTH * 64 + 63) * 128, int(said != widths.get(tool, 0))):
            widths[tool] = _number(coder, _WIDTH, 0, said)
        if widths.get(tool, 0):
            done["width"] = widths[tool] - 1
    colours = memory["colours"]
    known = colours.index(stroke["color"]) if stroke.get("color") in colours else len(colours)
    if stroke and "color" not in stroke:
        known = 0
    index = _number(coder, _COLOUR, 0, known)
    if index > len(colours):
        raise ValueError("there is an unknown colour")
    if index == len(colours):
        colours.append("#")
        levels = bytes.fromhex(stroke["color"][1:]) if stroke else bytes(3)
        for level in levels:
            value = 0
            for place in range(7, -1, -1):
                value = value << 1 | coder.bit(-1, level >> place & 1)
            colours[-1] += f"{value:02x}"
    if index:
        done["color"] = colours[index]
    if tool in ("pen", "rect") and coder.bit(_FILLED * 8192 + (tool == "rect"), int("filled" in stroke)):
        done["filled"] = True
    pressed = tool == "pen" and coder.bit(_PRESSURE * 8192 + 8191, int("widths" in stroke))
    points = stroke.get("points", [])
    count = POINTS.get(tool) or _number(coder, _LENGTH, 0, len(points) - 1) + 1
    _count_points(memory, count)
    pressures = stroke.get("widths", []) if pressed else None
    done["points"], widths = _points(coder, points, count, memory["last"], pressures)
    if pressed:
        done["widths"] = widths
    memory["stroke"] = done
    return done


def _count_points(memory: dict, count: int) -> None:
    memory["points"] += count
    if memory["points"] > MAX_POINTS:
        raise ValueError(f"there are more than {MAX_POINTS} points")


def _walk(coder, strokes: list[dict]) -> list[dict]:
    memory = {"tool": 0, "widths": {}, "colours": [""], "points": 0, "last": [128 * GRID] * 2, "stroke": None}
    count = _number(coder, _COUNT, 0, len(strokes))
    if count > MAX_STROKES:
        raise ValueError(f"there are more than {MAX_STROKES} strokes")
    return [_stroke(coder, memory, strokes[i] if strokes else {}) for i in range(count)]


def _checksum(data: bytes) -> int:
    total = 1
    for byte in data:
        total = (total * 31 + byte) & 0xFFFF
    return total


def pack(strokes: list[dict]) -> str:
    """Settled and checked strokes → text."""
    whole = []
    for stroke in strokes:
        one = {**stroke, "points": [[int(x * GRID), int(y * GRID)] for x, y in stroke["points"]]}
        if "width" in stroke:
            one["width"] = int(stroke["width"] * GRID)
        if "widths" in stroke:
            one["widths"] = [int(width * GRID) for width in stroke["widths"]]
        whole.append(one)
    coder = _Encoder()
    _walk(coder, whole)
    data = coder.end()
    return VERSION + base64.urlsafe_b64encode(_checksum(data).to_bytes(2, "big") + data).decode("ascii").rstrip("=")


def unpack(text: str) -> list[dict]:
    """Text → strokes with coordinates in units; ValueError in words for anything that `pack` did not write."""
    if not isinstance(text, str) or not text:
        raise ValueError("The link holds no drawing.")
    if len(text) > MAX_TEXT:
        raise ValueError(f"The drawing in the link has {len(text)} characters; at most {MAX_TEXT} are read.")
    if text[0] != VERSION:
        raise ValueError(f"The drawing in the link has the unknown format {text[0]!r}; this page reads {VERSION!r}.")
    damaged = "The drawing in the link is damaged; copy the whole link."
    try:
        data = base64.b64decode(text[1:].encode("ascii") + b"=" * (-len(text[1:]) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as problem:
        raise ValueError(damaged) from problem
    if len(data) < 2 or int.from_bytes(data[:2], "big") != _checksum(data[2:]):
        raise ValueError(damaged)
    try:
        whole = _walk(_Decoder(data[2:]), [])
    except ValueError as problem:
        raise ValueError(f"The drawing in the link cannot be read: {problem}.") from problem
    strokes = []
    for stroke in whole:
        one = {**stroke, "points": [[x / GRID, y / GRID] for x, y in stroke["points"]]}
        if "width" in stroke:
            one["width"] = stroke["width"] / GRID
        if "widths" in stroke:
            one["widths"] = [width / GRID for width in stroke["widths"]]
        strokes.append(one)
    return strokes
