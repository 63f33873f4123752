// The numbers of the place that is looked at, in words; screen readers say them.

import { decimal, whole } from "explore/draw.js";
import { visible } from "explore/region.js";

const UNSAID = "Point at the track, or tap it, for the numbers of a place.";

/** Say what is known of the place; what is said already is not said again. */
export function drawReadout(box, view, lanes) {
  const said = view.cursor === null ? UNSAID : ofPlace(view, lanes, view.cursor);
  if (box.textContent !== said) box.textContent = said;
}

function ofPlace(view, lanes, place) {
  const { region } = view;
  const genes = region.arrows.filter((arrow) => arrow.start <= place && place < arrow.end)
    .map((arrow) => `${arrow.name} (${arrow.strand})`);
  const parts = lanes.map((lane) => (lanes.length > 1 ? `${lane.name}: ` : "") + ofLane(lane, place));
  const head = `${whole(place + 1)} ${visible(region.letter(place))}${genes.length ? `, ${genes.join(", ")}` : ""}`;
  return `${head}. ${parts.join(". ")}.`;
}

function ofLane(lane, place) {
  const chunk = lane.chunks(0).find((own) => own.start <= place && place < own.end);
  const said = lane.looked.map((stage, number) => {
    const value = stage.get(place);
    const name = lane.stages > 1 ? `stage ${number} ` : "";
    return value === undefined ? null : `${name}probability ${decimal(value, 3)}`;
  }).filter((text) => text !== null);
  const begins = lane.content.stages[0].boundaries.includes(lane.isReverse ? lane.region.end - 1 - place : place - lane.region.start);
  const bits = lane.bits(place);
  if (bits !== undefined && bits !== null) said.push(`${decimal(bits, 2)} bits`);
  return `${begins ? "a chunk begins: " : "in "}${visible(chunk.word)}, ${said.join(", ")}`;
}
