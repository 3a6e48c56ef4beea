// The photos that answer: grid, locks, status, controls. Runs after the other tiles_*.js files, in the same function.
const tiles = element.querySelector('.tiles');
const find = (selector) => tiles.querySelector(selector);
const drawingPad = () => document.querySelector('.pad');
const MOST = 12;
const LARGEST_SEED = 999999999;
const REST = 0.6;            // of the time that a preview took: pause until the next one
const AGAIN = [1500, 10000]; // ms: first and longest wait before asking a lost or busy server again

const page = {
  model: props.models[0],    // what handlers.model_facts says of it
  way: props.models[0].ways[0] || null,                            // its direction, where it has some
  domain: props.models[0].domains[0] || null,                      // what new photos become, where it has domains
  tiles: [],                 // what to show: seeds, styles, mixtures, the way back; locks
  fresh: {},                 // for each model the place, in the order of its seeds, of the next one to show
  strokes: [], photo: null, drawing: null, final: true, sees: false,      // the newest drawing, and the photo under it
  shown: null,               // the newest answer with photos, and what it answers
};

const needed = () => page.way || page.model;      // {mode, palette} of the paper
const isEmpty = () => (needed().mode === 'photo' ? !page.photo : !page.strokes.length);
const subject = ({ strokes, photo, way }) => ({ strokes, ...(photo && { photo }), ...(way && { direction: way.id }) });
const FIRST_PLEASE = () => ({ photo: 'Choose a photo first.', labels: 'Paint something first.' })[needed().mode] || 'Draw something first.';
const EMPTY = {
  photo: 'Choose a photo, and what the model makes of it appears here.',
  labels: 'Paint something, and different photos answer here.',
  edges: 'Draw something, and different photos answer here.',
};

const seeded = (seed) => ({ seed, ...(page.domain && { domain: page.domain }) });
const freshTile = () => seeded(freshSeed());
const firstTiles = () => page.model.fixed?.map((tile) => ({ ...tile })) || page.model.first.map(seeded);
page.tiles = firstTiles();
const bare = ({ seed, style, mix, back, domain }) => (
  mix ? { mix } : style ? { style } : back ? { back } : { seed, ...(domain && { domain }) }
);
const described = ({ style, back, seed, domain }) => {
  if (back) return 'the way back';
  if (page.model.fixed) return page.way.words;
  return style ? 'a style of its own' : `${domain ? `${domain}, ` : ''}seed ${seed}`;
};
const currentState = () => ({
  model: page.model.name, weights: page.model.weights, ...subject(page), ...(page.domain && { domain: page.domain }),
  tiles: page.tiles.map((tile, k) => ({ ...(tile.mix ? bare(page.shown?.tiles[k] || { seed: k }) : bare(tile)), ...(tile.locked && { locked: true }) })),
});
const shownState = (answer = page.shown) => ({
  model: answer.model, weights: answer.weights, ...subject(answer), ...(answer.domain && { domain: answer.domain }),
  tiles: answer.tiles.map((tile, k) => ({ ...bare(tile), ...(page.tiles[k]?.locked && alike(page.tiles[k], tile) && { locked: true }) })),
});

// --- words -------------------------------------------------------------------------------------------------------------

let noticed = 0;
let tellsOfLost = false;      // the words are about a lost server
function notice(words, alarm = false, lost = false) {
  tellsOfLost = lost;
  const place = find('.notice');
  place.textContent = words;
  place.classList.toggle('alarm', alarm);
  place.hidden = !words;
  clearTimeout(noticed);
  if (words && !alarm) noticed = setTimeout(() => notice(''), 9000);
}

async function working(words, job) {
  notice(words);
  clearTimeout(noticed);
  try {
    await job();
  } catch (problem) {
    notice(problem.message, true, problem instanceof Lost);
  }
}

// What was told of a lost server ends with its next answer.
function serverAnswered() {
  if (tellsOfLost) notice('');
}

const duration = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);
const photos = (count) => `${count} ${count === 1 ? 'photo' : 'photos'}`;

function status(words) {
  find('.status').textContent = words;
}

// --- the grid ------------------------------------------------------------------------------------------------------------

const COLUMNS = [1, 1, 2, 2, 2, 3, 3, 3, 3, 3, 4, 4, 4];
const LOCK = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M6 11h12v9H6z"/><path class="shackle" d="M8.5 11V8a3.5 3.5 0 0 1 7 0v3"/></svg>';

