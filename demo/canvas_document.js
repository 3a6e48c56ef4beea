// The drawing that is on the paper, its history, and the sending of it.
const pad = element.querySelector('.pad');
const canvas = pad.querySelector('canvas');
const find = (name) => pad.querySelector('.' + name);
const inWords = (count, noun) => `${count} ${noun}${count === 1 ? '' : 's'}`;
const SLOW = 8000;       // ms after which an answer is taken for lost
const OFTEN = 60;        // ms between two drawings that are sent while the pen moves
const STEP = 1.5;        // units that the pen moves at least between them

const settings = {
  tool: 'pen',
  before: 'pen',         // the tool to return to after picking a colour
  width: { edges: { ink: PEN, eraser: ERASER }, labels: { ink: 12, eraser: 24 }, photo: { ink: 6, eraser: 24 } },
  smoothing: 1,
  erase: 'pixels',       // or 'strokes'
  mirror: false,
  colour: 1,             // place of the active colour in the palette
  ink: '#1b1b1f',        // the colour on photos
  patterns: false,
  sees: false,
  letters: true,         // shortcuts of a single key
};

// Every kind of drawing (edges, photos, or labels of one palette) keeps its own paper and history.
const documents = new Map();
let mode = 'edges';
let palette = null;      // [{name, color}, …] of a label map; the first is the empty paper
let colours = null;      // its colours alone
let doc = null;          // {states: [{strokes, photo, example}, …], now}; strokes and states are never changed

const strokesNow = () => doc.states[doc.now].strokes;
const photoNow = () => doc.states[doc.now].photo;      // data URL of the photo under the strokes, null without one
const isBlank = () => (mode === 'photo' ? !photoNow() : !strokesNow().length);
const drawingSize = () => props.size || UNITS;

function openDocument(newMode, newPalette) {
  if (!(newMode in WIDTHS)) throw new Error(`The canvas has ${Object.keys(WIDTHS).join(', ')}, no ${newMode}.`);
  if (newMode === 'labels' && !newPalette?.length) throw new Error('A canvas for label maps needs a palette.');
  mode = newMode;
  palette = mode === 'labels' ? newPalette.map(({ name, color }) => ({ name, color: color.toLowerCase() })) : null;
  colours = palette && palette.map(({ color }) => color);
  settings.colour = palette ? Math.min(settings.colour, palette.length - 1) : settings.colour;
  const key = JSON.stringify([mode, palette]);
  if (!documents.has(key)) documents.set(key, { states: [{ strokes: [], photo: null, example: null }], now: 0 });
  doc = documents.get(key);
}

// All papers, each with what undo brings back first: for a page that is loaded again.
function keptPapers(count) {
  return [...documents].map(([key, { states, now }]) => {
    const from = Math.max(0, now + 1 - count);
    return { key, states: states.slice(from, now + 1), now: now - from };
  }).filter(({ states }) => states.some(({ strokes, photo }) => strokes.length || photo));
}

// Papers that are there already stay as they are, but for the empty ones.
function takePapers(papers) {
  for (const { key, states, now } of papers) {
    const colours = JSON.parse(key)[1]?.map(({ color }) => color) || null;
    const sound = Number.isInteger(now) && now >= 0 && now < states.length
      && states.every(({ strokes }) => !problemWith(strokes, colours));
    const there = documents.get(key);
    if (!sound || there?.states.length > 1) continue;
    const paper = { states: states.map(({ strokes, photo, example }) => ({ strokes: settle(strokes), photo: photo || null, example: example || null })), now };
    if (there) Object.assign(there, paper);
    else documents.set(key, paper);
  }
}

// --- history ----------------------------------------------------------------------------------------------------

function go(to) {
  if (gesture || to < 0 || to >= doc.states.length || to === doc.now) return;
  const word = to < doc.now ? 'Undone' : 'Redone';
  doc.now = to;
  send(true);
  refresh();
  announce(`${word}: ${inWords(strokesNow().length, 'stroke')} on the paper`);
}

function put(strokes, { undoable = true, sending = true, example = null, photo = photoNow() } = {}) {
  const state = { strokes, photo, example };
  if (undoable) doc.states = [...doc.states.slice(0, doc.now + 1), state];
  else doc.states = [...doc.states.slice(0, doc.now), state];
  doc.now = doc.states.length - 1;
  if (sending) send();      // first: the server can work while the screen is painted
  refresh();
}

function clear() {
  if (gesture || !(strokesNow().length || photoNow())) return;
  const whole = !strokesNow().length;      // the drawing first, and then the photo under it
  put([], { photo: whole ? null : photoNow() });
  announce(whole || mode !== 'photo' ? 'The paper is empty. Undo brings everything back.' : 'The drawing is gone, the photo stays.');
}

// Throws an Error in words for strokes from elsewhere that are no drawing for a paper in these colours, null: of edges.
function check(strokes, itsColours) {
  const problem = problemWith(strokes, itsColours);
  if (problem) throw new Error(`This cannot be put on the paper: ${problem}.`);
}

function load(strokes, options = {}) {
  check(strokes, colours);
  put(settle(strokes), options);
}

// --- sending ----------------------------------------------------------------------------------------------------

// `drawing-changed` tells the page; `drawing-answered` from the page tells that its answer is there. A finished drawing
// is told at once. While the pen moves, the newest drawing is told whenever nothing is being answered.
let newest = 0;          // id of the newest drawing
let flying = 0;          // id of the drawing that is being answered, 0: none
let lost = 0;            // timer
let liveTimer = 0;
let liveAt = 0;          // when and …
let livePlace = null;    // … where the pen was at the last live drawing

function tell(strokes, final, undone = false) {
  const { example } = doc.states[doc.now];
  pad.dataset.sent = flying = ++newest;
  clearTimeout(lost);
  lost = setTimeout(() => answered(newest), SLOW);
  const detail = {
    id: newest, strokes, final, mode, photo: photoNow(), example: final ? example : null,
    sees: settings.sees && mode === 'edges', undone,
  };
  window.dispatchEvent(new CustomEvent('drawing-changed', { detail }));
}

// undone: what is sent was there before, and undo or redo has brought it back.
function send(undone = false) {
  stopLive();
  tell(strokesNow(), true, undone);
}

// Called by a timer, never by a pointer's own handler: a slow page slows the preview, not the pen.
function sendLive() {
  liveTimer = 0;
  if (!gesture?.strokes || flying || props.live === false) return;
  const place = gesture.place();
  if (livePlace && distance(place, livePlace, livePlace) < STEP) return;
  const strokes = [...gesture.rest(), ...gesture.strokes().map((stroke) => simplify(stroke))];
  if (!strokes.length) return;
  livePlace = place;
  liveAt = performance.now();
  tell(strokes, false);
}

function liveSoon() {
  if (liveTimer || flying || props.live === false) return;
  liveTimer = setTimeout(sendLive, Math.max(0, liveAt + OFTEN - performance.now()));
}

function stopLive() {
  clearTimeout(liveTimer);
  liveTimer = 0;
}

function answered(id) {
  if (!flying || (id ?? flying) < flying) return;
  clearTimeout(lost);
  flying = 0;
  if (gesture) liveSoon();
}

function onAnswered(event) {
  if (!element.isConnected) return window.removeEventListener('drawing-answered', onAnswered);
  answered(event.detail?.id);
}
window.addEventListener('drawing-answered', onAnswered);
