// Is a picture from outside lines on paper, or a photo? Told from a small copy; the note has a button against mistakes.
// Real photos must not pass for drawings, so coloured-in drawings with shading may be taken for photos.
const CLEAR = 0.05, BRIGHT = 200;      // share of clear pixels, and mean level of the others: white ink without paper
const LOOK = 192, PATCH = 12;          // sides in pixels of the copy, and of its patches, whose medians are paper
// The inside of things on clean paper: levels from it, share of pixels, range around a pixel, share of a shade.
const OF_PAPER = 20, SOLID = 0.006, EVEN = 4, ALIKE = 0.88;
// On paper in uneven light, in shares of the light: steps from patch to patch, ink and highlights, noise.
const JUMP = 0.12, JUMPS = 0.08, MARK = 0.08, NOISE = 0.035, LIGHT = 0.02, THICK = 0.12, TINT = 0.2, TINTED = 0.02;
const LEAST_INK = 0.004, MOST_INK = 0.25;

function copyOf(bitmap, side, ground) {
  const small = document.createElement('canvas');
  small.width = small.height = side;
  const target = small.getContext('2d');
  if (ground) {
    target.fillStyle = ground;
    target.fillRect(0, 0, side, side);
  }
  target.imageSmoothingQuality = 'high';       // lines of a pixel stay, fainter
  target.drawImage(bitmap, 0, 0, side, side);
  return target.getImageData(0, 0, side, side).data;
}

// What lies under clear pixels: paper, or a blackboard where all the rest is nearly white.
function groundOf(bitmap) {
  const side = 96;
  const data = copyOf(bitmap, side);
  let clear = 0, seen = 0, levels = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] < 128) { clear++; continue; }
    seen++;
    levels += (data[i] + data[i + 1] + data[i + 2]) / 3;
  }
  return clear > CLEAR * side * side && levels > BRIGHT * seen && seen ? '#000' : '#fff';
}

const median = (values) => values.sort()[values.length >> 1];      // of typed arrays, which sort by value
const countOf = (mask) => mask.reduce((sum, one) => sum + one, 0);

// The pixels of a mask whose neighbours up to `reach` away are all in it.
function insideOf(mask, reach) {
  const inside = new Uint8Array(mask.length);
  for (let y = reach; y < LOOK - reach; y++) {
    for (let x = reach; x < LOOK - reach; x++) {
      let all = 1;
      for (let dy = -reach; all && dy <= reach; dy++) {
        for (let dx = -reach; all && dx <= reach; dx++) all = mask[(y + dy) * LOOK + x + dx];
      }
      inside[y * LOOK + x] = all;
    }
  }
  return inside;
}

// The commonest shade, as its eighth part, and how many levels are of it or next to it.
function commonest(levels) {
  const shades = new Uint32Array(32);
  levels.forEach((level) => shades[level / 8 | 0]++);
  const around = [...shades].map((one, i) => one + (shades[i + 1] || 0) + (shades[i - 1] || 0));
  const most = Math.max(...around);
  return [around.indexOf(most), most];
}

// Paper of one shade: most of the picture has it, and hardly any of it is coloured. null where there is none.
function cleanPaper(data, grey) {
  const [shade, most] = commonest(grey);
  const coloured = grey.reduce((sum, _, k) => sum + (chroma(data, 4 * k) > 40), 0);
  if (most <= 0.6 * grey.length || coloured >= 0.1 * grey.length) return null;
  return median(grey.filter((level) => Math.abs((level / 8 | 0) - shade) < 2));
}

const chroma = (data, i) => Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]);

// Things of many shades stand on the paper, as a photographed shoe or bag does; ink, also as an area, is even.
function showsThings(grey, paper) {
  const inside = insideOf(Uint8Array.from(grey, (level) => Math.abs(level - paper) > OF_PAPER), 3);
  const ranges = new Float32Array(countOf(inside));
  let n = 0;
  inside.forEach((is, k) => {
    if (!is) return;
    const near = [-LOOK - 1, -LOOK, -LOOK + 1, -1, 0, 1, LOOK - 1, LOOK, LOOK + 1].map((step) => grey[k + step]);
    ranges[n++] = Math.max(...near) - Math.min(...near);
  });
  const [, alike] = commonest(grey.filter((_, k) => inside[k]));
  return n > SOLID * grey.length && alike < ALIKE * n && median(ranges) > EVEN;
}

// Pencil on paper in uneven light: the light changes slowly, what differs from it is dark and thin, and nothing shines.
function onShadedPaper(data, grey) {
  const n = LOOK / PATCH;
  const patches = new Float32Array(n * n).map((_, p) => {
    const values = new Float32Array(PATCH * PATCH);
    const from = (p / n | 0) * PATCH * LOOK + (p % n) * PATCH;
    for (let i = 0; i < values.length; i++) values[i] = grey[from + (i / PATCH | 0) * LOOK + (i % PATCH)];
    return Math.max(1, median(values));
  });
  const at = (y, x) => patches[bounded(y, 0, n - 1) * n + bounded(x, 0, n - 1)];
  const steps = [];
  const calm = patches.map((here, p) => {
    const [y, x] = [p / n | 0, p % n];
    if (x) steps.push(Math.abs(here - at(y, x - 1)) / Math.max(here, at(y, x - 1)));
    if (y) steps.push(Math.abs(here - at(y - 1, x)) / Math.max(here, at(y - 1, x)));
    return median(Float32Array.from([-1, 0, 1].flatMap((dy) => [-1, 0, 1].map((dx) => at(y + dy, x + dx)))));
  });
  if (steps.filter((step) => step > JUMP).length > JUMPS * steps.length) return false;
  const light = (k) => {
    const [y, x] = [(k / LOOK | 0) + 0.5, (k % LOOK) + 0.5].map((c) => bounded(c / PATCH - 0.5, 0, n - 1));
    const [top, left] = [Math.min(y | 0, n - 2), Math.min(x | 0, n - 2)];
    const row = (r) => calm[r * n + left] * (left + 1 - x) + calm[r * n + left + 1] * (x - left);
    return row(top) * (top + 1 - y) + row(top + 1) * (y - top);
  };
  const paper = Float32Array.from(grey, (_, k) => light(k));
  const share = grey.map((level, k) => level / paper[k]);
  const whole = median(share.slice());
  const noise = 1.48 * median(share.map((one) => Math.abs(one - whole)));
  const least = Math.max(MARK, 4 * noise);
  const ink = Uint8Array.from(share, (one) => one < 1 - least);
  const inked = countOf(ink);
  const tints = [0, 1, 2].map((c) => grey.map((_, k) => data[4 * k + c] / paper[k]));
  const usual = tints.map((tint) => median(tint.slice()));
  const tinted = grey.reduce((sum, _, k) => {
    const off = tints.map((tint, c) => tint[k] - usual[c]);
    return sum + (Math.max(...off) - Math.min(...off) > TINT);
  }, 0);
  return noise < NOISE && countOf(share.map((one) => one > 1 + least)) < LIGHT * grey.length
    && inked > LEAST_INK * grey.length && inked < MOST_INK * grey.length
    && countOf(insideOf(ink, 2)) < THICK * inked && tinted < TINTED * grey.length;
}

function looksDrawn(bitmap) {
  const data = copyOf(bitmap, LOOK, groundOf(bitmap));
  const grey = new Float32Array(LOOK * LOOK).map((_, k) => (data[4 * k] + data[4 * k + 1] + data[4 * k + 2]) / 3);
  const paper = cleanPaper(data, grey);
  return paper === null ? onShadedPaper(data, grey) : !showsThings(grey, paper);
}
