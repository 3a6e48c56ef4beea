// Files: photos and everything as PNG, a PNG dropped on the page, the replay as a looping WebP.
const STATE_KEY = 'i2i';
const HEAVIEST_PNG = 60e6;

function download(bytes, type, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([bytes], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

function fileName(what, ending) {
  const time = new Date().toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-');
  return `${page.model.name.replace(/[^\w.-]+/g, '-')}-${what}${time}.${ending}`;
}

// The photos on the page with the newest drawing, whose own answer may still be on its way.
const newestState = (answer = page.shown) => (
  answer?.model === page.model.name && answer.way === page.way ? { ...shownState(answer), ...subject(page) } : currentState()
);

// One photo without losses, as it is shown or (tile) in another style; or (index null) everything: drawing, photos, and
// the state to go on from.
async function save(index = null, tile = null, answer = page.shown) {
  const request = index === null ? newestState(answer) : { ...shownState(answer), tiles: [tile || bare(answer.tiles[index])], alone: true };
  const { png } = await tool('save', request);
  download(bytesOf(png), 'image/png', fileName(index === null ? '' : `photo-${index + 1}-`, 'png'));
}

function saveAll() {
  if (isEmpty()) return notice(`${FIRST_PLEASE().slice(0, -1)}: there is nothing to save yet.`);
  return working('Saving …', async () => {
    await save();
    const { innerText: opener } = document.querySelector('.pad [data-do="photo"]:not([hidden]), .pad [data-do="label-map"]');
    notice(`Saved. Drop the file on the page, or open it with “${opener}”, to go on from here.`);
  });
}

// The page's state in a PNG file, from its iTXt chunk; null where there is none.
async function stateInPng(file) {
  const data = new DataView(await file.arrayBuffer());
  if (data.byteLength < 20 || data.getUint32(0) !== 0x89504e47) return null;
  const latin = (from, to) => String.fromCharCode(...new Uint8Array(data.buffer, from, to - from));
  for (let at = 8; at + 12 <= data.byteLength;) {
    const length = data.getUint32(at);
    if (at + 12 + length > data.byteLength) return null;
    if (latin(at + 4, at + 8) === 'iTXt' && latin(at + 8, at + 9 + STATE_KEY.length) === `${STATE_KEY}\0`) {
      let from = at + 8 + STATE_KEY.length + 3;              // after the key's end and two bytes about compression
      for (let ends = 0; ends < 2; from++) if (data.getUint8(from) === 0) ends++;   // language, translated key
      return JSON.parse(new TextDecoder().decode(new Uint8Array(data.buffer, from, at + 8 + length - from)));
    }
    at += 12 + length;
  }
  return null;
}

// A file that came to the page: was it a saved one? Otherwise it is the canvas's to read.
async function openSaved(file) {
  if (file.type !== 'image/png' || file.size > HEAVIEST_PNG) return false;
  let state = null;
  try {
    state = await stateInPng(file);
  } catch {
    throw new Error('This file was saved by a page like this one, but it is damaged.');
  }
  if (!state) return false;
  await restore(state, 'This file');
  return true;
}

// --- replay and clip -------------------------------------------------------------------------------------------------

const ANIMATIONS = {
  replay: { title: 'Replay', words: 'Drawing it again, stroke by stroke …', alt: 'The drawing grows, and the photos with it' },
  clip: { title: 'Clip', words: 'Going from style to style …', alt: 'The photos’ styles pass into one another' },
};

function showReplay() {
  if (isEmpty()) return notice(needed().mode === 'photo' ? FIRST_PLEASE() : `${FIRST_PLEASE().slice(0, -1)}: a replay shows how it grew.`);
  const { strokes, tiles: answers } = newestState();
  const drawn = strokes.length > 0;
  const passes = page.model.styles && new Set(answers.map((tile) => JSON.stringify(bare(tile)))).size > 1;
  if (!drawn && !page.model.styles) return notice('Draw on the photo first: a replay shows how a drawing grew.');
  if (!drawn && !passes) return notice('A clip goes from one photo’s style to the next: show at least two photos (+).');
  const kinds = find('.replay .kinds');
  kinds.hidden = !(drawn && passes);
  return animate(passes && needed().mode === 'photo' ? 'clip' : 'replay');
}

// Who asks the system for less motion gets a still picture, and a button that moves it.
const wantsStill = () => matchMedia('(prefers-reduced-motion: reduce)').matches;

function animate(kind) {
  const { title, words, alt } = ANIMATIONS[kind];
  for (const button of find('.replay .kinds').children) {
    button.setAttribute('aria-pressed', String(button.dataset.kind === kind));
    button.onclick = () => animate(button.dataset.kind);
  }
  return showMade({ title, words, alt, saving: 'Save as WebP', type: 'image/webp', name: fileName(`${kind}-`, 'webp') }, async () => {
    const { webp: data, still } = await tool(kind, { ...newestState(), still: wantsStill() });
    return { data, still };
  });
}

// A dialog that shows what the server makes ({data: base64, still: URL of a picture that does not move}), and saves it.
let making = 0;
async function showMade({ title, words, alt, saving, type, name, told = '' }, make) {
  const dialog = find('.replay');
  const [image, place, play, keep] = ['img', '.words', '.play', '.keep'].map((name) => dialog.querySelector(name));
  const turn = ++making;
  image.hidden = play.hidden = keep.hidden = true;
  image.alt = alt;
  dialog.setAttribute('aria-label', title);
  dialog.querySelector('h2').textContent = title;
  place.textContent = words;
  keep.textContent = saving;
  if (!dialog.open) dialog.showModal();
  try {
    const { data, still } = await make();
    if (turn !== making) return;
    const whole = `data:${type};base64,${data}`;
    const move = (moves) => {
      image.src = moves ? whole : still;
      play.textContent = moves ? 'Stop' : 'Play';
      play.onclick = () => move(!moves);
    };
    move(!still);
    await image.decode();
    image.hidden = keep.hidden = false;
    play.hidden = !still;
    place.textContent = told;
    keep.onclick = () => download(bytesOf(data), type, name);
  } catch (problem) {
    if (turn === making) place.textContent = problem.message;
  }
}

element.querySelector('.replay').addEventListener('click', ({ currentTarget: dialog, target, clientX: x, clientY: y }) => {
  const { left, right, top, bottom } = dialog.getBoundingClientRect();
  const beside = target === dialog && (x < left || x > right || y < top || y > bottom);
  if (beside || target.dataset.do === 'close') dialog.close();
});
