// Models, the directions and domains that some have, and states that come back from links, files and the history.
const HINTS = { edges: 'draw something …', labels: 'paint something …', photo: '' };

// What the page knows and shows of a model; its tiles and what is asked stay as they are.
function takeModel(model, domain = model.domains[0] || null) {
  page.model = model;
  page.way = model.ways[0] || null;
  page.domain = domain;
  find('[data-do="style"]').hidden = !model.styles;
  const clip = model.styles && model.mode === 'photo';
  find('[data-do="replay"] span').textContent = clip ? 'Clip' : 'Replay';
  find('[data-do="replay"]').title = clip ? 'An animation: the styles pass into one another'
    : 'An animation: the drawing grows, and the photos with it';
  drawingPad().drawing.setSide(model.side);
  drawingPad().drawing.setInk(model.ink);
  drawingPad().drawing.setExamples(model.examples);
  renderWays();
  loadShelf();
}

// A style of the model before, or a seed that this one passes over, unless it is locked.
const belongsElsewhere = ({ seed, locked }) => seed === undefined || !locked && page.model.passed.includes(seed);

// What waits for its model while another one is looked at: the chosen domain, locked photos, and styles of its own,
// mixtures among them, each where it was.
const parked = new Map();      // name → {domain, tiles}

function withParked(own, tiles) {
  const merged = tiles.map((tile, k) => (own[k]?.locked || (own[k]?.style && !tile.locked) ? own[k] : tile));
  const textOf = (tile) => JSON.stringify(bare(tile));
  const there = merged.map(textOf);      // where there were fewer photos meanwhile, locked ones have moved up
  return [...merged, ...own.slice(tiles.length).filter((tile) => tile.locked && !there.includes(textOf(tile)))];
}

// The photos of the newest model that has a choice of them. They go on to the next one; models without noise in between
// show their own and leave these alone.
let choice = null;      // {model, tiles}
const areFirst = ({ model, tiles }) => tiles.length === model.first.length
  && tiles.every(({ seed, locked }, k) => seed === model.first[k] && !locked);

// Styles are a model's own, and so are the seeds that it shows first and what a model without noise shows.
function tilesFor(model) {
  if (model.fixed || !choice) return firstTiles();
  if (choice.model === model) return choice.tiles;
  if (areFirst(choice)) return firstTiles();
  noteSeeds(choice.tiles);
  return choice.tiles.map((tile) => (
    belongsElsewhere(tile) ? freshTile() : { ...seeded(tile.seed), ...(tile.locked && { locked: true }) }
  ));
}

// What waits, as a tab keeps it over a reload. Mixtures are of photos that are not there then.
const keptOf = (model, tiles) => ({ name: model.name, weights: model.weights, tiles: tiles.filter(({ mix }) => !mix) });
const parkedAsKept = () => ({
  parked: [...parked].map(([name, { domain, tiles }]) => ({ ...keptOf(props.models.find((one) => one.name === name), tiles), domain })),
  choice: choice && keptOf(choice.model, choice.tiles),
});

// Takes what a tab kept, once its model is chosen; not what other weights made of it.
function takeParked(tab) {
  const modelOf = ({ name, weights }) => props.models.find((model) => model.name === name && model.weights === weights);
  const sound = (Array.isArray(tab.parked) ? tab.parked : []).filter((one) => modelOf(one) && areSound(one.tiles));
  parked.clear();
  for (const { name, domain, tiles } of sound.filter((one) => modelOf(one) !== page.model)) {
    parked.set(name, { domain, tiles });
    noteSeeds(tiles);
  }
  if (page.model.fixed && tab.choice && modelOf(tab.choice) && areSound(tab.choice.tiles)) {
    choice = { model: modelOf(tab.choice), tiles: tab.choice.tiles };
    noteSeeds(choice.tiles);
  }
}

