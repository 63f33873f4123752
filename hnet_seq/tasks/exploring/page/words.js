// The chunks that are seen as text in colours, and as a table.

import { colourOf, decimal, html, table, whole } from "explore/draw.js";
import { visible } from "explore/region.js";

const MOST = 4000, MOST_ROWS = 400;

/** Draw the chunks of a stage that are seen; a click looks at one. */
export function drawWords(box, about, view, lane, stage) {
  const [first, last] = view.seen();
  const { region } = view;
  if (last - first > MOST) {
    about.textContent = `Words are shown of ${whole(MOST)} ${region.unit}s at most: zoom in.`;
    box.replaceChildren();
    return;
  }
  let chunks = lane.chunks(stage).filter((chunk) => chunk.start < last && chunk.end > first);
  if (lane.isReverse) chunks = chunks.reverse();
  const outer = stage + 1 < lane.stages ? new Set(lane.chunks(stage + 1).map((c) => (lane.isReverse ? c.end : c.start))) : new Set();
  box.replaceChildren(...chunks.map((chunk) => {
    const begins = lane.isReverse ? chunk.end : chunk.start;
    const classes = [colourOf(chunk.key), ...(outer.has(begins) ? ["outer"] : [])];
    const word = html("span", { class: classes.join(" "), title: said(chunk, region) }, region.isDna ? chunk.word : breakable(chunk.word));
    word.dataset.start = chunk.start;
    word.dataset.end = chunk.end;
    word.dataset.key = chunk.key;
    return word;
  }));
  const direction = lane.isReverse ? ", read from the right end" : "";
  const inner = outer.size ? `; a line stands where stage ${stage + 1} begins a chunk` : "";
  about.textContent = `${whole(chunks.length)} chunks of ${whole(first + 1)} to ${whole(last)}${direction}${inner}.`;
}

/** Mark the chunk at the place that is looked at, and the same word elsewhere. */
export function markWords(box, view) {
  const place = view.cursor;
  let word = null;
  for (const own of box.children) {
    own.className = own.className.replace(/ (here|same)/g, "");
    if (place !== null && place >= +own.dataset.start && place < +own.dataset.end) word = own;
  }
  if (!word) return;
  for (const own of box.children) if (own.dataset.key === word.dataset.key) own.className += own === word ? " here" : " same";
}

/** The same as numbers. */
export function drawNumbers(box, view, lane, stage) {
  const [first, last] = view.seen();
  const chunks = lane.chunks(stage).filter((chunk) => chunk.start < last && chunk.end > first);
  const rows = chunks.slice(0, MOST_ROWS).map((chunk) =>
    [visible(chunk.word), whole(chunk.start + 1), whole(chunk.end), chunk.end - chunk.start, decimal(chunk.probability, 3)]);
  const more = chunks.length > MOST_ROWS ? html("p", { class: "caption" }, `The first ${MOST_ROWS} of ${whole(chunks.length)}; copy all as BED.`) : "";
  box.replaceChildren(table(["chunk", "first", "last", `${view.region.unit}s`, "probability"], rows), more);
}

function said(chunk, region) {
  return `${visible(chunk.word)}: ${whole(chunk.start + 1)} to ${whole(chunk.end)}, probability ${decimal(chunk.probability, 3)}`
    + (region.isDna ? "" : `, ${chunk.end - chunk.start} bytes`);
}

/** Ends of lines can be seen, and break the line. */
function breakable(word) {
  return visible(word).replaceAll("\u21b5", "\u21b5\n").replaceAll("\u00b7", " ");
}
