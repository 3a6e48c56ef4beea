// The drawing surface: buttons, palette and the way in for the rest of the page. canvas.py puts the canvas_*.js files
// before this one; Gradio runs them once as one function, with `element`, `props`, `trigger` and `watch` in scope.
const buttons = {};
for (const button of pad.querySelectorAll('button[data-do]')) buttons[button.dataset.do] = button;
const sliders = { width: find('width'), smoothing: find('smoothing') };
const ring = find('ring');
const WIDTHS = {         // least, most, step
  edges: { ink: [PEN, 12, 0.25], eraser: [4, 64, 1] },
  labels: { ink: [1, 64, 1], eraser: [4, 64, 1] },
  photo: { ink: [1, 48, 1], eraser: [4, 64, 1] },
};
const ZOOM = Math.SQRT2;
const ADVICE = {
  rect: 'Drag a box of the colour.',
  fill: 'Click an area to fill it.',
  pick: 'Click a colour on the paper.',
};
const widthKind = () => (settings.tool === 'eraser' ? 'eraser' : 'ink');

function announce(words) {
  find('spoken').textContent = words;
}

// A button that has nothing to do any more hands the keyboard's focus on.
const NEIGHBOURS = { undo: 'redo', redo: 'undo', clear: 'undo', 'zoom-in': 'zoom-out', 'zoom-out': 'zoom-in' };
function setDisabled(states) {
  const held = document.activeElement;
  for (const [name, disabled] of Object.entries(states)) buttons[name].disabled = disabled;
  if (buttons[held?.dataset.do] === held && held.disabled) buttons[NEIGHBOURS[held.dataset.do]].focus();
}

// --- the tools --------------------------------------------------------------------------------------------------

const offered = (tool) => (tool === 'fill' ? mode === 'labels' : tool !== 'pick' || mode !== 'edges');

function chooseTool(tool) {
  if (!offered(tool)) return;
  if (tool === 'pick' && settings.tool !== 'pick') settings.before = settings.tool === 'eraser' ? 'pen' : settings.tool;
  settings.tool = tool;
  showTool();
}

function chooseColour(index) {
  if (!palette || index < 0 || index >= palette.length) return;
  settings.colour = index;
  if (settings.tool === 'eraser') settings.tool = 'pen';
  showTool();
}

const nextColour = (way) => chooseColour((settings.colour + way + palette.length) % palette.length);

function showTool() {
  const { tool } = settings;
  const press = (name, pressed) => buttons[name].setAttribute('aria-pressed', String(pressed));
  for (const name of ['pen', 'eraser', 'line', 'rect', 'fill', 'pick']) press(name, tool === name);
  press('mirror', settings.mirror);
  press('sees', settings.sees);
  press('patterns', settings.patterns);
  press('pixels', settings.erase === 'pixels');
  press('strokes', settings.erase === 'strokes');
  pad.dataset.tool = tool;
  find('advice').textContent = (mode === 'labels' && ADVICE[tool]) || (mode === 'photo' && tool === 'pick' && ADVICE.pick) || '';
  const [min, max, step] = WIDTHS[mode][widthKind()];
  Object.assign(sliders.width, { min, max, step, value: settings.width[mode][widthKind()] });
  sliders.width.setAttribute('aria-valuetext', `${sliders.width.value} of 256`);
  sliders.smoothing.value = settings.smoothing;
  for (const swatch of find('swatches').querySelectorAll('button')) {
    const active = mode === 'photo' ? swatch.dataset.ink === settings.ink : Number(swatch.dataset.index) === settings.colour;
    swatch.setAttribute('aria-checked', String(active));
    swatch.tabIndex = active ? 0 : -1;
  }
  showRing();
  repaintSoon();
}

function setWidth(value) {
  const [least, most] = WIDTHS[mode][widthKind()];
  settings.width[mode][widthKind()] = bounded(value, least, most);
  showTool();
}

// The size of a wide pen or eraser, around the pointer.
let pointerAt = null;
function hover(event) {
  pointerAt = event && event.pointerType !== 'touch' ? placeOf(event) : null;
  const under = find('under');
  under.textContent = palette && pointerAt && !gesture ? palette[classAt(onPaper(event))].name : '';
  if (pointerAt && pointerAt[1] > 0.8) under.classList.toggle('right', pointerAt[0] < 0.5);      // out of the way
  showRing();
}

function ringWidth() {      // in units
  if (settings.tool === 'pen') return inkWidth();
  if (settings.tool !== 'eraser') return 0;
  return settings.erase === 'strokes' ? Math.max(4, eraserWidth() / 2) / view.scale : eraserWidth();
}

function showRing() {
  const side = canvas.clientWidth;
  const across = (ringWidth() * view.scale * side) / UNITS;
  const shown = pointerAt && across > 7 && !space;
  ring.hidden = !shown;
  canvas.style.cursor = space ? 'grab' : settings.tool === 'eraser' && shown ? 'none' : 'crosshair';
  if (!shown) return;
  const [x, y] = pointerAt.map((share) => share * side - across / 2);
  ring.style.width = ring.style.height = `${across}px`;
  ring.style.transform = `translate(${x}px, ${y}px)`;
}

