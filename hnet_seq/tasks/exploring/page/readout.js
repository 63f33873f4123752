// The numbers of the place that is looked at, in words; screen readers say them.

import { decimal, whole } from "explore/draw.js";
import { visible } from "explore/region.js";

/** Say what is known of the place. */
export function drawReadout(box, view, lanes) {
  const place = view.cursor;
  if (place === null) return;
  const { region } = view;
  const genes = region.arrows.filter((arrow) => arrow.start <= place && place < arrow.end)
    .map((arrow) => `${arrow.name} (${arrow.strand})`);
  const parts = lanes.map((lane) => (lanes.length > 1 ? `${lane.name}: ` : "") + ofLane(lane, place));
  const head = `${whole(place + 1)} ${visible(region.letter(place))}${genes.length ? `, ${genes.join(", ")}` : ""}`;
  box.textContent = `${head}. ${parts.join(". ")}.`;
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
