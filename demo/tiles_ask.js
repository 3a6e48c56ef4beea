// Asking the server. Gradio runs the tiles_*.js files once, as one function with `element`, `props`, `trigger` and
// `watch` in scope; tiles.py puts them together, tiles.js last.
const SILENCE = 20000;   // ms without a word from the server after which it counts as lost
const RANDOM = 12;       // bytes of a session's name

// Nobody can ask under another's name without knowing it, and it is never shown or stored.
const session = Array.from(crypto.getRandomValues(new Uint8Array(RANDOM)), (byte) => byte.toString(16).padStart(2, '0')).join('');

class Lost extends Error {}

// A plain route, relative to the page: behind a proxy or a tunnel it is found where the page is.
async function post(path, body, signal) {
  let response;
  try {
    response = await fetch(`i2i/${path}`, {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body), signal,
    });
  } catch {
    throw new Lost('The server cannot be reached.');
  }
  if (response.ok || response.status === 400 || response.status === 413) return response;
  throw new Lost(`The server answers with an error (${response.status}).`);
}

// One answer: calls onPlace(number) while others come first, gives the last message. Throws Lost.
async function askRoute(request, onPlace) {
  const silence = new AbortController();
  let timer = 0;
  const heard = () => { clearTimeout(timer); timer = setTimeout(() => silence.abort(), SILENCE); };
  heard();
  try {
    const response = await post('answer', request, silence.signal);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    let message = null;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      heard();
      text += value;
      const lines = text.split('\n');
      text = lines.pop();
      for (const line of lines) {
        message = JSON.parse(line);
        if (message.state === 'waiting') onPlace(message.place);
      }
    }
    if (text.trim()) message = JSON.parse(text);
    if (!message || message.state === 'waiting' || message.state === 'working') throw new Lost('The answer broke off.');
    return message;
  } catch (problem) {
    throw problem instanceof Lost ? problem : new Lost('The server does not answer.');
  } finally {
    clearTimeout(timer);
  }
}

// ZeroGPU knows whose minutes are used only in Gradio's own queue: there a request travels as the component's value.
let settled = null;
function throughQueue(request) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => { settled = null; reject(new Lost('The server does not answer.')); }, 6 * SILENCE);
    settled = (message) => { clearTimeout(timer); settled = null; resolve(message); };
    props.value = { ...request, asks: true };
    trigger('input');
  });
}

// One after the other: the one value is a request, and then its answer; a mixture's request would take the place of the
// page's, and its answer with it.
let queue = Promise.resolve();
function askQueue(request) {
  const answer = queue.then(() => throughQueue(request));
  queue = answer.catch(() => undefined);
  return answer;
}
watch('value', () => { if (props.value && !props.value.asks) settled?.(props.value); });

const ask = (request, onPlace = () => {}) => (props.live === false ? askQueue(request) : askRoute(request, onPlace));

// A tool of the server: its answer, or an Error in words.
async function tool(name, request) {
  let answer;
  try {
    answer = await (await post(name, { session, ...request })).json();
  } catch (problem) {
    throw problem instanceof Lost ? problem : new Lost('The answer broke off.');
  }
  serverAnswered();
  if (answer.state === 'error') throw new Error(answer.message);
  return answer;
}

const bytesOf = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
