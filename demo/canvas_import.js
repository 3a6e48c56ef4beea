// Pictures from outside: chosen, pasted, dropped or taken. They are shrunk here; the server makes strokes of them.
const LARGEST = 1024;    // side in pixels of what is sent
const HEAVIEST = 40e6;   // bytes of a file
const PATIENCE = 30000;  // ms
const NAMES = { photo: 'photo', sketch: 'sketch', labels: 'label map' };
const NOTHING = 'All of it is background: the paper is empty now. Undo brings back what was there.';
let asked = null;        // the picture that the server is reading: {id, kind, bitmap, again, target, inks}
let asks = 0;
let patience = 0;

function note(words, { alarm = false, action = null, onAction = null } = {}) {
  const place = find('note');
  place.classList.toggle('alarm', alarm);
  place.hidden = !words;
  find('words').textContent = words || '';
  const button = find('switch');
  if (!action && document.activeElement === button) canvas.focus({ preventScroll: true });
  button.hidden = !action;
  button.textContent = action || '';
  button.onclick = onAction;
  if (alarm) place.scrollIntoView({ block: 'nearest' });
}

function shrunk(bitmap, kind) {
  const factor = Math.min(1, LARGEST / Math.max(bitmap.width, bitmap.height));
  const copy = document.createElement('canvas');
  copy.width = Math.max(1, Math.round(bitmap.width * factor));
  copy.height = Math.max(1, Math.round(bitmap.height * factor));
  const target = copy.getContext('2d');
  target.fillStyle = kind === 'labels' ? colours[0] : kind === 'sketch' ? groundOf(bitmap) : '#fff';
  target.fillRect(0, 0, copy.width, copy.height);
  target.imageSmoothingEnabled = kind !== 'labels';      // no third class between two
  target.imageSmoothingQuality = 'high';
  target.drawImage(bitmap, 0, 0, copy.width, copy.height);
  return kind === 'photo' ? copy.toDataURL('image/jpeg', 0.92) : copy.toDataURL();
}

function ask(bitmap, kind, again) {
  asked = { id: `${Date.now()}-${++asks}`, kind, bitmap, again, target: doc, inks: colours };
  note(`Reading the ${NAMES[kind]} …`);
  pad.classList.add('reading');
  clearTimeout(patience);
  const { id } = asked;
  patience = setTimeout(() => arrived({ id, error: 'The server did not answer. Try the picture again.' }), PATIENCE);
  const request = { id, kind, data_url: shrunk(bitmap, kind), mode, palette: colours };
  if (!pad.drawing.onpicture) return trigger('upload', request);
  pad.drawing.onpicture(request).then(arrived, (problem) => arrived({ id, error: problem.message }));
}

// Another model was chosen meanwhile: the strokes wait on the paper that they were meant for.
function layAside({ kind, target, inks }, strokes) {
  const problem = problemWith(strokes, inks);
  if (problem) return note(`This cannot be put on the paper: ${problem}.`, { alarm: true });
  const state = { strokes: settle(strokes), photo: null, example: null };
  target.states = [...target.states.slice(0, target.now + 1), state];
  target.now = target.states.length - 1;
  note(`The ${NAMES[kind]} lies on the paper that it was meant for: choose that model again.`);
}

// What came back: strokes, or words about why there are none.
function arrived({ id, strokes, error, note: words }) {
  const mine = asked && asked.id === id ? asked : null;
  if (!mine && asked && strokes === undefined) return;      // about a picture that nobody waits for any more
  if (mine) {
    clearTimeout(patience);
    pad.classList.remove('reading');
    asked = null;
  }
  if (error) return note(error, { alarm: true });
  if (mine && mine.target !== doc) return layAside(mine, strokes);
  try {
    if (gesture) leave(true);
    load(strokes);
  } catch (problem) {
    return note(problem.message, { alarm: true });
  }
  announce(`${inWords(strokes.length, 'stroke')} on the paper. Undo brings the drawing before back.`);
  const other = mine?.again && (mine.kind === 'photo' ? 'sketch' : 'photo');
  if (other) {
    const onAction = () => { go(doc.now - 1); ask(mine.bitmap, other, true); };      // in its place, not after it
    const said = [`Read as a ${NAMES[mine.kind]}.`, words].filter(Boolean).join(' ');
    note(said, { action: `It is a ${NAMES[other]}`, onAction });
  } else {
    const nothing = mine?.kind === 'labels' && !strokes.length && NOTHING;
    note([nothing, words].filter(Boolean).join(' '));
  }
  window.dispatchEvent(new CustomEvent('drawing-loaded', { detail: { id } }));
}

