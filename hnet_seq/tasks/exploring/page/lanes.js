// The track: a ruler, arrows of genes, and of each reading its chunks, probabilities and bits.

import { colourOf, decimal, html, roundValues, svg, whole } from "explore/draw.js";

const LEFT = 34, RIGHT = 6;
const RULER = 26, ARROW = 19, WORD = 20, INNER_WORD = 12, PROBABILITY = 58, INNER = 30, BITS = 44, GAP = 8;
const LETTERED = 8; // pixels that a letter needs
const BIN = 4; // pixels of places that are too dense for bars of their own

/** How places lie on a width of pixels. */
export class Scale {
  constructor(view, width) {
    this.start = view.start;
    this.left = LEFT;
    this.right = width - RIGHT;
    this.pixels = (this.right - LEFT) / view.span;
  }

  x(place) { return LEFT + (place - this.start) * this.pixels; }

  place(x) { return this.start + (x - LEFT) / this.pixels; }
}

/** Draw all into a box; gives the scale. */
export function drawTrack(box, view, shown, { bits }) {
  const width = Math.max(box.clientWidth, 120);
  const scale = new Scale(view, width);
  const parts = [ruler(view, scale, width)];
  for (const lane of shown) parts.push(title(lane, shown[0]), drawLane(lane, view, scale, width, bits));
  box.replaceChildren(...parts);
  box.setAttribute("aria-label", `Track of ${view.region.record}, ${whole(view.start + 1)} to ${whole(view.end)}`);
  drawCursor(box, view, scale);
  return scale;
}

/** A line at the place that is looked at. */
export function drawCursor(box, view, scale) {
  for (const line of box.querySelectorAll(".cursor")) line.remove();
  if (view.cursor === null) return;
  const x = scale.x(view.cursor + 0.5);
  if (x < LEFT || x > scale.right) return;
  for (const picture of box.querySelectorAll("svg")) {
    const height = picture.viewBox.baseVal.height;
    picture.append(svg("line", { class: "cursor", x1: x, x2: x, y1: 0, y2: height }));
  }
}

function picture(width, height, label, ...children) {
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label },
    ...children);
}

function ruler(view, scale, width) {
  const { region } = view;
  const rows = lanesOf(region.arrows);
  const parts = [];
  const count = Math.max(2, Math.floor((scale.right - LEFT) / 100));
  for (const value of roundValues(view.start + 1, view.end, count)) {
    const x = scale.x(value - 0.5);
    const room = 4 * whole(value).length + 4;
    parts.push(svg("line", { class: "axis", x1: x, x2: x, y1: RULER - 6, y2: RULER }));
    parts.push(svg("text", { class: "tick", x: Math.min(Math.max(x, room), width - room), y: RULER - 10, "text-anchor": "middle" },
      whole(value)));
  }
  parts.push(svg("line", { class: "axis", x1: LEFT, x2: scale.right, y1: RULER, y2: RULER }));
  for (const [arrow, row] of rows) parts.push(...drawArrow(arrow, scale, RULER + 6 + row * ARROW));
  const count_ = rows.size ? Math.max(...rows.values()) + 1 : 0;
  const names = region.arrows.map((arrow) => `${arrow.name} (${arrow.strand})`).join(", ");
  return picture(width, RULER + 6 + count_ * ARROW, names ? `Positions, and ${names}` : "Positions", ...parts);
}

/** Rows of arrows of which none lies on another. */
function lanesOf(arrows) {
  const ends = [], found = new Map();
  for (const arrow of arrows) {
    let row = ends.findIndex((end) => end <= arrow.start);
    if (row < 0) row = ends.length;
    ends[row] = arrow.end;
    found.set(arrow, row);
  }
  return found;
}

