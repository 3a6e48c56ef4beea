// What is on the screen, and the drawing as a PNG. Finished strokes are kept as pixels, so that only the stroke under
// the pen is painted anew.
const context = canvas.getContext('2d');
const CLOSEST = 16;      // largest zoom
const view = { scale: 1, x: 0, y: 0 };     // of the paper: x and y of the upper left corner on screen, in units
const screen = { canvas: document.createElement('canvas'), strokes: null, stamp: -1 };     // edges, finished strokes
const map = { canvas: document.createElement('canvas'), strokes: null, colours: null, size: 0, classes: null };
let stamp = 0;           // changes with the view and the size on screen
let frame = 0;
let seen = null;         // the picture of what the network sees

function toUnits(target, side, { scale, x, y }) {
  const k = (side / UNITS) * scale;
  target.setTransform(k, 0, 0, k, -x * k, -y * k);
}

function paintSheet(target, side, strokes, where) {
  target.setTransform(1, 0, 0, 1, 0, 0);
  target.fillStyle = '#fff';
  target.fillRect(0, 0, side, side);
  toUnits(target, side, where);
  paintEdges(target, strokes, UNITS / (side * where.scale));
}

// Classes of the finished strokes with those under the pen on top.
function classesWith(finished, drawn) {
  const size = drawingSize();
  if (map.strokes !== finished || map.colours !== colours || map.size !== size) {
    Object.assign(map, { strokes: finished, colours, size });
    map.classes = paintLabels(new Uint8Array(size * size), size, finished, colours);
    map.canvas.width = map.canvas.height = size;
  }
  return drawn.length ? paintLabels(map.classes.slice(), size, drawn, colours) : map.classes;
}

function paintMap(classes) {
  const side = drawingSize();
  const image = new ImageData(side, side);
  const pixels = new Uint32Array(image.data.buffer);
  const levels = colours.map((colour) => {      // opaque, in the order that the machine stores bytes
    const rgb = parseInt(colour.slice(1), 16);
    return (0xff000000 | (rgb & 0xff) << 16 | rgb & 0xff00 | rgb >> 16) >>> 0;
  });
  for (let i = 0; i < pixels.length; i++) pixels[i] = levels[classes[i]];
  map.canvas.getContext('2d').putImageData(image, 0, 0);
  return map.canvas;
}

// --- patterns: the classes told apart without colour ------------------------------------------------------------

const MOTIFS = [      // dark (1) or light (2) on an 8 × 8 tile
  () => 0,
  (x, y) => ((x + y) % 8 === 0 ? 1 : 0),
  (x, y) => ((x - y + 8) % 8 === 0 ? 1 : 0),
  (x, y) => (x % 4 === 2 && y % 4 === 2 ? 1 : 0),
  (x, y) => (y % 4 === 0 ? 1 : 0),
  (x) => (x % 4 === 0 ? 1 : 0),
  (x, y) => (x % 8 === 0 || y % 8 === 0 ? 1 : 0),
  (x, y) => ((x + y) % 8 === 0 || (x - y + 8) % 8 === 0 ? 1 : 0),
  (x, y) => (x % 4 < 2 === y % 4 < 2 ? 1 : 0),
  (x, y) => ((x === 2 || x === 3) && (y === 2 || y === 3) ? 1 : 0),
  (x, y) => ((x + 2 * y) % 8 === 0 ? 1 : 0),
  (x, y) => (y % 8 === 0 || (x % 8 === (y > 4 ? 2 : 6)) ? 1 : 0),
];
// Is white on it easier to read than black? By the contrast ratio of WCAG.
const isDark = (colour) => {
  const [r, g, b] = [1, 3, 5].map((i) => (parseInt(colour.slice(i, i + 2), 16) / 255) ** 2.2);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b < 0.179;
};

// A transparent picture of motifs and outlines, `fold` pixels to each of the map's.
function motifsOver(classes, side, fold) {
  const wide = side * fold;
  const image = new ImageData(wide, wide);
  const pixels = new Uint32Array(image.data.buffer);
  const inks = colours.map((colour) => (isDark(colour) ? 0xc0ffffff : 0xc0000000));
  for (let y = 0; y < wide; y++) {
    const row = Math.floor(y / fold) * side;
    for (let x = 0; x < wide; x++) {
      const at = row + Math.floor(x / fold);
      const own = classes[at];
      const left = x % fold === 0 && x && classes[at - 1] !== own;
      const above = y % fold === 0 && y && classes[at - side] !== own;
      if (left || above) pixels[y * wide + x] = 0xff000000;
      else if (MOTIFS[own % MOTIFS.length](x % 8, y % 8)) pixels[y * wide + x] = inks[own];
    }
  }
  return image;
}

const motifs = document.createElement('canvas');

function paintMotifs(classes) {
  const side = drawingSize();
  motifs.width = motifs.height = side * 2;
  motifs.getContext('2d').putImageData(motifsOver(classes, side, 2), 0, 0);
  return motifs;
}

// --- the screen -------------------------------------------------------------------------------------------------

