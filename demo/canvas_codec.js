// Strokes ↔ short text for links: the same codec as demo/stroke_codec.py, where it is explained.
const VERSION = '1';
const MAX_TEXT = 60000;
const LONGEST = 20;
const COARSER = [0.5, 0.75, 1, 1.5, 2.5];
const [K_COUNT, K_TOOL, K_TWIN, K_WIDTH, K_COLOUR, K_FILLED, K_LENGTH, K_START, K_X, K_Y, K_SIGN, K_PRESSURE] =
  Array.from({ length: 12 }, (_, i) => i);
const digitsOf = (value) => (value ? 32 - Math.clz32(value) : 0);

class Coder {
  constructor(data) {      // bytes to decode, or nothing to encode
    this.data = data;
    this.bytes = [];
    this.low = 0;
    this.high = 0xffffffff;
    this.odds = new Map();
    this.at = 4;
    this.value = data ? [0, 1, 2, 3].reduce((sum, i) => sum * 256 + (data[i] ?? 0), 0) : 0;
  }

  bit(slot, bit = 0) {
    let [odds, seen] = (slot >= 0 && this.odds.get(slot)) || [32768, 0];
    const middle = this.low + Math.floor((this.high - this.low) * odds / 65536);
    if (this.data) bit = Number(this.value <= middle);
    if (bit) this.high = middle; else this.low = middle + 1;
    while ((this.low ^ this.high) >>> 24 === 0) {
      if (this.data) this.value = ((this.value << 8) | (this.data[this.at++] ?? 0)) >>> 0;
      else this.bytes.push(this.high >>> 24);
      this.low = (this.low << 8) >>> 0;
      this.high = ((this.high << 8) | 255) >>> 0;
    }
    if (slot >= 0) {
      odds += Math.floor((bit * 65536 - odds) * 2 / (2 * seen + 3));
      this.odds.set(slot, [bounded(odds, 64, 65472), Math.min(seen + 1, 30)]);
    }
    return bit;
  }

  end() {
    for (let length = 0; length < 5; length++) {
      const step = 2 ** (8 * (4 - length));
      const value = Math.ceil(this.low / step) * step;
      if (value > this.high) continue;
      for (let i = 0; i < length; i++) this.bytes.push(Math.floor(value / 2 ** (8 * (3 - i))) % 256);
      return this.bytes;
    }
  }

  number(kind, context, value = 0) {
    const base = (kind * 64 + context) * 128;
    const length = digitsOf(value + 1);
    let digits = 1;
    while (this.bit(base + digits, Number(digits < length))) {
      if (++digits > LONGEST) throw new Error('a number is too large');
    }
    let result = 1;
    for (let place = digits - 2; place >= 0; place--) {
      const rank = digits - 2 - place;
      const slot = rank > 1 ? -1 : base + (rank === 0 ? 24 + digits : 48 + 2 * digits + (result & 1));
      result = (result << 1) | this.bit(slot, ((value + 1) >> place) & 1);
    }
    return result - 1;
  }

  step(kind, context, before, value = 0) {
    const size = this.number(kind, context, Math.abs(value));
    if (!size) return 0;
    return this.bit((K_SIGN * 64 + kind * 3 + Math.sign(before) + 1) * 128, Number(value > 0)) ? size : -size;
  }

  points(points, count, last, widths) {
    const done = [], doneWidths = [];
    let step = [0, 0], size = 0, width = 0;
    for (let i = 0; i < count; i++) {
      const [x, y] = points ? points[i] : last;
      const dx = this.step(i ? K_X : K_START, Math.min(size, 10), step[0], x - last[0]);
      const dy = this.step(i ? K_Y : K_START, 20 + Math.min(digitsOf(Math.abs(dx)), 10), step[1], y - last[1]);
      last[0] += dx;
      last[1] += dy;
      const onPaper = last.every((c) => within(c, -MARGIN * GRID, (UNITS + MARGIN) * GRID));
      if (!onPaper) throw new Error('a point lies off the paper');
      done.push([...last]);
      if (i) { step = [dx, dy]; size = Math.max(digitsOf(Math.abs(dx)), digitsOf(Math.abs(dy))); }
      if (widths) doneWidths.push(width += this.step(K_PRESSURE, Math.min(i, 1), 0, (widths[i] ?? 0) - width));
    }
    return [done, doneWidths];
  }

