// Styles: from a reference photo, near another tile's, between two tiles.
const NEAR = 0.35;           // how far "more like this" goes towards another seed's style
const PHOTO_SIDE = 512;      // pixels of a reference photo that is sent
const MOST_REFERENCES = 8;
let references = [];         // [{style, thumb, model, domain}]

async function smaller(file, side) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error(`${file.name || 'The picture'} could not be read. Use a PNG, JPEG or WebP file.`);
  }
  const factor = Math.min(1, side / Math.min(bitmap.width, bitmap.height));
  const copy = document.createElement('canvas');
  copy.width = Math.max(1, Math.round(bitmap.width * factor));
  copy.height = Math.max(1, Math.round(bitmap.height * factor));
  if (Math.max(copy.width, copy.height) > 8 * side) throw new Error('The photo is too long for its width.');
  const target = copy.getContext('2d');
  target.fillStyle = '#fff';
  target.fillRect(0, 0, copy.width, copy.height);
  target.drawImage(bitmap, 0, 0, copy.width, copy.height);
  return copy.toDataURL('image/jpeg', 0.92);
}

// Unlocked tiles get styles around `tile`; the first of them, if `itself`, that very style.
function spread(tile, itself) {
  const free = page.tiles.flatMap((one, k) => (one.locked ? [] : [k]));
  free.forEach((k, nth) => {
    page.tiles[k] = itself && nth === 0 ? bare(tile) : { mix: [bare(tile), freshTile(), NEAR] };
  });
  return free.length;
}

function moreLike(index) {
  if (page.tiles.length === 1) setCount(4, false);
  page.tiles[index].locked = true;
  if (!spread(page.tiles[index], false)) return notice('Every photo is locked: unlock some to see more like this one.');
  renderTiles();
  askNow();
  notice('Photos like the locked one. “New samples” brings others again.');
}

const ownReferences = () => references.filter(({ model }) => model === page.model.name);

// Puts a photo's style into the strip. Where the model has domains, it is read as that of the chosen one.
async function readStyle(photo, { model, domain }) {
  const { style } = await tool('style', { model: model.name, photo, ...(domain && { domain }) });
  const reference = { style, thumb: photo, model: model.name, domain };
  references = [reference, ...references].slice(0, MOST_REFERENCES);
  renderReferences();
  return reference;
}

function addReferences(files) {
  if (!files.length) return undefined;
  const meant = { model: page.model, domain: page.domain };
  return working(files.length > 1 ? 'Reading the photos’ styles …' : 'Reading the photo’s style …', async () => {
    let newest = null;
    for (const file of files.slice(0, MOST_REFERENCES)) {
      newest = await readStyle(await smaller(file, PHOTO_SIDE), meant);
    }
    notice(meant.domain ? `Read as ${meant.domain}. For a photo of another kind, choose that first.` : '');
    useMeant(newest, meant);
  });
}

function useExample(url) {
  const meant = { model: page.model, domain: page.domain };
  return working('Reading the photo’s style …', async () => {
    const reference = await readStyle(url, meant);
    notice('');
    useMeant(reference, meant);
  });
}

// Where another model or domain was chosen meanwhile, the style waits in the strip of the one that it was meant for.
function useMeant(reference, { model, domain }) {
  if (page.model !== model) return notice(`The style waits in the strip of ${model.name}.`);
  if (page.domain !== domain) return notice(`The style was read as ${domain} and waits in the strip.`);
  return useReference(reference);
}

function useReference(reference) {
  if (page.tiles.every((tile) => tile.locked)) return notice('Every photo is locked: unlock some for the new style.');
  if (reference.domain && reference.domain !== page.domain) takeDomain(reference.domain);
  spread({ style: reference.style }, true);
  renderTiles();
  if (isEmpty()) notice(`${FIRST_PLEASE().slice(0, -1)}: then photos come in the style of that picture, and around it.`);
  askNow();
}

function renderReferences() {
  const own = ownReferences();
  const ready = examplePhotos.filter(({ side, url }) => side === page.domain && !own.some(({ thumb }) => thumb === url));
  const strip = find('.references');
  const chips = strip.querySelector('.chips');
  const inside = chips.contains(document.activeElement);
  renewButtons(chips, [
    ...own.map((reference, nth) => chipOf(reference.thumb, nth, reference.domain, () => useReference(reference), () => {
      references = references.filter((one) => one !== reference);
      renderReferences();
    })),
    ...ready.map(({ url }, nth) => chipOf(url, nth, page.domain, () => useExample(url))),
  ], samePicture);
  strip.hidden = !own.length && !ready.length;
  if (inside && strip.hidden) find('[data-do="style"]').focus();
}