function repaint() {
  frame = 0;
  const side = canvas.width;
  const finished = gesture?.rest ? gesture.rest() : strokesNow();
  const drawn = gesture?.strokes ? gesture.strokes() : [];
  context.setTransform(1, 0, 0, 1, 0, 0);
  if (mode === 'labels') {
    const classes = classesWith(finished, drawn);
    toUnits(context, side, view);
    context.imageSmoothingEnabled = false;
    context.drawImage(paintMap(classes), 0, 0, UNITS, UNITS);
    if (settings.patterns) context.drawImage(paintMotifs(classes), 0, 0, UNITS, UNITS);
  } else if (mode === 'photo') {
    paintPhoto(finished, drawn);
  } else {
    if (screen.strokes !== finished || screen.stamp !== stamp) {
      Object.assign(screen, { strokes: finished, stamp });
      if (screen.canvas.width !== side) screen.canvas.width = screen.canvas.height = side;
      paintSheet(screen.canvas.getContext('2d'), side, finished, view);
    }
    context.drawImage(screen.canvas, 0, 0);
    toUnits(context, side, view);
    paintEdges(context, drawn, UNITS / (side * view.scale));
    if (settings.sees && seen && finished.length + drawn.length) paintSeen();
  }
  if (settings.mirror) paintAxis(side);
}

function repaintSoon() {
  if (!frame) frame = requestAnimationFrame(repaint);
}

// The visitor's own lines pale, the network's on top.
function paintSeen() {
  context.fillStyle = 'rgba(255, 255, 255, .72)';
  context.fillRect(0, 0, UNITS, UNITS);
  context.imageSmoothingEnabled = false;
  context.globalCompositeOperation = 'multiply';
  context.drawImage(seen, 0, 0, UNITS, UNITS);
  context.globalCompositeOperation = 'source-over';
}

function paintAxis(side) {
  const k = (side / UNITS) * view.scale;
  const x = Math.round((UNITS / 2 - view.x) * k);
  const ratio = side / canvas.clientWidth;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.lineWidth = Math.max(1, Math.round(ratio));
  context.lineCap = 'butt';
  for (const [ink, start] of [['#0d9488', 0], ['#fff', 6 * ratio]]) {
    context.strokeStyle = ink;
    context.setLineDash([6 * ratio, 6 * ratio]);
    context.lineDashOffset = start;
    context.beginPath();
    context.moveTo(x, 0);
    context.lineTo(x, side);
    context.stroke();
  }
  context.setLineDash([]);
}

function fit() {
  // As many canvas pixels as the screen has under it: sharp on HiDPI screens.
  const side = Math.max(1, Math.min(4096, Math.round(canvas.clientWidth * (window.devicePixelRatio || 1))));
  if (canvas.width !== side || canvas.height !== side) canvas.width = canvas.height = side;
  stamp++;
  repaint();
}

// --- the PNG ----------------------------------------------------------------------------------------------------

// The finished drawing at the model's size, as a data URL.
function asPng() {
  if (mode === 'labels') return paintMap(classesWith(strokesNow(), [])).toDataURL();
  if (mode === 'photo') return photoAsUrl();
  const sheet = document.createElement('canvas');
  sheet.width = sheet.height = drawingSize();
  paintSheet(sheet.getContext('2d'), sheet.width, strokesNow(), { scale: 1, x: 0, y: 0 });
  return sheet.toDataURL();
}

// --- zoom -------------------------------------------------------------------------------------------------------

const CENTRE = [0.5, 0.5];      // places on screen are shares of the paper's box

function setView(scale, x, y) {
  const open = bounded(scale, 1, CLOSEST);
  const room = UNITS - UNITS / open;
  Object.assign(view, { scale: open, x: bounded(x, 0, room), y: bounded(y, 0, room) });
  stamp++;
  showZoom();
  repaintSoon();
}

// The unit under the place stays under it.
function zoomTo(scale, [u, v] = CENTRE) {
  const open = bounded(scale, 1, CLOSEST);
  const x = view.x + (u * UNITS) / view.scale, y = view.y + (v * UNITS) / view.scale;
  setView(open, x - (u * UNITS) / open, y - (v * UNITS) / open);
}

function placeOf(event) {
  const box = canvas.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}

function onPaper(event) {
  const [u, v] = placeOf(event);
  const unit = (share, start) => bounded(start + (share * UNITS) / view.scale, -MARGIN, UNITS + MARGIN);
  return [unit(u, view.x), unit(v, view.y)];
}

function classAt([x, y]) {
  const size = drawingSize();
  const cell = (c) => bounded(Math.floor((c * size) / UNITS), 0, size - 1);
  return classesWith(strokesNow(), [])[cell(y) * size + cell(x)];
}

function onSees(event) {
  if (!element.isConnected) return window.removeEventListener('network-sees', onSees);
  const url = event.detail?.url;
  if (!url) { seen = null; return repaintSoon(); }
  const picture = new Image();
  picture.src = url;
  picture.decode().then(() => { seen = picture; repaintSoon(); }).catch(() => undefined);
}
window.addEventListener('network-sees', onSees);