function renderTiles() {
  const grid = find('.grid');
  grid.style.setProperty('--columns', COLUMNS[page.tiles.length]);
  grid.classList.toggle('many', COLUMNS[page.tiles.length] > 3);
  while (grid.children.length > page.tiles.length) grid.lastChild.remove();
  while (grid.children.length < page.tiles.length) {
    const k = grid.children.length;
    const figure = document.createElement('figure');
    figure.innerHTML = `<button type="button" class="open"><img alt="" hidden></button><button type="button" class="lock">${LOCK}</button><figcaption></figcaption>`;
    const [open, lock] = figure.children;
    open.addEventListener('click', () => openView(k));
    lock.addEventListener('click', () => toggleLock(k));
    grid.append(figure);
  }
  page.tiles.forEach((tile, k) => {
    const [open, lock, caption] = grid.children[k].children;
    open.tabIndex = 0;
    open.setAttribute('aria-label', `Photo ${k + 1}: enlarge`);
    lock.setAttribute('aria-pressed', String(Boolean(tile.locked)));
    lock.setAttribute('aria-label', `Lock the style of photo ${k + 1}`);
    caption.textContent = captionOf(tile);
    lock.title = tile.locked ? 'Locked: this style stays. Click to unlock' : 'Lock: keep this style while the others change';
  });
  tiles.classList.toggle('fixed', Boolean(page.model.fixed));
  find('.count').textContent = page.tiles.length;
  const [fewer, more] = [find('[data-do="fewer"]'), find('[data-do="more"]')];
  setDisabled(fewer, page.tiles.length === 1, more);
  setDisabled(more, page.tiles.length === MOST, fewer);
}

// Which side of the model a photo belongs to, or a domain that is not the chosen one.
function captionOf({ back, domain }) {
  if (page.model.fixed) return back ? `back to ${page.way.from}` : page.way.to;
  return domain && domain !== page.domain ? domain : '';
}

function toggleLock(index, answer = page.shown) {
  const back = takeSeen(index, answer);
  page.tiles[index].locked = !page.tiles[index].locked;
  forgetLink();
  renderTiles();
  if (back) askNow();
}

function setCount(count, asking = true) {
  if (count < 1 || count > MOST) return;
  while (page.tiles.length < count) page.tiles.push(freshTile());
  while (page.tiles.length > count) {
    const free = page.tiles.findLastIndex((tile) => !tile.locked);
    page.tiles.splice(free < 0 ? page.tiles.length - 1 : free, 1);
  }
  renderTiles();
  if (asking) askNow();
}

function newSamples() {
  if (page.model.fixed) return undefined;
  if (isEmpty()) return notice(FIRST_PLEASE());
  if (page.tiles.every((tile) => tile.locked)) return notice('Every photo is locked: unlock those that may change.');
  notice('');
  page.tiles = page.tiles.map((tile) => (tile.locked ? tile : freshTile()));
  renderTiles();
  askNow();
}

// --- asking --------------------------------------------------------------------------------------------------------------

const flights = new Set();   // requests on their way: {number, final, inLine}
let sent = 0;            // number of the newest one
let shown = 0;           // number of the one whose answer is on the page
let stale = false;       // has something changed since the newest one?
let again = 0;           // timer of the next try, where the server was lost or busy
let waiting = null;      // the model that it is for
let wait = AGAIN[0];

function stopWaiting() {
  clearTimeout(again);
  again = 0;
}
window.addEventListener('online', () => { if (again) { stopWaiting(); askNow(); } });

async function askNow() {
  if (restoring) return;
  forgetLink();
  if (isEmpty()) return showEmpty();
  noteWay();
  // One request at a time. But a finished drawing does not wait for its own preview, and takes the place of an older one
  // that still stands in the server's line.
  const [before] = flights;
  const overtakes = before && page.final && (!before.final || before.inLine);
  if (again && waiting !== page.model) stopWaiting();      // its place shows something else: what is wrong is told anew
  if (again || flights.size > 1 || (before && !overtakes)) { stale = true; return; }
  const flight = { number: ++sent, final: page.final, inLine: false };
  flights.add(flight);
  stale = false;
  tiles.classList.add('busy');
  const began = performance.now();
  const { drawing, strokes, photo, way, domain, final } = page;
  const wanted = [...page.tiles];
  const request = {
    session, turn: flight.number, drawing, model: page.model.name, ...subject(page), tiles: wanted.map(bare), sees: page.sees,
  };
  let answer;
  try {
    answer = await ask(request, (place) => {
      flight.inLine = true;
      status(place === 1 ? 'One drawing is answered before yours' : `${place} drawings are answered before yours`);
    });
    wait = AGAIN[0];
    serverAnswered();
  } catch (problem) {
    answer = { state: 'lost', message: `${problem.message} Your drawing is safe here; trying again …` };
  }
  flights.delete(flight);
  // The canvas sends its next preview after this. Between two of them the model rests: mostly it is free when the pen is
  // lifted, and when many people draw, they are not all kept waiting by previews.
  const rest = final ? 0 : REST * (performance.now() - began);
  setTimeout(() => window.dispatchEvent(new CustomEvent('drawing-answered', { detail: { id: drawing } })), rest);
  if (answer.state === 'lost' || answer.state === 'busy') {
    waiting = page.model;
    again = setTimeout(() => { again = 0; askNow(); }, wait * (0.8 + 0.4 * Math.random()));
    wait = Math.min(AGAIN[1], wait * 1.5);
  }
  if (!isEmpty() && flight.number > shown && answer.state !== 'dropped') {
    if (answer.state !== 'busy') shown = flight.number;
    await show(answer, { number: flight.number, began, strokes, photo, way, domain, final, wanted, drawing });
  }
  if (stale && !again) askNow();
}