function chooseModel(name, asked = true) {
  const model = props.models.find((one) => one.name === name);
  if (!model || model === page.model && asked) return;
  parked.set(page.model.name, { domain: page.domain, tiles: page.tiles });
  if (!page.model.fixed) choice = { model: page.model, tiles: page.tiles };
  const own = asked ? parked.get(name) : null;
  parked.delete(name);
  takeModel(model, model.domains.includes(own?.domain) ? own.domain : undefined);
  page.tiles = tilesFor(model);
  if (own) page.tiles = withParked(own.tiles, page.tiles);
  find('.model select').value = name;
  document.title = model.title;
  for (const [selector, words] of [['h1', model.title], ['p', model.invitation]]) {
    const place = document.querySelector(`#title ${selector}`);
    if (place) place.textContent = words;
  }
  const facts = document.querySelector('.facts');
  if (facts) facts.innerHTML = model.facts;
  const sent = changePaper(model.hint);
  renderTiles();
  renderReferences();
  if (asked && !sent) askNow();
  if (asked && isEmpty()) showShowcase();
}

// The paper that model and direction need; true where it is another one: then the canvas sends what lies on it.
function changePaper(hint) {
  const { drawing } = drawingPad();
  const { mode, palette } = needed();
  drawing.setHint?.(hint);
  return drawing.setMode(mode, palette);
}

// --- directions and domains ------------------------------------------------------------------------------------------

function renderWays() {
  const { ways, domains } = page.model;
  const row = find('.ways');
  const choices = ways.length > 1 ? ways.map((way) => [`${way.from} → ${way.to}`, way === page.way, () => chooseWay(way)])
    : domains.map((name) => [name, name === page.domain, () => chooseDomain(name)]);
  row.hidden = !choices.length;
  row.classList.toggle('long', ways.length > 1);
  row.setAttribute('aria-label', ways.length > 1 ? 'Direction' : 'What the photo becomes');
  renewButtons(row, choices.map(([words, chosen, onChoose]) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = words;
    button.setAttribute('role', 'radio');
    button.setAttribute('aria-checked', String(chosen));
    button.tabIndex = chosen ? 0 : -1;
    button.addEventListener('click', onChoose);
    return button;
  }));
}

element.querySelector('.ways').addEventListener('keydown', (event) => {
  const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!by) return;
  event.preventDefault();
  const all = [...find('.ways').children];
  all[(all.findIndex((one) => one.tabIndex === 0) + by + all.length) % all.length].click();
  find('.ways [aria-checked="true"]').focus();
});

function chooseWay(way, asking = true) {
  if (way === page.way) return;
  page.way = way;
  renderWays();
  renderTiles();
  loadShelf();
  const sent = changePaper(way.mode === page.model.mode ? page.model.hint : HINTS[way.mode]);
  if (asking && !sent) askNow();
}

// Undo brings a photo back, and with it the direction that it was answered in.
const wayOf = new Map();       // photo → direction
const MOST_WAYS = 40;

function noteWay(photo = page.photo) {
  if (!photo || !page.way) return;
  wayOf.delete(photo);
  wayOf.set(photo, page.way);
  if (wayOf.size > MOST_WAYS) wayOf.delete(wayOf.keys().next().value);
}

function wayBack(photo) {
  const way = wayOf.get(photo);
  if (way?.mode === needed().mode && page.model.ways.includes(way)) chooseWay(way, false);
}

// What new photos become; those on the page stay as they are.
function takeDomain(name) {
  page.domain = name;
  renderWays();
  renderReferences();
}

// Locked photos keep their domain.
function chooseDomain(name) {
  takeDomain(name);
  page.tiles = page.tiles.map((tile) => (tile.locked ? tile : tile.seed === undefined ? freshTile() : seeded(tile.seed)));
  renderTiles();
  askNow();
}

// --- example photos of the model's folder ----------------------------------------------------------------------------

const shelves = new Map();     // model → promise of [{id, name, side, url}, …]
let examplePhotos = [];        // of the model on the page
let shelfWait = 1500;          // ms: before asking a lost server again