function showZoom() {
  const percent = Math.round(view.scale * 100);
  buttons.zoom.querySelector('span').textContent = `${percent}%`;
  buttons.zoom.setAttribute('aria-label', `Zoom: ${percent}%`);
  setDisabled({ 'zoom-in': view.scale >= CLOSEST, 'zoom-out': view.scale <= 1 });
  pad.dataset.zoom = percent;
  showRing();
}

function refresh() {
  const strokes = strokesNow();
  pad.classList.toggle('blank', isBlank() && !gesture?.strokes);
  pad.dataset.strokes = strokes.length;
  setDisabled({
    undo: doc.now === 0, redo: doc.now === doc.states.length - 1, clear: !strokes.length && !photoNow(),
  });
  repaint();
}

// --- examples ---------------------------------------------------------------------------------------------------

// They come as the text of links: long lists of numbers would slow down Gradio, which copies all props at every change.
let examples = [];
let dealt = null;        // ids of the examples of the model on the page; null: any
let deck = [];           // every example once in a random order, then all again
const fitting = () => examples.filter((example) => (
  (!dealt || dealt.includes(example.id)) && example.mode === mode && !problemWith(example.strokes, colours)
));

function readExamples() {
  examples = (props.examples || []).map((example) => ({ ...example, strokes: decodeStrokes(example.strokes) }));
  deck = [];
  showExampleButton();
}

const showExampleButton = () => { buttons.example.hidden = !(mode === 'photo' ? shelf : fitting()).length; };

function nextExample() {
  if (mode === 'photo') return nextPhoto();
  deck = deck.filter((example) => fitting().includes(example));
  if (!deck.length) {
    const last = doc.states[doc.now].example;
    deck = fitting().map((example) => [Math.random(), example]).sort((a, b) => a[0] - b[0]).map((pair) => pair[1]);
    if (deck.length > 1 && deck[0].id === last) deck.push(deck.shift());
  }
  const example = deck.shift();
  buttons.example.title = `${example.name}: ${example.credit}`;
  load(example.strokes, { example: example.id });
  announce(`Example: ${example.name}`);
}

// --- the palette ------------------------------------------------------------------------------------------------

function motifTile(index) {
  const tile = document.createElement('canvas');
  tile.width = tile.height = 8;
  const target = tile.getContext('2d');
  target.fillStyle = colours[index];
  target.fillRect(0, 0, 8, 8);
  target.fillStyle = isDark(colours[index]) ? 'rgba(255, 255, 255, .75)' : 'rgba(0, 0, 0, .75)';
  for (let y = 0; y < 8; y++) {
    for (let x = 0; x < 8; x++) if (MOTIFS[index % MOTIFS.length](x, y)) target.fillRect(x, y, 1, 1);
  }
  return `url(${tile.toDataURL()})`;
}

function buildPalette() {
  if (mode === 'photo') return buildInks();
  find('swatches').replaceChildren(...(palette || []).map(({ name, color }, index) => {
    const swatch = document.createElement('button');
    const sample = document.createElement('i');
    const label = document.createElement('span');
    swatch.type = 'button';
    swatch.dataset.index = index;
    swatch.setAttribute('role', 'radio');
    swatch.title = `${name} (${color})${index < 9 ? `, key ${index + 1}` : ''}`;
    sample.style.backgroundColor = color;
    sample.style.setProperty('--motif', motifTile(index));
    sample.style.color = isDark(color) ? '#fff' : '#000';
    sample.textContent = index < 9 ? index + 1 : '';
    label.textContent = name;
    swatch.append(sample, label);
    swatch.addEventListener('click', () => chooseColour(index));
    return swatch;
  }));
}

find('swatches').addEventListener('keydown', (event) => {
  const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!way) return;
  event.preventDefault();
  if (mode === 'photo') {
    const at = INKS.findIndex(([, colour]) => colour === settings.ink);
    chooseInk(INKS[(at + way + INKS.length) % INKS.length][1]);
  } else {
    nextColour(way);
  }
  find('swatches').querySelector('[aria-checked="true"]').focus();
});

function setMode(newMode, newPalette) {
  if (gesture) leave(false);
  const before = doc;
  openDocument(newMode || 'edges', newPalette);
  if (doc === before && pad.dataset.ready) return false;
  pad.dataset.mode = mode;
  seen = null;
  buildPalette();
  for (const name of ['fill', 'pick']) buttons[name].hidden = !offered(name);
  for (const name of ['photo', 'webcam']) buttons[name].hidden = mode === 'labels';
  for (const name of ['sketch', 'sees']) buttons[name].hidden = mode !== 'edges';
  for (const name of ['label-map', 'patterns']) buttons[name].hidden = mode !== 'labels';
  find('shelf').hidden = mode !== 'photo' || !shelf.length;
  showExampleButton();
  if (!offered(settings.tool)) settings.tool = 'pen';
  note('');
  showTool();
  refresh();
  if (pad.dataset.ready) send();
  return true;
}