function drawArrow(arrow, scale, y) {
  const left = Math.max(scale.x(arrow.start), LEFT), right = Math.min(scale.x(arrow.end), scale.right);
  if (right <= left) return [];
  const low = y + 14, middle = y + 7, head = Math.min(8, right - left);
  const ends = { "+": scale.x(arrow.end) <= scale.right, "-": scale.x(arrow.start) >= LEFT }[arrow.strand];
  let corners = [[left, y], [right, y], [right, low], [left, low]];
  if (ends && arrow.strand === "+") corners = [[left, y], [right - head, y], [right, middle], [right - head, low], [left, low]];
  if (ends && arrow.strand === "-") corners = [[right, y], [left + head, y], [left, middle], [left + head, low], [right, low]];
  const kind = arrow.type !== "CDS" ? "arrow-other" : arrow.strand === "-" ? "gene-minus" : "gene-plus";
  const tip = `${arrow.name}, ${arrow.type}, ${whole(arrow.start + 1)} to ${whole(arrow.end)}, ${arrow.strand} strand`;
  const parts = [svg("polygon", { class: kind, points: corners.map((c) => c.join(",")).join(" ") }, svg("title", {}, tip))];
  const label = arrow.type === "CDS" ? arrow.name : `${arrow.name} (${arrow.type})`;
  if (label.length * 6.6 < right - left - 14) {
    parts.push(svg("text", { class: "gene-name", x: (left + right) / 2, y: low - 3, "text-anchor": "middle" }, label));
  }
  return parts;
}

function title(lane, first) {
  const size = lane.region.size;
  const unit = lane.region.unit;
  const counts = lane.content.stages.map((_, stage) => {
    const count = lane.edges(stage).length;
    const mean = count ? `, ${decimal(size / count, 2)} ${unit}s each` : "";
    return lane.stages > 1 ? `stage ${stage}: ${whole(count)} cuts${mean}` : `${whole(count)} cuts${mean}`;
  });
  if (lane !== first) {
    const { own, both } = lane.shared(first);
    counts.push(`${whole(both)} of ${whole(own)} ${lane.stages > 1 ? "of stage 0 " : ""}where the first reading cuts`);
  }
  return html("p", { class: "lane-title" }, html("strong", {}, lane.name), `: ${counts.join("; ")}`);
}

function drawLane(lane, view, scale, width, withBits) {
  const parts = [];
  const [first, last] = view.seen();
  let y = 2;
  for (let stage = 0; stage < lane.stages; stage++) {
    const height = stage ? INNER_WORD : WORD;
    parts.push(...drawWords(lane, stage, scale, y, height, stage === 0));
    y += height + 2;
  }
  y += 4;
  for (let stage = 0; stage < lane.stages; stage++) {
    const height = stage ? INNER : PROBABILITY;
    parts.push(...drawProbabilities(lane, stage, first, last, scale, y, height));
    y += height + GAP;
  }
  if (withBits && lane.content.bits) {
    parts.push(...drawBits(lane, first, last, scale, y));
    y += BITS + GAP;
  }
  const label = `${lane.name}: chunks and boundary probabilities of ${lane.stages} stage${lane.stages > 1 ? "s" : ""}`;
  return picture(width, y, label, ...parts);
}

/** Chunks as bars in the colours of their words; a path for each colour. */
function drawWords(lane, stage, scale, y, height, withLetters) {
  const paths = new Map(), gaps = [], letters = [];
  const isLettered = withLetters && scale.pixels >= LETTERED;
  for (const chunk of lane.chunks(stage)) {
    const left = Math.max(scale.x(chunk.start), LEFT), right = Math.min(scale.x(chunk.end), scale.right);
    if (right <= left) continue;
    const colour = colourOf(chunk.key);
    const path = `M${left.toFixed(1)} ${y}H${right.toFixed(1)}V${y + height}H${left.toFixed(1)}Z`;
    paths.set(colour, (paths.get(colour) ?? "") + path);
    if (left > LEFT && (right - left > 2 || scale.pixels > 1)) gaps.push(`M${left.toFixed(1)} ${y}v${height}`);
    if (!isLettered) continue;
    for (let place = chunk.start; place < chunk.end; place++) {
      const x = scale.x(place + 0.5);
      if (x >= LEFT && x <= scale.right) {
        letters.push(svg("text", { class: "base", x: x.toFixed(1), y: y + 14, "text-anchor": "middle" }, lane.letter(place)));
      }
    }
  }
  const filled = [...paths].map(([colour, d]) => svg("path", { class: colour, d, stroke: "none" }));
  return [...filled, svg("path", { class: "gap", d: gaps.join(""), style: "stroke-width:1.5" }), ...letters];
}

