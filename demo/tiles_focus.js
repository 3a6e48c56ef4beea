// For the keyboard and for those who hear the page. A button that goes, or has nothing to do any more, does not take the focus along.

// The buttons of a row anew. Where one of them had the focus, the button `same(it)` gets it, or the one in its place.
function renewButtons(row, children, same = () => null) {
  const held = row.contains(document.activeElement) ? document.activeElement : null;
  const at = [...row.children].findIndex((one) => one.contains(held));
  row.replaceChildren(...children);
  if (!held) return;
  const next = row.children[Math.min(at, row.children.length - 1)];
  const button = same(held) || (next?.matches('button') ? next : next?.querySelector('button'));
  button?.focus();
}

function setDisabled(button, disabled, neighbour) {
  const held = disabled && document.activeElement === button;
  button.disabled = disabled;
  if (held) neighbour.focus();
}

// What a key has to say: nobody looked at a button beside it.
function bringWords() {
  for (const place of tiles.querySelectorAll('.notice:not([hidden]), .linked:not([hidden])')) {
    place.scrollIntoView({ block: 'nearest', behavior: 'instant' });
  }
}

// Which photos they are: words that are the same again are not said again.
const spokenOf = ({ tiles: shown, model }) => (
  `${photos(shown.length)} of ${model}: ${[...new Set(shown.map(described))].join('; ')}`
);
