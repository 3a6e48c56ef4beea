// The drawing surface. Gradio runs this once, with `element`, `props` and `trigger` in scope.
// Strokes are vectors in units of 1/256 of the paper, so one drawing looks the same on every screen and is
// sent at the model's size whatever the size on screen.
const UNITS = 256;
const PEN = 1.25;        // line width in units: the models know lines of one pixel at 256
const ERASER = 14;
const MARGIN = 16;       // how far a stroke may run off the paper, in units

const pad = element.querySelector('.pad');
const canvas = pad.querySelector('canvas');
const context = canvas.getContext('2d');
const buttons = {};
for (const button of pad.querySelectorAll('button[data-do]')) buttons[button.dataset.do] = button;
const examples = props.examples || [];

let tool = 'pen';
let history = [[]];      // every state of the paper, a list of finished strokes each; strokes are never changed
let now = 0;             // which of them is on the paper
let stroke = null;       // the stroke being drawn
let pointer = null;      // id of the pointer that draws it
let nextExample = 0;
let sent = 0;
let frame = 0;

function paint(target, side, strokes) {
  target.setTransform(side / UNITS, 0, 0, side / UNITS, 0, 0);
  target.fillStyle = '#fff';
  target.fillRect(0, 0, UNITS, UNITS);
  target.lineCap = target.lineJoin = 'round';
  for (const { tool, points } of strokes) {
    // Never thinner than a pixel: a 64-pixel model must still see every line.
    const width = tool === 'eraser' ? ERASER : Math.max(PEN, UNITS / side);
    target.strokeStyle = target.fillStyle = tool === 'eraser' ? '#fff' : '#000';
    target.lineWidth = width;
    target.beginPath();
    if (points.length === 1) {
      target.arc(points[0][0], points[0][1], width / 2 + 0.25, 0, 2 * Math.PI);
      target.fill();
      continue;
    }
    points.forEach(([x, y], i) => (i ? target.lineTo(x, y) : target.moveTo(x, y)));
    target.stroke();
  }
}

function repaint() {
  frame = 0;
  paint(context, canvas.width, stroke ? [...history[now], stroke] : history[now]);
}

function repaintSoon() {
  if (!frame) frame = requestAnimationFrame(repaint);
}

function fit() {
  // As many canvas pixels as the screen has under it: sharp on HiDPI screens.
  const side = Math.max(1, Math.round(canvas.clientWidth * (window.devicePixelRatio || 1)));
  if (canvas.width !== side || canvas.height !== side) canvas.width = canvas.height = side;
  repaint();
  showTool();
}

function asPng(strokes) {
  const copy = document.createElement('canvas');
  copy.width = copy.height = props.size || UNITS;
  paint(copy.getContext('2d'), copy.width, strokes);
  return copy.toDataURL('image/png');
}

function refresh() {
  const strokes = history[now];
  pad.classList.toggle('blank', !strokes.length && !stroke);
  pad.dataset.strokes = strokes.length;
  buttons.undo.disabled = now === 0;
  buttons.redo.disabled = now === history.length - 1;
  buttons.clear.disabled = !strokes.length;
  repaint();
}

function send() {
  const strokes = history[now];
  pad.dataset.sent = ++sent;
  props.value = { id: sent, image: strokes.length ? asPng(strokes) : null, strokes };
  trigger('input');
}

function go(to) {
  if (stroke || to < 0 || to >= history.length || to === now) return;
  now = to;
  refresh();
  send();
}

function put(strokes) {
  history = [...history.slice(0, now + 1), strokes];
  now = history.length - 1;
  refresh();
  send();
}

function showTool() {
  for (const name of ['pen', 'eraser']) buttons[name].setAttribute('aria-pressed', String(tool === name));
  if (tool === 'pen') {
    canvas.style.cursor = 'crosshair';
    return;
  }
  const d = Math.round((ERASER * canvas.clientWidth) / UNITS);
  const ring = `<svg xmlns='http://www.w3.org/2000/svg' width='${d + 2}' height='${d + 2}'>` +
    `<circle cx='${d / 2 + 1}' cy='${d / 2 + 1}' r='${d / 2}' fill='white' stroke='black'/></svg>`;
  canvas.style.cursor = `url("data:image/svg+xml,${encodeURIComponent(ring)}") ${d / 2 + 1} ${d / 2 + 1}, cell`;
}

function onPaper(event) {
  const box = canvas.getBoundingClientRect();
  const unit = (offset, length) =>
    Math.round(Math.min(UNITS + MARGIN, Math.max(-MARGIN, (offset / length) * UNITS)) * 10) / 10;
  return [unit(event.clientX - box.left, box.width), unit(event.clientY - box.top, box.height)];
}

function extend(event) {
  // Browsers merge the moves of a fast pointer into one event; the merged ones are still there.
  const merged = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
  for (const move of merged.length ? merged : [event]) {
    const [x, y] = onPaper(move);
    const [lastX, lastY] = stroke.points[stroke.points.length - 1];
    if (Math.hypot(x - lastX, y - lastY) >= 0.3) stroke.points.push([x, y]);
  }
}

function finish(event) {
  if (event.pointerId !== pointer) return;
  const done = stroke;
  stroke = pointer = null;
  put([...history[now], done]);
}

canvas.addEventListener('pointerdown', (event) => {
  if (stroke || !event.isPrimary || event.button > 0 && event.button !== 5) return;
  const wipes = tool === 'eraser' || event.button === 5;    // 5: the other end of a stylus
  event.preventDefault();
  document.activeElement?.blur();    // Ctrl+Z belongs to the drawing now, not to a field
  if (wipes && !history[now].length) return;
  pointer = event.pointerId;
  stroke = { tool: wipes ? 'eraser' : 'pen', points: [onPaper(event)] };
  canvas.setPointerCapture(pointer);
  refresh();
});
canvas.addEventListener('pointermove', (event) => {
  if (event.pointerId !== pointer) return;
  extend(event);
  repaintSoon();
});
canvas.addEventListener('pointerup', finish);
canvas.addEventListener('pointercancel', finish);
canvas.addEventListener('lostpointercapture', finish);
canvas.addEventListener('contextmenu', (event) => event.preventDefault());   // a long press on a phone

const actions = {
  pen: () => { tool = 'pen'; showTool(); },
  eraser: () => { tool = 'eraser'; showTool(); },
  undo: () => go(now - 1),
  redo: () => go(now + 1),
  clear: () => history[now].length && put([]),
  example: () => {
    const example = examples[nextExample++ % examples.length];
    buttons.example.title = `${example.name}: ${example.credit}`;
    put(example.strokes);
  },
};
for (const [name, action] of Object.entries(actions)) {
  buttons[name].addEventListener('click', () => { if (!stroke) action(); });
}
buttons.example.hidden = !examples.length;

function onKey(event) {
  if (!element.isConnected) return document.removeEventListener('keydown', onKey);
  if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
  if (event.target.closest('input, textarea, select, [contenteditable]')) return;    // typing has its own undo
  const key = event.key.toLowerCase();
  if (key !== 'z' && key !== 'y') return;
  event.preventDefault();
  go(key === 'y' || event.shiftKey ? now + 1 : now - 1);
}
document.addEventListener('keydown', onKey);

pad.querySelector('.hint').textContent = props.hint || '';
new ResizeObserver(fit).observe(canvas);
window.addEventListener('resize', fit);    // browser zoom changes the pixel ratio, not always the box
fit();
refresh();
pad.dataset.ready = 'true';
