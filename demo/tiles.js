// Four tiles. Gradio runs this once, with `element`, `props` and `watch` in scope.
const tiles = element.querySelector('.tiles');
const images = [...tiles.querySelectorAll('img')];
const find = (name) => tiles.querySelector('.' + name);
let latest = 0;

function words(value) {
  const time = value.ms < 1000 ? `${Math.round(value.ms)} ms` : `${(value.ms / 1000).toFixed(1)} s`;
  return `${value.images.length} photos in ${time}`;
}

async function show() {
  const value = props.value || { state: 'empty', message: '' };
  const turn = ++latest;
  if (value.state === 'pictures') {
    // Decoded before they are shown: the old pictures stay until the new ones can replace all at once.
    await Promise.all(value.images.map((url) => {
      const picture = new Image();
      picture.src = url;
      return picture.decode().catch(() => undefined);
    }));
    if (turn !== latest) return;
    images.forEach((image, i) => {
      image.hidden = !value.images[i];
      if (value.images[i]) image.src = value.images[i];
      image.alt = image.title = value.images[i] ? `Photo with seed ${value.seeds[i]}` : '';
    });
  }
  tiles.dataset.state = value.state;
  tiles.dataset.drawing = value.drawing ?? '';
  tiles.dataset.seeds = (value.seeds || []).join(' ');
  find('status').textContent = value.state === 'pictures' ? words(value) : '';
  find('problem').textContent = value.state === 'error' ? value.message : '';
  find('invite').textContent = value.state === 'empty' ? value.message : '';
  if (value.state === 'empty') for (const image of images) { image.hidden = true; image.removeAttribute('src'); }
  tiles.classList.remove('busy');
}

window.addEventListener('drawing-sent', () => tiles.classList.add('busy'));
watch('value', show);
show();
