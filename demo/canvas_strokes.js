// Strokes: their form and how they are painted. demo/stroke_format.py and demo/stroke_paint.py are the same on the
// server, and tests compare the two. Coordinates are units of 1/256 of the paper, so one drawing looks the same on
// every screen and is sent at the model's size whatever the size on screen.
const UNITS = 256;
const GRID = 4;          // steps in a unit: finished strokes lie on this grid, and a link holds them exactly
const MARGIN = 64;       // how far a stroke may run off the paper, in units: half of the widest one
const PEN = 1.25;        // the models know lines of one pixel at 256
const ERASER = 14;
const WIDEST = 128;
const FINE = 0.25;       // how far a finished stroke may be off when points are left out, in units
const TOOLS = ['pen', 'eraser', 'line', 'rect', 'fill'];
const POINTS = { line: 2, rect: 2, fill: 1 };
const MAX_STROKES = 4000;
const MAX_POINTS = 40000;
const PIECE = 512;       // points that are simplified together

const onGrid = (value) => Math.floor(value * GRID + 0.5) / GRID;
const bounded = (value, low, high) => Math.min(high, Math.max(low, value));
const within = (value, low, high) => typeof value === 'number' && value >= low && value <= high;
const twin = (stroke) => ({ ...stroke, points: stroke.points.map(([x, y]) => [UNITS - x, y]) });

// What is wrong with strokes from elsewhere, in words; '' when nothing is. `colours` of a label map, null for edges.
function problemWith(strokes, colours) {
  if (!Array.isArray(strokes) || strokes.length > MAX_STROKES) return `it is no list of at most ${MAX_STROKES} strokes`;
  let total = 0;
  for (const [i, stroke] of strokes.entries()) {
    const { tool, points, width, color, filled, widths } = stroke || {};
    const name = `stroke ${i + 1}`;
    if (!TOOLS.includes(tool)) return `${name} has the unknown tool ${tool}`;
    const isPoint = (p) => Array.isArray(p) && p.length === 2 && p.every((c) => within(c, -MARGIN, UNITS + MARGIN));
    if (!Array.isArray(points) || !points.length || (POINTS[tool] || points.length) !== points.length ||
        !points.every(isPoint)) {
      return `${name} has points that no ${tool} has`;
    }
    if (width !== undefined && !within(width, 0.25, WIDEST)) return `${name} has the width ${width}`;
    if (widths !== undefined && !(tool === 'pen' && Array.isArray(widths) && widths.length === points.length &&
        widths.every((one) => within(one, 0.25, WIDEST)))) return `${name} has widths that do not fit its points`;
    if (filled && tool !== 'pen' && tool !== 'rect') return `${name} cannot be filled`;
    if (!colours && tool === 'fill') return `${name} is a fill, which belongs to a label map`;
    if (colours && tool !== 'eraser' && !colours.includes(color)) {
      return `${name} has the colour ${color || 'none'}, which is not in the palette of this model`;
    }
    total += points.length;
  }
  return total > MAX_POINTS ? `the drawing has ${total} points, more than ${MAX_POINTS}` : '';
}

// On the quarter grid, without repeated points and without entries that say nothing.
function settle(strokes) {
  return strokes.map((stroke) => {
    const points = [];
    const widths = [];
    stroke.points.forEach(([x, y], i) => {
      const point = [onGrid(x), onGrid(y)];
      const last = points[points.length - 1];
      if (last && last[0] === point[0] && last[1] === point[1] && !POINTS[stroke.tool]) return;
      points.push(point);
      widths.push(stroke.widths ? onGrid(stroke.widths[i]) : 0);
    });
    const own = stroke.tool === 'eraser' ? ERASER : PEN;
    const width = stroke.width === undefined || stroke.tool === 'fill' ? own : onGrid(stroke.width);
    const one = { tool: stroke.tool, points };
    if (width !== own) one.width = width;
    if (stroke.color) one.color = stroke.color;
    if (stroke.filled) one.filled = true;
    if (stroke.widths && widths.some((each) => each !== width)) one.widths = widths;
    return one;
  });
}

