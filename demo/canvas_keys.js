// The keyboard. Single keys work wherever nobody is typing; the help dialog lists them and can switch them off.
const LETTERS = {
  p: 'pen', b: 'pen', l: 'line', r: 'rect', f: 'fill', i: 'pick', m: 'mirror', x: 'example', v: 'sees',
  delete: 'clear', backspace: 'clear', '+': 'zoom-in', '=': 'zoom-in', '-': 'zoom-out', '?': 'help',
};

const FIELDS = 'input:not([type="range"]):not([type="checkbox"]):not([type="radio"]):not([type="color"]), textarea, ' +
  'select, [contenteditable], [role="combobox"], [role="listbox"]';
const STEPS = new Set(['[', ']', '+', '=', '-', ',', '.']);      // keys that may be held down

function onLetter(event) {
  const key = event.key.toLowerCase();
  if (key === 'e' && settings.tool !== 'eraser') return chooseTool('eraser');
  if (key === 'e') return erase(settings.erase === 'pixels' ? 'strokes' : 'pixels');
  if (key === '[' || key === ']') return setWidth(nextWidth(key === ']' ? 1 : -1));
  if (key === '0') return zoomTo(1);
  if (palette && (key === ',' || key === '.')) return nextColour(key === '.' ? 1 : -1);
  if (palette && /^[1-9]$/.test(key)) return chooseColour(Number(key) - 1);
  if (mode === 'photo' && INKS[key - 1]) return chooseInk(INKS[key - 1][1]);
  const button = buttons[LETTERS[key]];
  if (!button || button.hidden || button.disabled) return false;
  button.click();
  return true;
}

function nextWidth(way) {
  const [least, , step] = WIDTHS[mode][widthKind()];
  const width = settings.width[mode][widthKind()];
  return Math.round((width + way * Math.max(step, width * 0.2)) / step) * step || least;
}

function onKey(event) {
  if (!element.isConnected) return document.removeEventListener('keydown', onKey);
  const open = document.querySelector('dialog[open]');
  if (event.defaultPrevented || (open && open !== help)) return;
  const field = event.target.closest?.(FIELDS);
  if (field && field.tagName !== 'SELECT') return;       // typing has its own undo
  const key = event.key.toLowerCase();
  if (event.key === 'Escape' && gesture) return leave(false);
  if ((event.ctrlKey || event.metaKey) && !event.altKey) {
    if (key !== 'z' && key !== 'y') return;
    event.preventDefault();
    return go(key === 'y' || event.shiftKey ? doc.now + 1 : doc.now - 1);
  }
  if (event.altKey || event.ctrlKey || event.metaKey || !settings.letters || gesture) return;
  if (field || (help.open && key !== '?')) return;       // letters choose from a menu
  if ((key === 'delete' || key === 'backspace') && event.target.type === 'range') return;
  if (key === ' ' && !event.target.closest?.('button, [type="color"]')) {      // those it presses
    event.preventDefault();
    space = true;
    return showRing();
  }
  if (event.repeat && !STEPS.has(key)) return;
  if (onLetter(event) !== false) event.preventDefault();
}
document.addEventListener('keydown', onKey);
function onKeyUp(event) {
  if (!element.isConnected) return document.removeEventListener('keyup', onKeyUp);
  if (event.key !== ' ' || !space) return;
  space = false;
  showRing();
}
document.addEventListener('keyup', onKeyUp);
window.addEventListener('blur', () => { space = false; });