// An example whose style was read stands elsewhere in the strip.
function samePicture(button) {
  const { src } = button.closest('.chip').querySelector('img');
  return [...find('.chips').querySelectorAll('.use')].find((use) => use.querySelector('img').src === src);
}

function chipOf(url, nth, domain, onUse, onDrop) {
  const chip = document.createElement('span');
  chip.className = 'chip';
  chip.innerHTML = '<button type="button" class="use"><img alt=""><i></i></button><button type="button" class="drop">✕</button>';
  const [use, drop] = chip.children;
  use.firstChild.src = url;
  use.lastChild.textContent = onDrop && domain ? domain : '';
  const named = (words) => [words, onDrop && domain, nth && `number ${nth + 1}`].filter(Boolean).join(', ');
  use.setAttribute('aria-label', named(onDrop ? 'Photos in the style of this picture' : 'Photos in the style of this example'));
  use.title = 'Photos in the style of this picture, and around it';
  use.addEventListener('click', onUse);
  drop.hidden = !onDrop;
  drop.setAttribute('aria-label', named('Forget this picture'));
  if (onDrop) drop.addEventListener('click', onDrop);
  return chip;
}

// --- between two tiles: in the large view ------------------------------------------------------------------------------

const mixing = { other: null, asked: false, again: false, style: null, image: null };

function renderMix() {
  const box = view.querySelector('.mix');
  box.hidden = !page.model.styles || viewing.tiles.length < 2;
  mixing.other = mixing.style = mixing.image = null;
  box.querySelector('.between').hidden = true;
  box.querySelector('.share').value = 0;
  box.querySelector('.partners').replaceChildren(...viewing.tiles.flatMap((tile, k) => {
    if (k === viewed) return [];
    const partner = document.createElement('button');
    partner.type = 'button';
    partner.setAttribute('aria-pressed', 'false');
    partner.setAttribute('aria-label', `Mix with photo ${k + 1}`);
    const image = document.createElement('img');
    Object.assign(image, { src: tile.image, alt: '' });
    partner.append(image);
    partner.addEventListener('click', () => {
      for (const one of partner.parentNode.children) one.setAttribute('aria-pressed', String(one === partner));
      mixing.other = k;
      box.querySelector('.between').hidden = false;
      box.querySelector('.between').scrollIntoView({ block: 'nearest' });
      box.querySelector('.share').value = 50;
      askMix();
    });
    return [partner];
  }));
}

// At most one request in flight, the newest place of the slider wins.
async function askMix() {
  if (mixing.asked) { mixing.again = true; return; }
  const [from, other, shown] = [viewed, mixing.other, viewing];
  const share = Number(view.querySelector('.share').value) / 100;
  mixing.asked = true;
  mixing.again = false;
  let answer = null;
  try {
    answer = await ask({
      session: `${session}-mix`, drawing: shown.drawing, model: shown.model, ...subject(shown), sees: false,
      tiles: [{ mix: [bare(shown.tiles[from]), bare(shown.tiles[other]), share] }],
    });
  } catch (problem) {
    answer = { state: 'error', message: problem.message };
  }
  mixing.asked = false;
  if (!view.open || viewing !== shown || viewed !== from || mixing.other !== other) return mixing.again && mixing.other !== null ? askMix() : undefined;
  if (answer.state === 'pictures') {
    [{ style: mixing.style, image: mixing.image }] = answer.tiles;
    view.querySelector('.told').textContent = '';
    view.querySelector('.after').src = mixing.image;
    view.querySelector('.after').alt = view.querySelector('.what').textContent = `A mixture of photos ${from + 1} and ${other + 1}`;
    showLock();
  } else if (answer.state === 'error') {
    view.querySelector('.told').textContent = answer.message;
  }
  if (mixing.again) askMix();
}

function keepMix() {
  if (!mixing.style) return;
  takeSeen(viewed, viewing);
  page.tiles[viewed] = { style: mixing.style, locked: true };
  view.close();
  renderTiles();
  askNow();
  notice('The mixture is locked in its tile.');
}
