// From pointer to stroke: mouse, pen and fingers. One gesture at a time; `strokes()` is what it draws at the moment,
// `rest()` the finished strokes below.
const STRINGS = [0, 0.5, 1.5, 3, 6, 10];      // smoothing 0 … 5: the pen follows on a string of this many units
const YOUNG = 10;        // units: a stroke shorter than this was the first finger of a pinch
const PALM = 1000;       // ms after a pen during which fingers do not draw
const fingers = new Map();       // id of each finger on the paper → its place
let gesture = null;
let space = false;       // held: the paper is moved, not drawn on
let penAt = -Infinity;

const inkWidth = () => settings.width[mode].ink;
const eraserWidth = () => settings.width[mode].eraser;
const withTwins = (strokes) => (settings.mirror
  ? strokes.flatMap((stroke) => [stroke, twin(stroke)].slice(0, same(stroke, twin(stroke)) ? 1 : 2))
  : strokes);

function newStroke(tool, points) {
  const stroke = { tool, points, width: tool === 'eraser' ? eraserWidth() : inkWidth() };
  if (mode === 'labels' && tool !== 'eraser') stroke.color = colours[settings.colour];
  if (mode === 'photo' && tool !== 'eraser') stroke.color = settings.ink;
  return stroke;
}

function add(strokes) {
  const all = [...strokesNow(), ...withTwins(settle(strokes.map((stroke) => simplify(stroke, FINE / view.scale))))];
  if (all.length > MAX_STROKES || all.reduce((sum, { points }) => sum + points.length, 0) > MAX_POINTS) {
    return note('The paper is full. Erase some strokes, or undo, and draw on.', { alarm: true });
  }
  put(all);
}

function pressedWidth(event, width) {
  return bounded(width * (0.4 + 1.2 * event.pressure), 0.75, WIDEST);
}

// Pen and the eraser of pixels.
function penGesture(event, tool) {
  const stroke = newStroke(tool, [onPaper(event)]);
  const presses = tool === 'pen' && event.pointerType === 'pen';
  const string = tool === 'pen' ? STRINGS[settings.smoothing] / view.scale : 0;
  const rest = strokesNow();
  let tip = stroke.points[0];      // where the pointer is, ahead of the pen by the length of the string
  let widths = null, thickness = null;
  const press = ({ pressure }) => {
    if (!presses || !(pressure > 0)) return;      // some pens tell none at first, or at the end
    thickness = pressedWidth({ pressure }, stroke.width);
    widths ??= stroke.points.map(() => thickness);
  };
  press(event);
  const whole = () => {
    const points = [...stroke.points, tip];
    return { ...stroke, points, ...(widths && { widths: [...widths, thickness] }) };
  };
  return {
    rest: () => rest,
    strokes: () => withTwins(settle([whole()])),
    place: () => tip,
    move(moves) {
      for (const move of moves) {
        tip = onPaper(move);
        press(move);
        const [lastX, lastY] = stroke.points[stroke.points.length - 1];
        const way = Math.hypot(tip[0] - lastX, tip[1] - lastY);
        if (way < Math.max(string, 0.3 / view.scale)) continue;
        const pull = (way - string) / way;
        stroke.points.push([lastX + (tip[0] - lastX) * pull, lastY + (tip[1] - lastY) * pull]);
        widths?.push(thickness);
      }
    },
    end: () => add([whole()]),
  };
}

// Line and rectangle: from where the pointer went down to where it is; Shift: 45 degrees, or a square.
function shapeGesture(event, tool) {
  const start = onPaper(event).map(onGrid);
  const rest = strokesNow();
  let end = start;
  const shape = () => {
    const stroke = newStroke(tool, [start, end]);
    return tool === 'rect' && mode === 'labels' ? { ...stroke, width: undefined, filled: true } : stroke;
  };
  const drawn = () => distance(start, end, end) >= 0.5;
  return {
    rest: () => rest,
    strokes: () => (drawn() ? withTwins(settle([shape()])) : []),
    place: () => end,
    move(moves) {
      const move = moves[moves.length - 1];
      end = onPaper(move);
      if (!move.shiftKey) return;
      const dx = end[0] - start[0], dy = end[1] - start[1];
      if (tool === 'rect') {
        const side = onGrid(Math.min(Math.abs(dx), Math.abs(dy)));
        end = [start[0] + Math.sign(dx) * side, start[1] + Math.sign(dy) * side];
      } else {
        const angle = Math.round(Math.atan2(dy, dx) / (Math.PI / 4)) * (Math.PI / 4);
        const way = dx * Math.cos(angle) + dy * Math.sin(angle);
        end = [start[0] + way * Math.cos(angle), start[1] + way * Math.sin(angle)];
      }
    },
    end: () => { if (drawn()) add([shape()]); },
  };
}

