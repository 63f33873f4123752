// Questions to the page's server. What is asked later of one slot takes the place of what waits.

const PAGE = `${Math.random()}`.slice(2); // of two windows neither takes the other's answers
const waiting = new Map();

/** A superseded question: nobody wants its answer. */
export class Dropped extends Error {}

/** Ask, and get the answer's values; an Error has the server's line. */
export async function ask(path, slot, values, isRegion = true) {
  const answer = await send(path, slot, values, isRegion);
  try {
    return await answer.json();
  } catch (error) {
    throw wrong(error);
  }
}

/** A question about a region, whole: the server takes no other keys, and all of these. */
export function wanted({ model, strand, record = null, start = null, end = null, pasted = null }) {
  return { model, strand, record, start, end, pasted };
}

/** Ask for a map: `tell` hears of progress; gives the map. */
export async function askMap(values, tell) {
  const answer = await send("/api/map", "map", { ...values });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    let next;
    try {
      next = await reader.read();
    } catch (error) {
      throw wrong(error);
    }
    if (next.done) throw new Error("the server ended before the map was done");
    const lines = (rest + next.value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const said = JSON.parse(line);
      if (said.error) throw new Error(said.error);
      if (said.map) return said.map;
      tell(said.done / said.of);
    }
  }
}

export function stop(slot) {
  waiting.get(slot)?.abort();
}

/** The page in one file, of these regions. */
export async function savedPage(regions) {
  return (await send("/api/save", "save", { regions }, false)).blob();
}

async function send(path, slot, values, isRegion = true) {
  stop(slot);
  const abort = new AbortController();
  waiting.set(slot, abort);
  let answer;
  try {
    answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(isRegion ? { slot: `${PAGE} ${slot}`, ...values } : values),
      signal: abort.signal,
      credentials: "same-origin",
    });
  } catch (error) {
    throw wrong(error);
  }
  if (answer.ok) return answer;
  const { error } = await answer.json().catch(() => ({ error: `the server answered ${answer.status}` }));
  throw answer.status === 409 ? new Dropped(error) : new Error(error);
}

function wrong(error) {
  if (error.name === "AbortError") return new Dropped("stopped");
  return error instanceof TypeError ? new Error("the server does not answer; was it stopped?") : error;
}
