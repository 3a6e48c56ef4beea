// What was on the page before: a thumbnail for every answered drawing, newest first; a click brings it back.
const KEPT = 60;
const QUIET = 400;           // ms without a new answer, after which there is time for it
let past = [];               // [{text, state, image, button}]
let quiet = 0;

// After a while: thumbnails must not keep the photos waiting.
function remember(image) {
  clearTimeout(quiet);
  quiet = setTimeout(() => {
    const drawing = drawingPad().drawing.image();    // none: another model's paper, still empty, lies there by now
    if (!drawing || !page.shown || page.shown.strokes !== page.strokes || page.shown.photo !== page.photo) return;
    keepInHistory(shownState(), image, drawing);
  }, QUIET);
}

function keepInHistory(state, image, drawing) {
  const place = document.querySelector('.past');
  const text = JSON.stringify([state.model, state.direction, state.tiles.map(bare), state.strokes, state.photo]);
  if (!place || past[0]?.text === text) return;
  if (past.length && isOtherCount(past[0].state, state)) past.shift().button.remove();
  const entry = { text, image, state: structuredClone(state), button: thumbnail(image, drawing, state) };
  entry.button.addEventListener('click', () => restore(entry.state));
  past.unshift(entry);
  place.querySelector('.thumbs').prepend(entry.button);
  while (past.length > KEPT) past.pop().button.remove();
  place.hidden = past.length < 2;
}

// The same drawing with more or fewer photos is no other place in history.
function isOtherCount(before, now) {
  const alike = ({ model, direction, strokes, photo }) => JSON.stringify([model, direction, strokes, photo]);
  const [few, many] = [before.tiles, now.tiles].sort((a, b) => a.length - b.length);
  return few.length < many.length && alike(before) === alike(now)
    && few.every((tile, k) => JSON.stringify(bare(tile)) === JSON.stringify(bare(many[k])));
}

function thumbnail(photo, drawing, { model, strokes }) {
  const button = document.createElement('button');
  button.type = 'button';
  button.title = 'Back to this drawing and its photos';
  const count = strokes.length ? `, ${strokes.length} ${strokes.length === 1 ? 'stroke' : 'strokes'}` : '';
  const nameOf = (number) => `An earlier drawing, ${model}${count}${number > 1 ? `, number ${number}` : ''}: bring it back`;
  const taken = past.map((entry) => entry.button.getAttribute('aria-label'));
  let number = 1;
  while (taken.includes(nameOf(number))) number++;
  button.setAttribute('aria-label', nameOf(number));
  for (const [kind, source] of [['photo', photo], ['drawn', drawing]]) {
    button.append(Object.assign(document.createElement('img'), { src: source, alt: '', className: kind }));
  }
  return button;
}