// The eraser of whole strokes: whatever it touches goes; of areas, the one that is on top there.
function strokeEraser(event) {
  let rest = strokesNow();
  let last = onPaper(event);
  const radius = () => Math.max(2, eraserWidth() / 4) / view.scale;
  const wipe = (point) => {
    const spots = settings.mirror ? [point, [UNITS - point[0], point[1]]] : [point];
    const kept = mode === 'labels' ? withoutTop(rest, spots)
      : rest.filter((stroke) => !spots.some((spot) => touches(stroke, spot, radius())));
    if (kept.length === rest.length) return;
    rest = kept.some((stroke) => stroke.tool !== 'eraser') ? kept : [];     // nothing is left to be wiped
  };
  wipe(last);
  return {
    rest: () => rest,
    strokes: () => [],
    place: () => last,
    move(moves) {
      for (const move of moves) {
        const next = onPaper(move);
        const steps = mode === 'labels' ? 1 : Math.max(1, Math.ceil(distance(next, last, last) / radius()));
        for (let i = 1; i <= steps; i++) wipe([0, 1].map((k) => last[k] + ((next[k] - last[k]) * i) / steps));
        last = next;
      }
    },
    end: () => { if (rest !== strokesNow()) put(rest); },
  };
}

function withoutTop(strokes, spots) {
  const size = drawingSize();
  const owner = new Int16Array(size * size).fill(-1);
  paintLabels(new Uint8Array(size * size), size, strokes, colours, owner);
  const cell = (c) => bounded(Math.floor((c * size) / UNITS), 0, size - 1);
  const gone = new Set(spots.map(([x, y]) => owner[cell(y) * size + cell(x)]));
  return strokes.filter((stroke, i) => !gone.has(i));
}

function fillGesture(event) {
  let at = onPaper(event);
  return {
    move: (moves) => { at = onPaper(moves[moves.length - 1]); },
    end: () => add([{ ...newStroke('fill', [at.map((c) => bounded(c, 0, UNITS - 0.25))]), width: undefined }]),
  };
}

function pickGesture(event) {
  const choose = (place) => (mode === 'photo' ? chooseInk(inkAt(place)) : chooseColour(classAt(place)));
  choose(onPaper(event));
  return {
    move: (moves) => choose(onPaper(moves[moves.length - 1])),
    end: () => { if (settings.tool === 'pick') chooseTool(settings.before); },
  };
}

function panGesture(event) {
  const [u, v] = placeOf(event);
  const start = { ...view };
  pad.classList.add('moving');
  return {
    move(moves) {
      const [nowU, nowV] = placeOf(moves[moves.length - 1]);
      setView(start.scale, start.x - ((nowU - u) * UNITS) / start.scale, start.y - ((nowV - v) * UNITS) / start.scale);
    },
  };
}

// Two fingers: the two units under them stay under them, as far as a square paper can.
function pinchGesture() {
  const measure = ([one, other]) => {
    const [a, b] = [fingers.get(one), fingers.get(other)];
    return { way: Math.max(0.01, Math.hypot(a[0] - b[0], a[1] - b[1])), middle: [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2] };
  };
  // From where two fingers are now.
  const started = () => {
    const pair = [...fingers.keys()].slice(0, 2);
    const { way, middle } = measure(pair);
    const { x, y, scale } = view;
    return { pair, way, scale, x: x + (middle[0] * UNITS) / scale, y: y + (middle[1] * UNITS) / scale };
  };
  let first = started();
  return {
    pinches: true,
    move() {
      if (fingers.size < 2) return;
      if (!first.pair.every((id) => fingers.has(id))) first = started();      // one was lifted, and a third is there
      const { way, middle } = measure(first.pair);
      const scale = bounded((first.scale * way) / first.way, 1, CLOSEST);
      setView(scale, first.x - (middle[0] * UNITS) / scale, first.y - (middle[1] * UNITS) / scale);
    },
  };
}