async function show(answer, { number, began, strokes, photo, way, domain, final, wanted, drawing }) {
  if (answer.state === 'pictures') {
    // Decoded before they are shown: the photos that are there stay until the new ones replace all at once.
    const pictures = answer.tiles.map((tile, k) => Object.assign(new Image(), { src: tile.image, alt: `Photo ${k + 1}, ${described(tile)}` }));
    await Promise.all(pictures.map((picture) => picture.decode().catch(() => undefined)));
    if (number !== shown) return;
    const figures = [...find('.grid').children];
    answer.tiles = besideLocked(answer, wanted);
    answer.tiles.forEach((tile, k) => {
      if (page.tiles[k] === wanted[k] && wanted[k]?.mix) page.tiles[k] = { ...bare(tile), ...(wanted[k].locked && { locked: true }) };
      if (tile !== page.shown?.tiles[k]) figures[k]?.querySelector('img').replaceWith(pictures[k]);
    });
    page.shown = {
      drawing, strokes, photo, way, domain, model: answer.model, weights: answer.weights, tiles: answer.tiles,
    };
    const total = performance.now() - began;
    Object.assign(tiles.dataset, { ms: answer.ms, waited: answer.waited, total: Math.round(total * 10) / 10 });
    const model = answer.ms ? `model ${duration(answer.ms)} · ` : '';
    const line = answer.waited > 100 ? `${duration(answer.waited)} in line · ` : '';
    status(`${photos(answer.tiles.length)} · ${model}${line}${duration(total)} in all`);
    if (final) find('.spoken').textContent = spokenOf(answer);
    if (answer.network) window.dispatchEvent(new CustomEvent('network-sees', { detail: { id: drawing, url: answer.network } }));
    if (final && page.drawing === drawing) {
      remember(answer.tiles[0].image);
      keepTab();
    }
  }
  if (answer.state === 'empty') return showEmpty(answer.message);
  const trouble = answer.state === 'error' || answer.state === 'lost';
  if (answer.state === 'busy') status(answer.message);
  find('.problem').textContent = trouble ? answer.message : '';
  if (answer.state !== 'busy') setState(trouble ? 'error' : 'pictures', drawing);
  showSmall();
}

function setState(state, drawing) {
  tiles.dataset.state = state;
  tiles.dataset.drawing = drawing ?? '';
  tiles.dataset.seeds = (page.shown?.tiles || []).map((tile) => tile.seed ?? '~').join(' ');
  if (tiles.classList.contains('showcase')) for (const open of find('.grid').querySelectorAll('.open')) open.tabIndex = 0;
  tiles.classList.remove('busy', 'showcase');
}

function showEmpty(words = '') {
  shown = ++sent;          // whatever is still on its way, or being decoded, comes too late
  page.shown = null;
  stale = false;
  for (const image of find('.grid').querySelectorAll('img')) { image.hidden = true; image.removeAttribute('src'); }
  find('.invite').textContent = (!isEmpty() && words) || EMPTY[needed().mode];
  status('');
  setState('empty', page.drawing);
  showSmall();
  window.dispatchEvent(new CustomEvent('drawing-answered', { detail: { id: page.drawing } }));
}

// Before anything is drawn: what an example becomes, so that nobody needs to guess what this is.
const showcases = new Map([[props.models[0].name, Promise.resolve(props.showcase)]]);      // of models; some have none
let showcase = null;

