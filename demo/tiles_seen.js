// The photos that one sees, and what is wanted in their places: New samples fills places anew at once, and the answer
// comes later. Whoever locks a photo, multiplies or mixes it means the one that he sees.

const alike = (one, other) => JSON.stringify(bare(one)) === JSON.stringify(bare(other));

// Puts the photo that one sees in a place back there; true where another one was wanted in it by now. A locked one stays.
function takeSeen(index, answer = page.shown) {
  if (answer?.model !== page.model.name || !answer.tiles[index]) return false;
  const { length } = page.tiles;
  page.tiles.push(...answer.tiles.slice(length, index + 1).map(bare));      // there are fewer by now
  if (index >= length) return true;
  if (page.tiles[index].locked || alike(page.tiles[index], answer.tiles[index])) return false;
  page.tiles[index] = bare(answer.tiles[index]);
  return true;
}

// The tiles of an answer, but for photos that were locked while it was on its way: it was asked for others in their
// places, and they stay in sight.
function besideLocked(answer, wanted) {
  return answer.tiles.map((tile, k) => {
    const [mine, seen] = [page.tiles[k], page.shown?.tiles[k]];
    const stays = mine?.locked && seen && page.shown.model === answer.model && alike(mine, seen) && !alike(mine, wanted[k]);
    return stays ? seen : tile;
  });
}
