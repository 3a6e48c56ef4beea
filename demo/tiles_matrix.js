// The matrix: every source in the style of every reference, as one picture.
const MOST_SOURCES = 6;
const ROWS = 4;              // where fewer photos were on the paper, examples of the model join them
const COLUMNS_FEW = 4;

// What is on the paper, then what was there before, then examples; each photo once.
function matrixSources() {
  const key = ({ photo, strokes }) => photo || JSON.stringify(strokes);
  const sources = new Map([[key(page), { strokes: page.strokes, photo: page.photo }]]);
  const add = (one) => { if (!sources.has(key(one))) sources.set(key(one), one); };
  if (needed().mode === 'photo') {
    for (const { state: { photo, strokes } } of past) if (photo && sources.size < MOST_SOURCES) add({ strokes, photo });
    for (const { url } of examplePhotos) if (sources.size < ROWS) add({ strokes: [], photo: url });
  } else {
    for (const { state } of past) if (state.model === page.model.name && sources.size < ROWS) add({ strokes: state.strokes, photo: null });
  }
  return [...sources.values()].map(({ strokes, photo }) => ({ strokes, ...(photo && { photo }) }));
}

// The strip's own photos; where they are few, an example of each domain joins them.
function matrixReferences() {
  const chosen = ownReferences().map(({ thumb, domain }) => ({ photo: thumb, ...(domain && { domain }) }));
  for (let nth = 0; nth < 2; nth++) {
    for (const name of page.model.domains) {
      const { url } = examplePhotos.filter(({ side }) => side === name)[nth] || {};
      if (url && chosen.length < COLUMNS_FEW && !chosen.some(({ photo }) => photo === url)) chosen.push({ photo: url, domain: name });
    }
  }
  return chosen.slice(0, MOST_REFERENCES);
}

function showMatrix() {
  if (isEmpty()) return notice(FIRST_PLEASE());
  const [sources, list] = [matrixSources(), matrixReferences()];
  if (!list.length) return notice('Add a photo with “Style from photo…” first: it becomes a column.');
  find('.replay .kinds').hidden = true;
  const rows = needed().mode === 'photo' ? 'what was on the paper' : 'the drawings';
  return showMade({
    title: 'Matrix', words: `Making ${sources.length} × ${list.length} photos …`, saving: 'Save as PNG', type: 'image/png',
    alt: 'Sources on the left, references on top, and every source in the style of every reference',
    told: `On top photos that lend their style, on the left ${rows}.`, name: fileName('matrix-', 'png'),
  }, async () => ({ data: (await tool('matrix', { model: page.model.name, sources, references: list })).png }));
}