async function loadShelf() {
  const { model, way } = page;
  if (needed().mode !== 'photo') return;
  if (!shelves.has(model.name)) {
    drawingPad().drawing.setShelf([]);      // not those of the model before
    shelves.set(model.name, tool('examples', { model: model.name }).then(({ photos }) => photos).catch((problem) => {
      shelves.delete(model.name);      // the server was lost: once more, while somebody looks
      if (problem instanceof Lost) {
        setTimeout(() => { if (model === page.model) loadShelf(); }, shelfWait * (0.8 + 0.4 * Math.random()));
        shelfWait = Math.min(AGAIN[1], shelfWait * 1.5);
      }
      return [];
    }));
  }
  const photos = await shelves.get(model.name);
  if (model !== page.model || way !== page.way) return;
  examplePhotos = photos;
  drawingPad().drawing.setShelf(way ? photos.filter(({ side }) => side === way.start) : photos);
  renderReferences();
}

// --- states ----------------------------------------------------------------------------------------------------------

// The domain that was chosen: what the state says, or, as links and files do not, what its unlocked photos are.
const domainOf = ({ domain, tiles }) => domain ?? tiles.find((tile) => tile.domain && !tile.locked)?.domain;

const isSound = ({ seed, style, back } = {}) => back === true || (Number.isInteger(seed) && seed >= 0 && seed <= LARGEST_SEED) || typeof style === 'string';
const areSound = (coming) => Array.isArray(coming) && coming.length > 0 && coming.length <= MOST && coming.every(isSound);

let restoring = false;
const PHOTO_URL = /^data:image\/(jpeg|png|webp);base64,/;

// The kind of paper that a state was made on, told by what lies on it.
const paperOf = ({ strokes, photo = null }) => (photo !== null ? 'photo' : strokes.some(({ color }) => color) ? 'labels' : 'edges');

// A state from a link, a saved file or the history: what was on the paper, model, tiles.
async function restore(state, source = '', undoable = true) {
  const { strokes, photo = null, tiles: coming, direction } = state;
  if (!Array.isArray(strokes) || !areSound(coming) || (photo !== null && !PHOTO_URL.test(photo))) {
    throw new Error(`${source || 'This'} holds no drawing of this page.`);
  }
  const facts = props.models.find((one) => one.name === state.model);
  let words = '';
  if (!facts && paperOf(state) !== needed().mode) {
    throw new Error(`${source} was made with the model ${state.model}, which is not here, and ${page.model.name} takes other pictures.`);
  }
  if (!facts) words = `${source} was made with the model ${state.model}, which is not here: ${page.model.name} answers instead.`;
  else if (facts.weights !== state.weights) {
    words = `${source} was made with other weights of ${facts.name} (${state.weights}, here ${facts.weights}): these photos differ from the ones it was made for.`;
  }
  const named = facts?.ways.find(({ id }) => id === direction);
  const { palette } = named || (facts && facts !== page.model ? facts.ways[0] || facts : needed());
  drawingPad().drawing.check(strokes, palette && palette.map(({ color }) => color));      // before anything changes
  view.close();      // it may be of another model
  restoring = true;      // what lies on the paper of that model is not asked about
  try {
    if (facts && facts !== page.model) chooseModel(facts.name, false);
    const way = page.model.ways.find(({ id }) => id === direction);
    if (way) chooseWay(way, false);
    if (page.model.domains.includes(domainOf(state))) takeDomain(domainOf(state));
  } finally {
    restoring = false;
  }
  noteSeeds(coming);
  page.tiles = page.model.fixed ? firstTiles() : coming.filter(({ back }) => !back).map((tile) => ({
    ...restoredTile(tile, facts), ...(tile.locked && { locked: true }),
  }));
  if (!page.tiles.length) page.tiles = firstTiles();
  renderTiles();
  noteWay(photo);
  drawingPad().drawing.set(strokes, { photo, undoable });      // the canvas sends it, and that asks
  notice(words, Boolean(words));
}

function restoredTile(tile, facts) {
  if (tile.style) return facts?.styles ? bare(tile) : freshTile();
  return { seed: tile.seed, ...(page.domain && { domain: page.model.domains.includes(tile.domain) ? tile.domain : page.domain }) };
}
