// Which seed New samples shows next. The server names an order for some models (`handlers.model_facts`).
// The order of a model's seeds: those that it names, then all that are higher than these; all, where it names none.
const lastNamed = ({ next }) => Math.max(-1, ...next);
const seedAt = (place) => page.model.next[place] ?? place - page.model.next.length + lastNamed(page.model) + 1;
const placeOf = (seed) => {
  const { next } = page.model;
  return next.includes(seed) ? next.indexOf(seed) : seed > lastNamed(page.model) ? seed - lastNamed(page.model) - 1 + next.length : -1;
};

function freshSeed() {
  const there = [...page.model.first, ...page.model.passed, ...page.tiles.map(({ seed }) => seed)];
  const { name } = page.model;
  let seed;
  do {
    const place = page.fresh[name] ?? 0;
    seed = seedAt(seedAt(place) > LARGEST_SEED ? 0 : place);
    page.fresh[name] = placeOf(seed) + 1;
  } while (there.includes(seed));
  return seed;
}

// New samples go on behind these.
function noteSeeds(coming) {
  const { name } = page.model;
  page.fresh[name] = Math.max(page.fresh[name] ?? 0, ...coming.map(({ seed }) => (seed === undefined ? 0 : placeOf(seed) + 1)));
}
