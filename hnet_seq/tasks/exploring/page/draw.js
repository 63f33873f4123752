// Elements, numbers and a scale: what every part of the page draws with.

const SVG = "http://www.w3.org/2000/svg";

/** An SVG element with attributes and children; text becomes text, never markup. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

/** The same in HTML. */
export function html(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** A whole number with commas between thousands, whatever the browser's language. */
export function whole(value) {
  return Math.round(value).toLocaleString("en");
}

/** A number with so many decimals; a dash where there is none. */
export function decimal(value, digits) {
  return value === null || value === undefined ? "\u2013" : value.toFixed(digits);
}

/** Multiples of 1, 2 or 5 times a power of ten between two numbers, about `wanted` of them. */
export function roundValues(low, high, wanted) {
  const raw = (high - low) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = Math.max(1, [1, 2, 5, 10].map((m) => m * power).find((x) => x >= 0.7 * raw));
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high; value += step) found.push(value);
  return found;
}

/** One of the six colours of words, by the word alone. */
export function colourOf(word) {
  let hash = 2166136261;
  for (let k = 0; k < word.length; k++) hash = Math.imul(hash ^ word.charCodeAt(k), 16777619);
  return `word-${((hash ^ (hash >>> 15)) >>> 0) % 6 + 1}`;
}

/** Lines of a table with a heading for each column. */
export function table(head, rows) {
  const cell = (kind) => (text, column) =>
    html(kind, { scope: kind === "th" ? "col" : null, class: column ? "number" : null }, `${text}`);
  return html("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": head.join(", ") },
    html("table", {},
      html("thead", {}, html("tr", {}, ...head.map(cell("th")))),
      html("tbody", {}, ...rows.map((row) => html("tr", {}, ...row.map(cell("td")))))));
}