async function take(file, kind, from) {
  if (!file) return;
  const refuse = (words) => note(words, { alarm: true });
  const name = file.name || 'The file';
  note('');
  try {
    if (await pad.drawing.onfile?.(file, from)) return;
  } catch (problem) {
    return refuse(problem.message);
  }
  // Some systems do not know the type of a picture from elsewhere: then it is tried.
  if (file.type && !file.type.startsWith('image/')) return refuse(`${name} is not a picture. Use a PNG, JPEG or WebP file.`);
  if (file.size > HEAVIEST) return refuse(`${name} has ${Math.round(file.size / 1e6)} MB; at most 40 are read.`);
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return refuse(`${name} could not be read. Save it as PNG or JPEG and try again.`);
  }
  if (mode === 'photo') placePhoto(bitmap);
  else if (mode === 'labels') ask(bitmap, 'labels', false);
  else ask(bitmap, kind || (looksDrawn(bitmap) ? 'sketch' : 'photo'), !kind);
}

const picker = find('picker');
let wanted = 'photo';
function pick(kind) {
  wanted = kind;
  picker.click();
}
picker.addEventListener('change', () => {
  const [file] = picker.files;
  picker.value = '';       // the same file can be chosen again
  take(file, wanted, 'picker');
});

function onPaste(event) {
  if (!element.isConnected) return document.removeEventListener('paste', onPaste);
  if (document.querySelector('dialog[open]')) return;
  const file = [...(event.clipboardData?.files || [])].find((one) => one.type.startsWith('image/'));
  if (!file || event.defaultPrevented) return;
  event.preventDefault();
  take(file, null, 'paste');
}
document.addEventListener('paste', onPaste);

const carriesFile = (event) => [...(event.dataTransfer?.types || [])].includes('Files');
function onDrag(event) {
  if (!element.isConnected) return document.removeEventListener('dragover', onDrag);
  if (!carriesFile(event) || event.defaultPrevented) return;
  event.preventDefault();
  pad.classList.add('dropping');
}
function onDragEnd(event) {
  if (event.type === 'drop' || !event.relatedTarget) pad.classList.remove('dropping');
}
function onDrop(event) {
  if (!element.isConnected) return document.removeEventListener('drop', onDrop);
  onDragEnd(event);
  if (!carriesFile(event) || event.defaultPrevented) return;      // another part of the page took it
  event.preventDefault();
  take(event.dataTransfer.files[0], null, 'drop');
}
document.addEventListener('dragover', onDrag);
document.addEventListener('dragleave', onDragEnd);
document.addEventListener('drop', onDrop);

// --- webcam -----------------------------------------------------------------------------------------------------

const camera = find('camera');
const video = camera.querySelector('video');
let stream = null;

async function openCamera() {
  const refuse = (words) => note(words, { alarm: true });
  note('');
  if (!navigator.mediaDevices?.getUserMedia) {
    return refuse('The browser lends its camera only to https pages and to this computer’s own. Use Photo instead.');
  }
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'user', width: { ideal: LARGEST } } });
  } catch (problem) {
    const words = {
      NotAllowedError: 'The camera was not allowed. Allow it beside the address of the page, or use Photo.',
      NotFoundError: 'There is no camera here. Use Photo instead.',
    };
    return refuse(words[problem.name] || 'The camera could not be opened; another program may be using it.');
  }
  video.srcObject = stream;
  camera.showModal();
  await video.play();
}

function closeCamera() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = video.srcObject = null;
}
camera.addEventListener('close', closeCamera);
camera.querySelector('.take').addEventListener('click', async () => {
  if (!video.videoWidth) return;       // the first picture is still coming
  const bitmap = await createImageBitmap(video);
  camera.close();
  if (mode === 'photo') placePhoto(bitmap);
  else if (mode === 'edges') ask(bitmap, 'photo', false);
});
camera.querySelector('.close').addEventListener('click', () => camera.close());
