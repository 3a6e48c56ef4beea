// The large view of one photo: before and after, its lock, its downloads, its neighbours.
const view = element.querySelector('.view');
let viewed = 0;
let viewing = null;      // the answer that it was opened with: what comes meanwhile changes nothing in it

function openView(index, answer = page.shown) {
  if (!answer?.tiles[index]) return;
  viewed = index;
  viewing = answer;
  const tile = viewing.tiles[index];
  const [before, after] = [view.querySelector('.before'), view.querySelector('.after')];
  before.src = drawingPad().drawing.image() || '';
  after.src = tile.image;
  after.alt = `Photo ${index + 1}, ${described(tile)}`;
  setCut(0);
  view.querySelector('h2').textContent = `Photo ${index + 1} of ${viewing.tiles.length}`;
  view.querySelector('.what').textContent = `${viewing.model} · ${described(tile)}`;
  view.querySelector('.told').textContent = '';
  view.querySelector('[data-do="like"]').hidden = !page.model.styles;
  view.querySelector('[data-do="lock"]').hidden = Boolean(page.model.fixed);
  view.querySelector('[data-do="paper"]').hidden = !nextWay(tile);
  view.querySelector('.tip').textContent = `Drag over the picture: ${viewing.photo ? 'before and after' : 'drawing and photo'}.`;
  for (const name of ['previous', 'next']) view.querySelector(`[data-do="${name}"]`).hidden = viewing.tiles.length < 2;
  renderMix();
  showLock();
  if (view.open) return;
  view.showModal();
  view.focus();      // not its first slider: the arrow keys go from photo to photo
}

// Where a photo would go as the next input: the same paper, or that of the other direction; null where it fits none.
function nextWay({ back }) {
  const { ways } = page.model;
  const next = ways.length && !back ? ways.find((way) => way !== viewing.way) : viewing.way || page.model;
  return next?.mode === 'photo' ? next : null;
}

function ontoPaper() {
  const tile = viewing.tiles[viewed];
  const image = mixing.style ? mixing.image : tile.image;
  const next = nextWay(tile);
  view.close();
  if (page.model.ways.includes(next)) chooseWay(next, false);
  noteWay(image);
  drawingPad().drawing.set([], { photo: image });
}

function showLock() {
  const locked = !mixing.style && Boolean(shownState(viewing).tiles[viewed].locked);      // a mixture is locked by keeping it
  const button = view.querySelector('[data-do="lock"]');
  button.setAttribute('aria-pressed', String(locked));
  button.querySelector('span').textContent = locked ? 'Locked' : 'Lock style';
}

function setCut(percent) {
  view.querySelector('.cut').value = percent;
  view.querySelector('.stage').style.setProperty('--cut', `${percent}%`);
}

function step(by) {
  const count = viewing.tiles.length;
  openView((viewed + by + count) % count, viewing);
}

const viewActions = {
  previous: () => step(-1),
  next: () => step(1),
  close: () => view.close(),
  lock: () => { if (mixing.style) return keepMix(); toggleLock(viewed, viewing); showLock(); },
  like: () => {
    takeSeen(viewed, viewing);
    if (mixing.style) page.tiles[viewed] = { style: mixing.style };
    view.close();
    moreLike(viewed);
  },
  paper: ontoPaper,
  photo: () => saveHere(viewed),
  everything: () => saveHere(null),
  keep: keepMix,
};

async function saveHere(index) {
  const told = view.querySelector('.told');
  told.textContent = 'Saving …';
  try {
    await save(index, index === null ? null : mixing.style && { style: mixing.style }, viewing);
    told.textContent = 'Saved.';
  } catch (problem) {
    told.textContent = problem.message;
  }
}

view.addEventListener('click', (event) => {
  if (event.target === view) return view.close();              // beside the box
  const name = event.target.closest('[data-do]')?.dataset.do;
  if (name) viewActions[name]();
});
view.querySelector('.cut').addEventListener('input', (event) => setCut(event.target.value));
view.querySelector('.share').addEventListener('input', askMix);
view.addEventListener('keydown', (event) => {
  const slides = event.target.matches('input');
  if (event.key === 'ArrowLeft' && !slides) step(-1);
  else if (event.key === 'ArrowRight' && !slides) step(1);
  else if (/^[1-9]$/.test(event.key)) openView(Number(event.key) - 1, viewing);
});
