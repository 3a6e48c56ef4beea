// Photos on the paper: how one gets there, how it is painted with the drawing on top, colours to draw on it with, and the
// shelf of photos to start from. A photo is a square JPEG as data URL and travels with every request.
const INKS = [
  ['black', '#1b1b1f'], ['white', '#ffffff'], ['grey', '#8b9099'], ['brown', '#6b4226'], ['orange', '#dd7a2b'],
  ['cream', '#f0dcb8'], ['pink', '#e5989b'], ['red', '#c0392b'], ['green', '#4f7f3c'], ['blue', '#3b6fb5'],
];
const HOLE = 32;         // units: width of the pen that paints a hole
const ASPECT = 1.05;     // photos that are longer than this lose something, and are told so
let photoSide = UNITS;   // pixels of a photo, as many as the model takes
let shelf = [];          // [{id, name, url}, …]

// --- painting ---------------------------------------------------------------------------------------------------

const REMEMBERED = 12;
const decoded = new Map();       // data URL → picture
const under = document.createElement('canvas');      // ink with the stroke under the pen

// The picture of a data URL, null until it is decoded.
function pictureOf(url) {
  if (!url) return null;
  if (!decoded.has(url)) {
    const picture = Object.assign(new Image(), { src: url });
    picture.decode().then(() => { picture.sound = true; repaintSoon(); }).catch(() => undefined);
    decoded.set(url, picture);
    if (decoded.size > REMEMBERED) decoded.delete(decoded.keys().next().value);
  }
  const picture = decoded.get(url);
  return picture.sound ? picture : null;
}

function paintInk(target, side, strokes, where) {
  toUnits(target, side, where);
  paintEdges(target, strokes, UNITS / (side * where.scale), true);
  target.setTransform(1, 0, 0, 1, 0, 0);
}

function paintGround(target, side, where) {
  target.setTransform(1, 0, 0, 1, 0, 0);
  target.fillStyle = '#fff';
  target.fillRect(0, 0, side, side);
  const picture = pictureOf(photoNow());
  if (!picture) return;
  toUnits(target, side, where);
  target.imageSmoothingEnabled = true;
  target.imageSmoothingQuality = 'high';
  target.drawImage(picture, 0, 0, UNITS, UNITS);
  target.setTransform(1, 0, 0, 1, 0, 0);
}

function emptied(sheet, side) {
  if (sheet.width !== side) sheet.width = sheet.height = side;
  const target = sheet.getContext('2d');
  target.setTransform(1, 0, 0, 1, 0, 0);
  target.clearRect(0, 0, side, side);
  return target;
}

// On the screen: the photo, and the ink as a layer of its own, so that the eraser finds the photo below.
function paintPhoto(finished, drawn) {
  const side = canvas.width;
  if (screen.strokes !== finished || screen.stamp !== stamp) {
    Object.assign(screen, { strokes: finished, stamp });
    paintInk(emptied(screen.canvas, side), side, finished, view);
  }
  paintGround(context, side, view);
  if (drawn.length) {
    const target = emptied(under, side);
    target.drawImage(screen.canvas, 0, 0);
    paintInk(target, side, drawn, view);
  }
  context.drawImage(drawn.length ? under : screen.canvas, 0, 0);
}

// Photo and finished drawing at the model's size.
function photoSheet() {
  const whole = { scale: 1, x: 0, y: 0 };
  const [sheet, ink] = [document.createElement('canvas'), document.createElement('canvas')];
  paintInk(emptied(ink, photoSide), photoSide, strokesNow(), whole);
  const target = emptied(sheet, photoSide);
  paintGround(target, photoSide, whole);
  target.drawImage(ink, 0, 0);
  return sheet;
}

const photoAsUrl = () => photoSheet().toDataURL('image/jpeg', 0.92);

// --- a photo comes ----------------------------------------------------------------------------------------------

