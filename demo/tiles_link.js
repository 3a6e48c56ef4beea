// Links: the page's state as text in the fragment of its address. permalink.py explains the form.
const LINK_VERSION = '1';
const LINK_LENGTH = 2000;    // characters that a link should stay below; a drawing gives up its finest detail for it
const MOST_TILES = 12;

// A domain's name within a tile: without the signs that mean something there.
const quoted = (name) => encodeURIComponent(name).replace(/[.!~@]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);

async function fragmentOf({ model, weights, tiles, strokes, direction }) {
  const texts = tiles.filter(({ back }) => !back).map((tile) => (      // the way back belongs to the direction
    (tile.style ? `~${tile.style}` : tile.seed) + (tile.domain ? `@${quoted(tile.domain)}` : '') + (tile.locked ? '!' : '')
  ));
  const head = `model=${encodeURIComponent(model)}&weights=${encodeURIComponent(weights)}&tiles=${encodeURI(texts.join('.'))}${direction ? `&way=${encodeURIComponent(direction)}` : ''}&drawing=`;
  let drawing;
  try {
    drawing = await window.i2iStrokes.encode(strokes, Math.max(200, LINK_LENGTH - address().length - head.length - 6));
  } catch {
    drawing = await window.i2iStrokes.encode(strokes);      // a very full drawing: long and whole
  }
  return `${head}${drawing}&v=${LINK_VERSION}`;
}

function unquoted(name) {
  try {
    return decodeURIComponent(name);
  } catch {
    throw new Error('The link is damaged. Copy it again.');
  }
}

// Throws an Error in words for a text that is no link of this page.
async function stateOf(fragment) {
  const parts = new URLSearchParams(fragment.replace(/^#/, ''));
  if (!parts.has('v')) throw new Error('The link is not whole: its end is missing. Copy it again.');
  if (parts.get('v') !== LINK_VERSION) throw new Error('The link was made by a newer page than this one.');
  const tiles = (parts.get('tiles') || '').split('.').map((text) => {
    const locked = text.endsWith('!');
    const [name, domain] = (locked ? text.slice(0, -1) : text).split('@');
    if (!/^(\d{1,9}|~[\w-]+)$/.test(name)) throw new Error('The link is damaged. Copy it again.');
    return {
      ...(name[0] === '~' ? { style: name.slice(1) } : { seed: Number(name) }),
      ...(domain && { domain: unquoted(domain) }), ...(locked && { locked }),
    };
  });
  if (tiles.length > MOST_TILES) throw new Error('The link is damaged. Copy it again.');
  const strokes = await window.i2iStrokes.decode(parts.get('drawing') || '');
  const direction = parts.get('way');
  return { model: parts.get('model') || '', weights: parts.get('weights') || '', tiles, strokes, ...(direction && { direction }) };
}

// Where links point to: a Space's own address, what --space-url says, or where the page is.
function address() {
  return props.address || location.origin + location.pathname + location.search;
}

async function copyLink() {
  if (needed().mode === 'photo') {
    return notice('A link holds a drawing and no photo. “Save” makes a PNG instead: dropped on this page, it brings everything back, the photo too.');
  }
  if (isEmpty()) return notice('Draw something first: a link holds a drawing.');
  const state = currentState();
  const fragment = await fragmentOf(state);
  const link = `${address()}#${fragment}`;
  if (!props.address) history.replaceState(null, '', `#${fragment}`);
  linked = linkable(state);
  find('.linked').hidden = false;
  const field = find('.linked input');
  field.value = link;
  let copied = true;
  try {
    await navigator.clipboard.writeText(link);
  } catch {                                                  // not allowed on plain http pages of other machines
    field.select();
    copied = document.execCommand('copy');
  }
  find('.linked span').textContent = copied ? 'Link copied' : 'Copy this link';
}

// The address holds a drawing only while it is the one on the paper, with this model, these photos and these locks.
let linked = null;
const linkable = ({ model, direction, strokes, tiles }) => JSON.stringify([model, direction, strokes, tiles.map((tile) => [bare(tile), Boolean(tile.locked)])]);
function forgetLink() {
  if (linked === null || linked === linkable(currentState())) return;
  linked = null;
  find('.linked').hidden = true;
  if (location.hash.includes('drawing=')) dropLink();
}

const dropLink = () => history.replaceState(null, '', location.pathname + location.search);

// Whether the address holds a drawing, which then is on the page. Throws an Error in words for a link that cannot be
// opened, once: it leaves the address.
async function openLink() {
  if (!location.hash.includes('drawing=')) return false;
  try {
    const state = await stateOf(location.hash);
    linked = null;
    await restore(state, 'This link');
    linked = linkable(currentState());      // as it came onto the page
  } catch (problem) {
    dropLink();
    throw problem;
  }
  return true;
}

// --- a page that is loaded again ---------------------------------------------------------------------------------------

// Kept by the browser for this tab alone, until it is closed: neither a reload nor the way back loses a drawing, on any
// paper, or a photo whose style was read.
const TAB = 'i2i-page';

function keepTab() {
  const state = currentState();
  const { papers } = drawingPad().drawing;
  // With what undo brings back first; where storage is full, without; or with what is on the page alone.
  for (const more of [3, 1].map((most) => () => ({ papers: papers(most), references, ...parkedAsKept() })).concat(() => ({}))) {
    try {
      sessionStorage.setItem(TAB, JSON.stringify({ ...state, ...more() }));
      return;
    } catch {
      // Switched off, or still full: then a reload begins anew.
    }
  }
}

// What the tab kept, or null; its papers and references are taken at once, whatever lies on top.
function keptTab() {
  try {
    const state = JSON.parse(sessionStorage.getItem(TAB));
    if (Array.isArray(state?.papers)) drawingPad().drawing.setPapers(state.papers);
    if (Array.isArray(state?.references)) {
      references = state.references.filter(({ style, thumb }) => typeof style === 'string' && PHOTO_URL.test(thumb));
    }
    renderReferences();
    return state;
  } catch {
    sessionStorage.removeItem(TAB);
    return null;
  }
}

async function openTab(state) {
  if (!state) return;
  try {
    if (state.strokes.length || state.photo) {
      // Its papers lie there already; a model that is not here may be answered for by one with another paper.
      const there = Array.isArray(state.papers) && props.models.some(({ name }) => name === state.model);
      await restore(state, 'What was here', !there);
    } else {
      chooseModel(state.model);
      if (state.domain !== page.domain && page.model.domains.includes(state.domain)) chooseDomain(state.domain);
    }
  } catch (problem) {
    drawingPad().drawing.resend();      // what was kept stays on its own paper, and what lies on this one is answered
    notice(problem.message, true);
  }
}