// Without the points that lie within `tolerance` units of the rest (Douglas-Peucker), in pieces of some hundred points:
// the worst stroke takes no longer than its length allows.
function simplify(stroke, tolerance = FINE) {
  const { points } = stroke;
  if (POINTS[stroke.tool] || points.length < 3) return stroke;
  const keep = new Set([points.length - 1]);
  for (let i = 0; i < points.length; i += PIECE) keep.add(i);
  const ends = [...keep].sort((a, b) => a - b);
  const spans = ends.slice(1).map((end, i) => [ends[i], end]);
  while (spans.length) {
    const [first, last] = spans.pop();
    const [ax, ay] = points[first];
    const dx = points[last][0] - ax, dy = points[last][1] - ay;
    const square = dx * dx + dy * dy;
    let worst = tolerance * tolerance, at = -1;
    for (let i = first + 1; i < last; i++) {
      const px = points[i][0] - ax, py = points[i][1] - ay;
      const along = square ? bounded((px * dx + py * dy) / square, 0, 1) : 0;
      const ex = px - along * dx, ey = py - along * dy;
      if (ex * ex + ey * ey > worst) { worst = ex * ex + ey * ey; at = i; }
    }
    if (at >= 0) { keep.add(at); spans.push([first, at], [at, last]); }
  }
  const kept = [...keep].sort((a, b) => a - b);
  const one = { ...stroke, points: kept.map((i) => points[i]) };
  if (stroke.widths) one.widths = kept.map((i) => stroke.widths[i]);
  return one;
}

const corners = ([[x0, y0], [x1, y1]]) => [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]];

// --- edges: antialiased black on white; on photos in colours ----------------------------------------------------

// Onto a context whose transform maps units; `least`: a pixel in units, no line is thinner. `coloured`: onto a layer
// over a photo, where the eraser takes ink away.
function paintEdges(target, strokes, least, coloured = false) {
  target.lineCap = target.lineJoin = 'round';
  for (const stroke of strokes) {
    const wipes = stroke.tool === 'eraser';
    const points = stroke.tool === 'rect' ? corners(stroke.points) : stroke.points;
    const width = Math.max(stroke.width || (wipes ? ERASER : PEN), least);
    target.strokeStyle = target.fillStyle = wipes ? '#fff' : (coloured && stroke.color) || '#000';
    target.globalCompositeOperation = coloured && wipes ? 'destination-out' : 'source-over';
    target.lineWidth = width;
    target.beginPath();
    if (stroke.filled) {
      points.forEach(([x, y]) => target.lineTo(x, y));
      target.fill('evenodd');
    } else if (points.length === 1) {
      const thick = stroke.widths ? Math.max(stroke.widths[0], least) : width;
      target.arc(points[0][0], points[0][1], thick / 2 + 0.25, 0, 2 * Math.PI);
      target.fill();
    } else if (stroke.widths) {
      const widths = stroke.widths.map((one) => Math.max(one, least));
      for (let i = 1; i < points.length; i++) {
        target.beginPath();
        target.lineWidth = (widths[i - 1] + widths[i]) / 2;
        target.moveTo(...points[i - 1]);
        target.lineTo(...points[i]);
        target.stroke();
      }
    } else {
      points.forEach(([x, y]) => target.lineTo(x, y));
      target.stroke();
    }
  }
  target.globalCompositeOperation = 'source-over';
}

// --- label maps: no antialiasing, so no third colour between two ------------------------------------------------

