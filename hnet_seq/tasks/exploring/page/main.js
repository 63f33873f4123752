// The page: what it was given, what is chosen, and who draws what.

import { Asking } from "explore/asking.js";
import { bedOf, commandOf } from "explore/bed.js";
import { choiceBoxes, choicesOf } from "explore/choices.js";
import { connectTrack } from "explore/controls.js";
import { html, whole } from "explore/draw.js";
import { drawCursor, drawTrack } from "explore/lanes.js";
import { Maps } from "explore/maps.js";
import { drawReadout } from "explore/readout.js";
import { Region } from "explore/region.js";
import { Dropped, savedPage } from "explore/server.js";
import { copied, save } from "explore/taken.js";
import { View } from "explore/view.js";
import { drawNumbers, drawWords, markWords } from "explore/words.js";

const get = (id) => document.getElementById(id);
const about = JSON.parse(get("about").textContent);
const regions = JSON.parse(get("regions").textContent).map((content) => new Region(content));
const view = new View(about.most, about.live);
const choices = choicesOf(about, regions);
const asking = new Asking(view, choices, { show, say, busy, redraw }, about.live);
const maps = new Maps(get, about.live);
let scale = null, drawn = 0, withBits = true;

const shown = () => view.region.lanes.filter((lane) => choices.find((own) => own.key === lane.key)?.isOn);
const lane = () => view.region.lanes.find((own) => own.key === get("lane").value) ?? shown()[0] ?? view.region.lanes[0];
const stage = () => Math.min(Number(get("stage").value) || 0, lane().stages - 1);

function say(text, isWrong = false) {
  get("said").textContent = text;
  get("said").classList.toggle("wrong", isWrong);
}

function busy(isOn) {
  if (isOn) get("track").setAttribute("aria-busy", "true");
  else get("track").removeAttribute("aria-busy");
}

function draw() {
  drawn = 0;
  if (!view.region) return;
  scale = drawTrack(get("track"), view, shown(), { bits: withBits });
  drawWords(get("words"), get("words-about"), view, lane(), stage());
  markWords(get("words"), view);
  performance.mark("drawn"); // benchmarks/explorer.py reads it
  if (get("numbers").parentElement.open) drawNumbers(get("numbers"), view, lane(), stage());
  drawReadout(get("readout"), view, shown());
  describe();
}

function redraw() {
  drawn ||= requestAnimationFrame(draw);
}

function describe() {
  const { region } = view;
  const [first, last] = [Math.floor(view.start) + 1, Math.ceil(view.end)];
  get("title").textContent = `${region.record}: ${whole(first)} to ${whole(last)}`;
  if (document.activeElement !== get("asked") && region.pasted === null) get("asked").value = `${region.record}:${first}-${last}`;
  const tooWide = last - first + 1 > about.mostMap;
  get("make-map").disabled = tooWide;
  get("make-map").textContent = tooWide
    ? `Dependency map: zoom in to ${about.mostMap} bases` : `Dependency map of ${whole(first)} to ${whole(last)}`;
  const command = commandOf(about, lane(), stage());
  get("command").hidden = command === null;
  get("command").querySelector("code").textContent = command ?? "";
}

function show(region, options) {
  get("shown").hidden = false;
  view.show(region, options);
  chooseLane();
  maps.show(lane());
}

function chooseLane() {
  const list = get("lane"), before = list.value;
  list.replaceChildren(...view.region.lanes.map((own) => html("option", { value: own.key }, own.name)));
  list.value = view.region.lanes.some((own) => own.key === before) ? before : view.region.lanes[0].key;
  const count = Math.max(...view.region.lanes.map((own) => own.stages));
  const chosen = get("stage").value;
  get("stage").replaceChildren(...Array.from({ length: count }, (_, k) => html("option", { value: k }, `${k}`)));
  get("stage").value = chosen && chosen < count ? chosen : "0";
}

async function makeMap() {
  const { model } = lane().content;
  await maps.make(view.region.place(...view.covered()), model, about.models.findIndex((own) => own.name === model));
  maps.show(lane());
}

/** The values of readings of the region, with their maps. */
function content(lanes) {
  return { ...view.region.content, lanes: maps.contents(view.region, lanes) };
}