  stroke(memory, stroke) {
    const before = memory.stroke;
    memory.stroke = null;
    if (before) {
      const other = { ...before, points: before.points.map(([x, y]) => [UNITS * GRID - x, y]) };
      if (this.bit(K_TWIN * 8192, Number(same(stroke, other)))) {
        countPoints(memory, other.points.length);
        return other;
      }
    }
    const done = {};
    memory.tool = this.number(K_TOOL, memory.tool, stroke ? TOOLS.indexOf(stroke.tool) : 0);
    if (memory.tool >= TOOLS.length) throw new Error('there is an unknown tool');
    const tool = done.tool = TOOLS[memory.tool];
    if (tool !== 'fill') {
      const { widths } = memory;
      const said = stroke?.width !== undefined ? stroke.width + 1 : 0;
      const changes = this.bit((K_WIDTH * 64 + 63) * 128, Number(said !== (widths[tool] || 0)));
      if (changes) widths[tool] = this.number(K_WIDTH, 0, said);
      if (widths[tool]) done.width = widths[tool] - 1;
    }
    const { colours } = memory;
    const known = colours.indexOf(stroke?.color || '');
    const index = this.number(K_COLOUR, 0, known < 0 ? colours.length : known);
    if (index > colours.length) throw new Error('there is an unknown colour');
    if (index === colours.length) {
      const levels = stroke ? parseInt(stroke.color.slice(1), 16) : 0;
      let value = 0;
      for (let place = 23; place >= 0; place--) value = (value << 1) | this.bit(-1, (levels >> place) & 1);
      colours.push('#' + value.toString(16).padStart(6, '0'));
    }
    if (index) done.color = colours[index];
    const fills = tool === 'pen' || tool === 'rect';
    if (fills && this.bit(K_FILLED * 8192 + Number(tool === 'rect'), Number(!!stroke?.filled))) done.filled = true;
    const pressed = tool === 'pen' && this.bit(K_PRESSURE * 8192 + 8191, Number(!!stroke?.widths));
    const count = POINTS[tool] || this.number(K_LENGTH, 0, stroke ? stroke.points.length - 1 : 0) + 1;
    countPoints(memory, count);
    const [points, widths] = this.points(stroke?.points, count, memory.last, pressed ? stroke?.widths || [] : null);
    done.points = points;
    if (pressed) done.widths = widths;
    memory.stroke = done;
    return done;
  }

  walk(strokes) {
    const memory = { tool: 0, widths: {}, colours: [''], points: 0, last: [128 * GRID, 128 * GRID], stroke: null };
    const count = this.number(K_COUNT, 0, strokes ? strokes.length : 0);
    if (count > MAX_STROKES) throw new Error(`there are more than ${MAX_STROKES} strokes`);
    return Array.from({ length: count }, (_, i) => this.stroke(memory, strokes ? strokes[i] : null));
  }
}

function countPoints(memory, count) {
  memory.points += count;
  if (memory.points > MAX_POINTS) throw new Error(`there are more than ${MAX_POINTS} points`);
}

function same(a, b) {
  const form = ({ tool, points, width, color, filled, widths }) =>
    JSON.stringify([tool, points, width, color, filled, widths]);
  return !!a && form(a) === form(b);
}

const scaled = (stroke, factor) => ({
  ...stroke,
  points: stroke.points.map(([x, y]) => [x * factor, y * factor]),
  ...(stroke.width !== undefined && { width: stroke.width * factor }),
  ...(stroke.widths && { widths: stroke.widths.map((width) => width * factor) }),
});
const checksum = (bytes) => bytes.reduce((total, byte) => (total * 31 + byte) & 0xffff, 1);

function pack(strokes) {
  const coder = new Coder();
  coder.walk(strokes.map((stroke) => scaled(stroke, GRID)));
  const bytes = coder.end();
  const total = checksum(bytes);
  const binary = [total >> 8, total & 255, ...bytes].map((byte) => String.fromCharCode(byte)).join('');
  return VERSION + btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

// As many characters as `limit` says, and never more than decodeStrokes reads.
function encodeStrokes(strokes, limit = MAX_TEXT) {
  const most = Math.min(limit, MAX_TEXT);
  let tooLarge = '';
  for (const tolerance of [0, ...COARSER]) {
    const simple = settle(tolerance ? strokes.map((stroke) => simplify(stroke, tolerance)) : strokes);
    const points = simple.reduce((sum, stroke) => sum + stroke.points.length, 0);
    tooLarge = `${points} points, and ${MAX_POINTS} points`;
    if (points > MAX_POINTS) continue;
    const text = pack(simple);
    if (text.length <= most) return text;
    tooLarge = `${text.length} characters, and ${most} characters`;
  }
  throw new Error(`The drawing is too large for a link: ${tooLarge} fit. Erase some of its lines.`);
}

function decodeStrokes(text) {
  if (typeof text !== 'string' || !text) throw new Error('The link holds no drawing.');
  const link = 'The drawing in the link';
  if (text.length > MAX_TEXT) throw new Error(`${link} has ${text.length} characters; at most ${MAX_TEXT} are read.`);
  const [format] = text;
  if (format !== VERSION) throw new Error(`${link} has the unknown format “${format}”; this page reads “${VERSION}”.`);
  const damaged = `${link} is damaged; copy the whole link.`;
  if (!/^[\w-]*$/.test(text)) throw new Error(damaged);
  let data;
  try {
    const binary = atob(text.slice(1).replaceAll('-', '+').replaceAll('_', '/'));
    data = Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
  } catch { throw new Error(damaged); }
  if (data.length < 2 || data[0] * 256 + data[1] !== checksum(data.subarray(2))) throw new Error(damaged);
  try {
    return new Coder(data.subarray(2)).walk(null).map((stroke) => scaled(stroke, 1 / GRID));
  } catch (problem) {
    throw new Error(`${link} cannot be read: ${problem.message}.`);
  }
}

window.i2iStrokes = {
  encode: async (strokes, limit) => encodeStrokes(strokes, limit),
  decode: async (text) => decodeStrokes(text),
  settle,
};