// Onto `classes`, one class a pixel, side × side; a pixel belongs to a shape when its centre does. `owner`, if given,
// gets the number of the stroke that painted each pixel last.
function paintLabels(classes, side, strokes, colours, owner) {
  const scale = side / UNITS;
  strokes.forEach((stroke, number) => {
    const index = stroke.tool === 'eraser' ? 0 : colours.indexOf(stroke.color);
    const put = (at) => { classes[at] = index; if (owner) owner[at] = number; };
    let points = stroke.points.map(([x, y]) => [x * scale, y * scale]);
    if (stroke.tool === 'fill') return flood(classes, side, points[0], put);
    if (stroke.filled) return fillArea(side, stroke.tool === 'rect' ? corners(points) : points, put);
    const width = stroke.width || (stroke.tool === 'eraser' ? ERASER : PEN);
    let widths = stroke.widths || points.map(() => width);
    if (stroke.tool === 'rect') { points = corners(points); widths = points.map(() => width); }
    for (let i = 0; i < Math.max(1, points.length - 1); i++) {
      const j = Math.min(i + 1, points.length - 1);
      const radius = Math.max((widths[i] + widths[j]) / 4 * scale, 0.75);    // a thin line has no gaps
      fillCapsule(side, points[i], points[j], radius, put);
    }
  });
  return classes;
}

function fillCapsule(side, [ax, ay], [bx, by], radius, put) {
  const dx = bx - ax, dy = by - ay;
  const square = dx * dx + dy * dy;
  const right = Math.min(side, Math.ceil(Math.max(ax, bx) + radius));
  const bottom = Math.min(side, Math.ceil(Math.max(ay, by) + radius));
  const left = Math.max(0, Math.floor(Math.min(ax, bx) - radius));
  for (let row = Math.max(0, Math.floor(Math.min(ay, by) - radius)); row < bottom; row++) {
    for (let column = left; column < right; column++) {
      const px = column + 0.5 - ax, py = row + 0.5 - ay;
      const along = square ? bounded((px * dx + py * dy) / square, 0, 1) : 0;
      const ex = px - along * dx, ey = py - along * dy;
      if (ex * ex + ey * ey <= radius * radius) put(row * side + column);
    }
  }
}

function fillArea(side, points, put) {
  for (let row = 0; row < side; row++) {
    const y = row + 0.5;
    const ends = [];      // for each edge that the row crosses: how many pixel centres lie left of the crossing
    points.forEach(([ax, ay], i) => {
      const [bx, by] = points[(i + 1) % points.length];
      if (ay > y === by > y) return;
      const x = (bx - ax) * (y - ay) / (by - ay) + ax;
      let end = bounded(Math.ceil(x - 0.5), 0, side);
      while (end > 0 && !(end - 0.5 < x)) end--;
      while (end < side && end + 0.5 < x) end++;
      ends.push(end);
    });
    ends.sort((a, b) => a - b);
    for (let i = 0; i + 1 < ends.length; i += 2) {
      for (let column = ends[i]; column < ends[i + 1]; column++) put(row * side + column);
    }
  }
}

function flood(classes, side, [x, y], put) {
  const start = bounded(Math.floor(y), 0, side - 1) * side + bounded(Math.floor(x), 0, side - 1);
  const from = classes[start];
  const seen = new Uint8Array(side * side);
  const open = [start];
  seen[start] = 1;
  while (open.length) {
    const at = open.pop();
    const column = at % side;
    for (const next of [column > 0 ? at - 1 : -1, column < side - 1 ? at + 1 : -1, at - side, at + side]) {
      if (next >= 0 && next < side * side && !seen[next] && classes[next] === from) { seen[next] = 1; open.push(next); }
    }
    put(at);
  }
}

// --- where is a stroke? -----------------------------------------------------------------------------------------

function distance([px, py], [ax, ay], [bx, by]) {
  const dx = bx - ax, dy = by - ay;
  const square = dx * dx + dy * dy;
  const along = square ? bounded(((px - ax) * dx + (py - ay) * dy) / square, 0, 1) : 0;
  return Math.hypot(px - ax - along * dx, py - ay - along * dy);
}

// Does the stroke's ink come within `radius` of a point?
function touches(stroke, point, radius) {
  if (stroke.tool === 'eraser') return false;
  const points = stroke.tool === 'rect' ? corners(stroke.points) : stroke.points;
  const reach = radius + (stroke.width || PEN) / 2;
  return points.some((at, i) => distance(point, points[Math.max(0, i - 1)], at) <= reach);
}