async function savePage() {
  try {
    save(await savedPage([content(shown())]), "explore.html");
  } catch (error) {
    if (!(error instanceof Dropped)) say(error.message, true);
  }
}

/** A reading was put on or off; whether it may be: something has to be seen. */
function choose(choice) {
  if (!choice.isOn && !shown().length) {
    say("One reading is shown at least.", true);
    return false;
  }
  say("");
  if (choice.isOn) asking.choose();
  redraw();
  return true;
}

function connect() {
  const acts = {
    left: () => view.move(-0.9), right: () => view.move(0.9),
    in: () => view.zoom(0.5), out: () => view.zoom(2), all: () => view.all(),
  };
  for (const button of document.querySelectorAll("[data-act]")) {
    button.addEventListener("click", () => { acts[button.dataset.act](); asking.extend(0); });
  }
  connectTrack(get("track"), view, () => scale, () => shown()[0]);
  view.listen((what) => {
    if (what === "cursor") {
      drawReadout(get("readout"), view, shown());
      markWords(get("words"), view);
      if (scale) drawCursor(get("track"), view, scale);
      return;
    }
    redraw();
    if (what === "view") asking.extend();
  });
  new ResizeObserver(redraw).observe(get("track"));
  get("lane").addEventListener("change", () => { maps.show(lane()); redraw(); });
  get("stage").addEventListener("change", redraw);
  get("numbers").parentElement.addEventListener("toggle", redraw);
  get("words").addEventListener("click", (event) => {
    if (event.target.dataset.start) view.look(Number(event.target.dataset.start));
  });
  get("copy-bed").addEventListener("click", async () => say(`Chunks ${await copied(bedOf(lane(), stage()), "chunks.bed")}.`));
  get("save-json").addEventListener("click", () =>
    save(new Blob([JSON.stringify(content(view.region.lanes))], { type: "application/json" }), "explored.json"));
  get("save-page").addEventListener("click", savePage);
  get("make-map").addEventListener("click", makeMap);
  get("find").addEventListener("submit", (event) => {
    event.preventDefault();
    asking.find(get("asked").value);
  });
  get("paste-form").addEventListener("submit", (event) => {
    event.preventDefault();
    asking.read({ pasted: get("letters").value });
  });
  get("regions-list").addEventListener("change", () => asking.show(regions[get("regions-list").value]));
}

function drawChoices() {
  const bits = html("input", { type: "checkbox" });
  bits.checked = withBits;
  bits.addEventListener("change", () => { withBits = bits.checked; redraw(); });
  const isCausal = about.models.some((model) => model.causal);
  get("lane-choices").replaceChildren(...choiceBoxes(choices, choose), ...(isCausal ? [html("label", {}, bits, "bits")] : []));
  const unit = about.modality === "dna" ? "base" : "byte";
  if (isCausal) get("bits-caption").textContent = `; at the bottom the bits that each ${unit} costs, down from the dashed line of chance where the model expects it, up where not`;
}

function begin() {
  const names = about.models.map((model) => model.name).join(" and ");
  const of = about.source ? ` on ${about.source.split("/").pop()}` : "";
  get("subtitle").textContent = `Where ${names} cut${about.models.length > 1 ? "" : "s"}${of}`
    + (about.annotation ? `, with ${about.annotation}` : "");
  for (const element of document.querySelectorAll("[data-live]")) {
    element.hidden = !about.live || (element.dataset.live === "file" && !about.source);
  }
  get("letters-label").textContent = about.modality === "dna"
    ? `Letters of DNA, bare, FASTA or GenBank, up to ${whole(about.most)}` : `Text, up to ${whole(about.most)} bytes`;
  get("records").replaceChildren(...about.records.map(([name, length]) =>
    html("option", { value: name }, `${whole(length)}`)));
  get("regions-bar").hidden = regions.length < 2;
  get("regions-list").replaceChildren(...regions.map((region, k) => html("option", { value: k }, region.name)));
  if (about.live) history.replaceState(null, "", "/");
  drawChoices();
  connect();
  if (regions.length) asking.show(regions[0]);
  else get("paste").open = true;
}

begin();