// --- buttons ----------------------------------------------------------------------------------------------------

function toggle(name) {
  settings[name] = !settings[name];
  showTool();
  if (name !== 'sees') return;
  if (!settings.sees) seen = null;
  else if (strokesNow().length) send();       // the answers so far came without it
  announce(settings.sees ? 'Shown on the paper: what the network sees.' : 'Shown on the paper: your drawing.');
}

function erase(what) {
  settings.erase = what;
  settings.tool = 'eraser';
  showTool();
}

const help = find('help');
const actions = {
  pen: () => chooseTool('pen'),
  eraser: () => chooseTool('eraser'),
  line: () => chooseTool('line'),
  rect: () => chooseTool('rect'),
  fill: () => chooseTool('fill'),
  pick: () => chooseTool('pick'),
  pixels: () => erase('pixels'),
  strokes: () => erase('strokes'),
  mirror: () => toggle('mirror'),
  patterns: () => toggle('patterns'),
  sees: () => toggle('sees'),
  undo: () => go(doc.now - 1),
  redo: () => go(doc.now + 1),
  clear,
  'zoom-in': () => zoomTo(view.scale * ZOOM),
  'zoom-out': () => zoomTo(view.scale / ZOOM),
  zoom: () => zoomTo(view.scale > 1.01 ? 1 : 2),
  example: nextExample,
  photo: () => pick('photo'),
  sketch: () => pick('sketch'),
  'label-map': () => pick('labels'),
  webcam: openCamera,
  help: () => { if (help.open) help.close(); else help.showModal(); },
};
for (const [name, action] of Object.entries(actions)) {
  buttons[name].addEventListener('click', (event) => {
    if (gesture) return;
    action();
    if (!event.detail) return;       // by the keyboard, which stays where it is
    pad.classList.add('pointed');
    canvas.focus({ preventScroll: true });      // or the space bar would press the button again
  });
}
help.querySelector('.close').addEventListener('click', () => help.close());
help.addEventListener('click', (event) => { if (event.target === help) help.close(); });      // beside the list
find('letters').addEventListener('change', (event) => { settings.letters = event.target.checked; });
sliders.width.addEventListener('input', () => setWidth(Number(sliders.width.value)));
sliders.smoothing.addEventListener('input', () => { settings.smoothing = Number(sliders.smoothing.value); });

// A toolbar is one stop for Tab users who want it: arrows walk along it.
for (const bar of pad.querySelectorAll('[role="toolbar"]')) {
  bar.addEventListener('keydown', (event) => {
    const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!way || event.target.tagName !== 'BUTTON') return;
    event.preventDefault();
    const all = [...bar.querySelectorAll('button')].filter((button) => !button.disabled && button.offsetParent);
    all[(all.indexOf(event.target) + way + all.length) % all.length].focus();
  });
}

// --- the rest of the page ---------------------------------------------------------------------------------------

pad.drawing = {
  get: () => structuredClone(strokesNow()),
  set(strokes, { undoable = true, send: sending = true, example = null, photo = photoNow() } = {}) {
    if (gesture) leave(false);
    load(strokes, { undoable, sending, example, photo: mode === 'photo' ? photo : null });
  },
  check,
  papers: keptPapers,
  setPapers(papers) { takePapers(papers); refresh(); },
  resend() { if (!isBlank()) send(); },
  image: () => (isBlank() ? null : asPng()),      // data URL
  setShelf,
  setExamples(ids) { dealt = ids; showExampleButton(); },
  setSide(pixels) { photoSide = pixels; },
  setInk,
  setHint(words) { find('hint').textContent = words || ''; },
  setMode,
  clear,
  undo: () => go(doc.now - 1),
  redo: () => go(doc.now + 1),
  onfile: null,
  onpicture: null,      // reads a picture: request → promise of {id, strokes} or {id, error}; none: `.upload` does
  get id() { return newest; },
  get mode() { return mode; },
};

watch('value', () => {
  const coming = props.value?.load;
  if (!coming) return;
  if (coming.mode) setMode(coming.mode, coming.palette);
  arrived(coming);
});
watch(['mode', 'palette'], () => setMode(props.mode, props.palette));
watch('examples', readExamples);
watch('hint', () => pad.drawing.setHint(props.hint));

pad.drawing.setHint(props.hint);
openDocument(props.mode || 'edges', props.palette);
setMode(props.mode, props.palette);
readExamples();
new ResizeObserver(fit).observe(canvas);
window.addEventListener('resize', fit);      // browser zoom changes the pixel ratio, not always the box
fit();
showZoom();
pad.dataset.ready = 'true';
window.dispatchEvent(new Event('drawing-ready'));