async function showShowcase() {
  showEmpty();
  const { model } = page;
  if (!showcases.has(model.name) && props.live !== false) {
    showcases.set(model.name, tool('showcase', { model: model.name }).catch(() => { showcases.delete(model.name); }));
  }
  const found = await showcases.get(model.name);
  const asOpened = page.way === (model.ways[0] || null) && page.domain === (model.domains[0] || null);
  if (!found?.images || model !== page.model || !asOpened || !isEmpty() || tiles.dataset.state !== 'empty') return;
  showcase = found;
  tiles.classList.add('showcase');
  [...find('.grid').children].forEach((figure, k) => {
    const [open, image] = [figure.querySelector('.open'), figure.querySelector('img')];
    open.tabIndex = -1;      // there is nothing to enlarge yet
    if (!showcase.images[k]) return;
    Object.assign(image, { src: showcase.images[k], hidden: false, alt: `An example’s photo ${k + 1}` });
  });
  find('.example img').src = showcase.drawing;
  find('.example span').innerHTML = showcase.photo ? 'This photo became these.<br>Give your own, or take this one.'
    : 'This drawing became these photos.<br>Draw your own, or take this one.';
}

// --- on a small screen: the photos in a row at the bottom while the grid is out of sight ---------------------------------

function showSmall() {
  const row = find('.small');
  row.replaceChildren(...(tiles.dataset.state === 'empty' ? [] : [...find('.grid').querySelectorAll('img[src]')].map((image) => {
    const copy = document.createElement('img');
    Object.assign(copy, { src: image.src, alt: '' });
    return copy;
  })));
}
new IntersectionObserver((seen) => tiles.classList.toggle('away', seen.at(-1).intersectionRatio < 0.5), { threshold: 0.5 }).observe(find('.grid'));
// At once: a smooth scroll is given up when the row hides, or a new answer arrives, on the way. At pointerup, since a tap
// soon after the last stroke may count as half of a double tap, which makes no click.
for (const kind of ['pointerup', 'click']) {
  find('.small').addEventListener(kind, () => find('.grid').scrollIntoView({ behavior: 'instant', block: 'center' }));
}

// --- start -----------------------------------------------------------------------------------------------------------------

const actions = {
  new: newSamples,
  fewer: () => setCount(page.tiles.length - 1),
  more: () => setCount(page.tiles.length + 1),
  style: () => find('.picker').click(),
  replay: showReplay,
  link: () => working('', copyLink),
  save: saveAll,
  matrix: showMatrix,
};
for (const [name, action] of Object.entries(actions)) find(`[data-do="${name}"]`).addEventListener('click', action);
find('.picker').addEventListener('change', (event) => {
  const files = [...event.target.files];
  event.target.value = '';
  addReferences(files);
});
find('.linked button').addEventListener('click', () => {
  find('.linked').hidden = true;
  find('[data-do="link"]').focus();
});
find('.example').addEventListener('click', () => {
  const { strokes, photo = null, id } = showcase;
  drawingPad().drawing.set(strokes, { photo, example: id });
});

const modelMenu = find('.model select');
modelMenu.replaceChildren(...props.models.map(({ name }) => new Option(name, name)));
find('.model').hidden = props.models.length < 2;
modelMenu.addEventListener('change', () => { notice(''); chooseModel(modelMenu.value); });

const FIELDS = 'input:not([type="range"]):not([type="checkbox"]):not([type="color"]), textarea, select, ' +
  '[contenteditable]';
const KEYS = { n: newSamples, s: saveAll, c: () => working('', copyLink), h: () => document.querySelector('.past button')?.focus() };
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
  if (event.target.closest(FIELDS)) return;
  if (document.querySelector('.pad .letters')?.checked === false) return;      // single keys are switched off
  const action = KEYS[event.key.toLowerCase()];
  if (!action) return;
  event.preventDefault();
  if (!event.repeat) Promise.resolve(action()).then(bringWords);
});

window.addEventListener('drawing-changed', ({ detail }) => {
  if (detail.mode !== needed().mode) return;      // of a paper that is being changed
  const { id, strokes, photo = null, final, sees, undone } = detail;
  if (undone && photo !== page.photo) wayBack(photo);
  Object.assign(page, { drawing: id, strokes, photo, final, sees: Boolean(sees) });
  askNow();
});
window.addEventListener('hashchange', () => openLink().catch((problem) => notice(problem.message, true)));

async function start() {
  const pad = drawingPad();
  pad.drawing.onfile = openSaved;
  pad.drawing.onpicture = (request) => tool('read', request);
  takeModel(page.model);
  renderTiles();
  showShowcase();
  tiles.dataset.ready = 'true';
  const kept = keptTab();
  let broken = null;
  const opened = await openLink().catch((problem) => { broken = problem; });
  if (!opened) await openTab(kept);
  if (kept) takeParked(kept);
  if (broken) notice(broken.message, true);      // last: what came back instead may have words of its own
  window.addEventListener('pagehide', keepTab);
}
if (drawingPad()?.dataset.ready) start();
else window.addEventListener('drawing-ready', start, { once: true });