function placePhoto(bitmap) {
  const from = Math.min(bitmap.width, bitmap.height);
  const copy = document.createElement('canvas');
  copy.width = copy.height = photoSide;
  const target = copy.getContext('2d');
  target.fillStyle = '#fff';
  target.fillRect(0, 0, photoSide, photoSide);
  target.imageSmoothingQuality = 'high';
  target.drawImage(bitmap, (bitmap.width - from) / 2, (bitmap.height - from) / 2, from, from, 0, 0, photoSide, photoSide);
  layPhoto(copy.toDataURL('image/jpeg', 0.92));
  if (Math.max(bitmap.width, bitmap.height) > ASPECT * from) note('The middle of the photo is used: the model sees squares.');
}

function layPhoto(url, example = null) {
  if (gesture) leave(true);
  note('');
  put([], { photo: url, example });
  announce('The photo is on the paper. Undo brings back what was there before.');
}

// --- photos to start from ---------------------------------------------------------------------------------------

function setShelf(photos) {
  shelf = photos;
  find('shelf').replaceChildren(...photos.map(({ id, name, url }) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.title = name;
    button.setAttribute('aria-label', `Start from the example ${name}`);
    button.append(Object.assign(document.createElement('img'), { src: url, alt: '' }));
    button.addEventListener('click', () => layPhoto(url, id));
    return button;
  }));
  find('shelf').hidden = mode !== 'photo' || !shelf.length;
  showExampleButton();
}

function nextPhoto() {
  const now = shelf.findIndex(({ id }) => id === doc.states[doc.now].example);
  const { url, id, name } = shelf[(now + 1) % shelf.length];
  layPhoto(url, id);
  announce(`Example: ${name}`);
}

find('choose').addEventListener('click', () => pick('photo'));

// --- colours ----------------------------------------------------------------------------------------------------

function inkAt([x, y]) {
  const at = (c) => bounded(Math.floor((c * photoSide) / UNITS), 0, photoSide - 1);
  const { data } = photoSheet().getContext('2d').getImageData(at(x), at(y), 1, 1);
  return `#${[...data.slice(0, 3)].map((level) => level.toString(16).padStart(2, '0')).join('')}`;
}

function chooseInk(colour) {
  settings.ink = colour;
  if (settings.tool === 'eraser') settings.tool = 'pen';
  showOwnInk();
  showTool();
}

// The ink of a model that fills holes: wide, and of the hole's colour; null: of one that does not, the ink before.
let inkBefore = null;
function setInk(colour) {
  const { ink, width: { photo } } = settings;
  if (colour) inkBefore ??= [ink, photo.ink];
  else if (!inkBefore) return;
  [settings.ink, photo.ink] = colour ? [colour, HOLE] : inkBefore;
  if (!colour) inkBefore = null;
  showOwnInk();
  showTool();
}

function showOwnInk() {
  const own = find('swatches').querySelector('.own');
  if (!own) return;
  const foreign = !INKS.some(([, colour]) => colour === settings.ink);
  own.classList.toggle('active', foreign);
  own.classList.toggle('unused', !foreign);
  if (foreign) own.querySelector('input').value = settings.ink;
}

function buildInks() {
  const own = document.createElement('label');
  own.className = 'own';
  own.title = 'Any other colour; Pick takes one from the photo';
  own.innerHTML = '<input type="color" aria-label="Any other colour" value="#8899aa">';
  own.firstChild.addEventListener('input', (event) => chooseInk(event.target.value));
  find('swatches').replaceChildren(...INKS.map(([name, colour], index) => {
    const swatch = document.createElement('button');
    swatch.type = 'button';
    Object.assign(swatch.dataset, { ink: colour, index });
    swatch.setAttribute('role', 'radio');
    swatch.setAttribute('aria-label', name);
    swatch.title = `${name}${index < 9 ? `, key ${index + 1}` : ''}`;
    swatch.style.setProperty('--ink', colour);
    swatch.addEventListener('click', () => chooseInk(colour));
    return swatch;
  }), own);
  showOwnInk();
}