function gestureFor(event) {
  if (space || event.button === 1) return panGesture(event);
  if (mode === 'photo' && !photoNow()) return null;
  if (event.altKey && mode !== 'edges') return pickGesture(event);
  const wipes = settings.tool === 'eraser' || event.button === 5;      // 5: the other end of a stylus
  if (wipes && !strokesNow().length) return null;
  if (wipes) return settings.erase === 'strokes' ? strokeEraser(event) : penGesture(event, 'eraser');
  if (settings.tool === 'line' || settings.tool === 'rect') return shapeGesture(event, settings.tool);
  if (settings.tool === 'fill') return fillGesture(event);
  if (settings.tool === 'pick') return pickGesture(event);
  return penGesture(event, 'pen');
}

function begin(event, made) {
  if (!made) return;
  const [x, y] = [event.clientX, event.clientY];
  gesture = { ...made, pointer: event.pointerId, start: [x, y], far: 0, kind: event.pointerType };
  livePlace = null;
  if (!asked) note('');
  canvas.setPointerCapture(event.pointerId);
  refresh();
  if (gesture.strokes) liveSoon();
}

function leave(finishes) {
  const done = gesture;
  const { states } = doc;
  gesture = null;
  stopLive();
  pad.classList.remove('moving');
  if (finishes) done.end?.();
  if (doc.states === states && livePlace) send();      // the preview showed more than there is now
  livePlace = null;
  refresh();
}

canvas.addEventListener('pointerdown', (event) => {
  if (event.pointerType === 'pen') penAt = performance.now();
  if (event.pointerType === 'touch') {
    if (gesture?.kind === 'pen' || performance.now() - penAt < PALM) return;      // the palm beside the pen
    fingers.set(event.pointerId, placeOf(event));
    if (fingers.size === 2) {
      event.preventDefault();
      if (gesture) leave(gesture.far > YOUNG);
      return begin(event, pinchGesture());
    }
    if (fingers.size > 2) return;
  }
  if (event.pointerType === 'pen' && gesture?.kind === 'touch') {      // the palm came first
    leave(false);
    fingers.clear();
  }
  if (gesture || ![0, 1, 5].includes(event.button)) return;
  event.preventDefault();
  pad.classList.add('pointed');      // no ring around the paper, which is for people who came by keyboard
  canvas.focus({ preventScroll: true });      // Ctrl+Z belongs to the drawing now, not to a field
  begin(event, gestureFor(event));
});

canvas.addEventListener('pointermove', (event) => {
  if (event.pointerType === 'pen') penAt = performance.now();
  if (fingers.has(event.pointerId)) fingers.set(event.pointerId, placeOf(event));
  hover(event);
  if (!gesture || (!gesture.pinches && event.pointerId !== gesture.pointer)) return;
  const way = Math.hypot(event.clientX - gesture.start[0], event.clientY - gesture.start[1]);
  gesture.far = Math.max(gesture.far, (way * UNITS) / canvas.clientWidth);
  // Browsers merge the moves of a fast pointer into one event; the merged ones are still there.
  const merged = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
  gesture.move(merged.length ? merged : [event]);
  if (gesture.strokes) liveSoon();
  repaintSoon();
});

function lift(event) {
  const pinched = gesture?.pinches && fingers.has(event.pointerId);
  fingers.delete(event.pointerId);
  if (pinched) {
    if (!fingers.size) gesture = null;       // the finger that stays longer does not draw
  } else if (gesture && !gesture.pinches && event.pointerId === gesture.pointer) {
    leave(event.type !== 'pointercancel' || gesture.far > YOUNG);      // the system takes a palm's touch back
  }
}
for (const name of ['pointerup', 'pointercancel', 'lostpointercapture']) canvas.addEventListener(name, lift);
canvas.addEventListener('blur', () => pad.classList.remove('pointed'));
canvas.addEventListener('pointerleave', () => { if (!gesture) hover(null); });
canvas.addEventListener('contextmenu', (event) => event.preventDefault());      // a long press on a phone

canvas.addEventListener('wheel', (event) => {
  const unit = event.deltaMode ? 30 : 1;       // lines or pixels
  if (event.ctrlKey || event.metaKey) {        // browsers report a trackpad's pinch as Ctrl and wheel
    event.preventDefault();
    zoomTo(view.scale * 2 ** (-bounded(event.deltaY * unit, -100, 100) / 200), placeOf(event));
  } else if (view.scale > 1) {
    event.preventDefault();
    const k = UNITS / (canvas.clientWidth * view.scale);
    const [x, y] = event.shiftKey && !event.deltaX ? [event.deltaY, 0] : [event.deltaX, event.deltaY];
    setView(view.scale, view.x + x * unit * k, view.y + y * unit * k);
  }
}, { passive: false });