function axis(scale, y, height, low, high) {
  return [
    svg("line", { class: "grid", x1: LEFT, x2: scale.right, y1: y, y2: y }),
    svg("line", { class: "grid", x1: LEFT, x2: scale.right, y1: y + height, y2: y + height }),
    svg("text", { class: "tick", x: LEFT - 5, y: y + 9, "text-anchor": "end" }, high),
    svg("text", { class: "tick", x: LEFT - 5, y: y + height, "text-anchor": "end" }, low),
  ];
}

/**
 * Values of places as bars: [x, mean of them, whether any is chosen], one a place; where a place has
 * less than a pixel and a half, one for several.
 */
function binned(places, scale, value, isChosen) {
  const dense = scale.pixels < 1.5, found = new Map();
  for (const place of places) {
    const own = value(place), x = scale.x(place + 0.5);
    if (own === null || own === undefined || x < LEFT || x > scale.right) continue;
    const at = dense ? BIN * Math.floor(x / BIN) + BIN / 2 : x.toFixed(1);
    const bin = found.get(at) ?? { sum: 0, count: 0, chosen: false };
    bin.sum += own;
    bin.count += 1;
    bin.chosen ||= isChosen(place);
    found.set(at, bin);
  }
  return {
    width: dense ? BIN - 1 : Math.min(Math.max(scale.pixels * 0.55, 1), 5),
    dense,
    bars: [...found].map(([x, { sum, count, chosen }]) => [x, sum / count, chosen]),
  };
}

function range(first, last) {
  return Array.from({ length: Math.max(last - first, 0) }, (_, k) => first + k);
}

function drawProbabilities(lane, stage, first, last, scale, y, height) {
  const looked = lane.looked[stage];
  // A chunk that is read from the right begins at the place left of its edge.
  const begins = new Set(lane.content.stages[stage].boundaries.map((index) => lane.place(index)));
  const found = binned(range(first, last), scale, (place) => looked.get(place), (place) => begins.has(place));
  const path = (isChosen) => found.bars.filter(([, , chosen]) => chosen === isChosen)
    .map(([x, value]) => `M${x} ${y + height}V${(y + height * (1 - value)).toFixed(1)}`).join("");
  const bars = (kind, d) => svg("path", { class: kind, fill: "none", style: `stroke-width:${found.width}`, d });
  return [
    ...axis(scale, y, height, "0", "1"),
    bars(found.dense ? "prob dense" : "prob", path(false)),
    bars(found.dense ? "prob dense" : "prob chosen", path(true)),
    ...(stage ? [svg("text", { class: "tick", x: LEFT - 5, y: y + height / 2 + 4, "text-anchor": "end" }, `s${stage}`)] : []),
  ];
}

/** Bits of each place, from those of chance: downwards what the model expects. */
function drawBits(lane, first, last, scale, y) {
  const [chance, most] = lane.region.isDna ? [2, 4] : [8, 16];
  const found = binned(range(first, last), scale, (place) => lane.bits(place), () => false);
  const high = (value) => (y + BITS * (1 - Math.min(value / most, 1))).toFixed(1);
  const path = (isAbove) => found.bars.filter(([, value]) => value > chance === isAbove)
    .map(([x, value]) => `M${x} ${high(chance)}V${high(value)}`).join("");
  return [
    ...axis(scale, y, BITS, "0", `${most} b`),
    ...[[true, "bits above"], [false, "bits"]].map(([isAbove, kind]) =>
      svg("path", { class: kind, fill: "none", style: `stroke-width:${found.width}`, d: path(isAbove) })),
    svg("line", { class: "even", x1: LEFT, x2: scale.right, y1: high(chance), y2: high(chance) }),
  ];
}
