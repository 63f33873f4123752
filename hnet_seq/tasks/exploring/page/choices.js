// Readings, a model on a strand each, of which one or more are shown.

import { html } from "explore/draw.js";
import { keyOf } from "explore/region.js";

/** All that there are to choose from. */
export function choicesOf(about, regions) {
  const strands = about.modality === "dna" ? ["+", "-"] : ["+"];
  const all = about.models.flatMap((model, number) => strands.map((strand) =>
    ({ model, number, strand, key: keyOf(model.name, strand), isOn: strand === "+" || Boolean(about.opensAll) })));
  return all.filter((choice) => about.live || regions.some((region) => region.lanes.some((own) => own.key === choice.key)));
}

/**
 * A box for each. `change` is told of a choice that was put on or off; where it says no, the box
 * goes back.
 */
export function choiceBoxes(choices, change) {
  const severalModels = new Set(choices.map((choice) => choice.model)).size > 1;
  return choices.map((choice) => {
    const box = html("input", { type: "checkbox" });
    box.checked = choice.isOn;
    box.addEventListener("change", () => {
      choice.isOn = box.checked;
      if (!change(choice)) choice.isOn = box.checked = !box.checked;
    });
    const name = severalModels || choice.strand === "+" ? choice.model.name : "";
    return html("label", {}, box, choice.strand === "-" ? `${name ? `${name}, ` : ""}reverse complement` : name);
  });
}
