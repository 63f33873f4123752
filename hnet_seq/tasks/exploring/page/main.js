// The page: what it was given, what is chosen, and who draws what.

import { bedOf } from "explore/bed.js";
import { connectTrack } from "explore/controls.js";
import { html, whole } from "explore/draw.js";
import { drawCursor, drawTrack } from "explore/lanes.js";
import { DependencyMap } from "explore/map.js";
import { drawReadout } from "explore/readout.js";
import { Region, keyOf } from "explore/region.js";
import { Dropped, ask, askMap, savedPage, stop, wanted } from "explore/server.js";
import { View } from "explore/view.js";
import { drawNumbers, drawWords, markWords } from "explore/words.js";

const WAIT = 150; // milliseconds of rest before what lies beside the region is asked for
const get = (id) => document.getElementById(id);
const about = JSON.parse(get("about").textContent);
const regions = JSON.parse(get("regions").textContent).map((content) => new Region(content));
const view = new View(about.most, about.live);
const strands = about.modality === "dna" ? ["+", "-"] : ["+"];
const choices = about.models.flatMap((model, number) =>
  strands.map((strand) => ({ model, number, strand, key: keyOf(model.name, strand), isOn: strand === "+" || Boolean(about.opensAll) })))
  .filter((choice) => about.live || regions.some((region) => region.lanes.some((own) => own.key === choice.key)));
const order = choices.map((choice) => choice.key);
let scale = null, drawn = 0, waits = 0, asked = null, pasted = null, withBits = true;

const shown = () => view.region.lanes.filter((lane) => choices.find((own) => own.key === lane.key)?.isOn);
const lane = () => view.region.lanes.find((own) => own.key === get("lane").value) ?? shown()[0] ?? view.region.lanes[0];
const stage = () => Math.min(Number(get("stage").value) || 0, lane().stages - 1);

function say(text, isWrong = false) {
  get("said").textContent = text;
  get("said").classList.toggle("wrong", isWrong);
}

function draw() {
  drawn = 0;
  if (!view.region) return;
  scale = drawTrack(get("track"), view, shown(), { bits: withBits });
  drawWords(get("words"), get("words-about"), view, lane(), stage());
  markWords(get("words"), view);
  performance.mark("drawn"); // benchmarks/explorer.py reads it
  if (get("numbers").parentElement.open) drawNumbers(get("numbers"), view, lane(), stage());
  describe();
}

function redraw() {
  drawn ||= requestAnimationFrame(draw);
}

function describe() {
  const { region } = view;
  const [first, last] = [Math.floor(view.start) + 1, Math.ceil(view.end)];
  get("title").textContent = `${region.record}: ${whole(first)} to ${whole(last)}`;
  if (document.activeElement !== get("asked") && !pasted) get("asked").value = `${region.record}:${first}-${last}`;
  const room = last - first + 1;
  const tooWide = room > about.mostMap;
  get("make-map").disabled = tooWide;
  get("make-map").textContent = tooWide
    ? `Dependency map: zoom in to ${about.mostMap} bases` : `Dependency map of ${whole(first)} to ${whole(last)}`;
}

function showRegion(region, options) {
  get("shown").hidden = false;
  view.show(region, options);
  chooseLane();
  command();
  showMap();
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

function command() {
  const { region } = view;
  get("command").hidden = !about.source || !region.isDna || region.content.source === null;
  const words = ["hnet-seq", "segment", about.models[0].checkpoint, about.source, "--region", region.name, "--bed", "chunks.bed"];
  get("command").querySelector("code").textContent = words.map(quoted).join(" ");
}

function quoted(word) {
  return /^[\w./:=,@%+-]+$/.test(word ?? "") ? word : `'${`${word}`.replaceAll("'", "'\\''")}'`;
}

// What the server is asked.

async function read(place, { keep = false } = {}) {
  const mine = (asked = { place });
  const chosen = choices.filter((choice) => choice.isOn);
  get("track").setAttribute("aria-busy", "true");
  try {
    const found = await Promise.all(chosen.map((choice) =>
      ask("/api/lane", choice.key, wanted({ ...place, model: choice.number, strand: choice.strand }))));
    if (asked !== mine) return;
    const region = new Region({ ...found[0], lanes: found.flatMap((content) => content.lanes) });
    showRegion(region, { keep });
    say("");
    chosen.filter((choice) => choice.model.causal).forEach((choice) => addBits(region, choice, place));
  } catch (error) {
    if (asked === mine && !(error instanceof Dropped)) say(error.message, true);
  } finally {
    if (asked === mine) get("track").removeAttribute("aria-busy");
  }
}

async function addBits(region, choice, place) {
  try {
    const { bits } = await ask("/api/bits", choice.key, wanted({ ...place, model: choice.number, strand: choice.strand }));
    const own = region.lanes.find((each) => each.key === choice.key);
    if (!own) return;
    own.content.bits = bits;
    redraw();
  } catch (error) {
    if (!(error instanceof Dropped) && region === view.region) say(error.message, true);
  }
}

function placeOf(start, end) {
  const { region } = view;
  return { record: region.record, start, end, pasted: region.content.source === null ? pasted : null };
}

/** What is seen and not in the region, once the view rests; whoever pressed a button need not wait. */
function extend(wait) {
  clearTimeout(waits);
  if (!about.live || view.isInside) return;
  const start = Math.max(0, Math.floor(view.start));
  const end = Math.min(Math.ceil(view.end), view.region.length, start + about.most);
  waits = setTimeout(() => read(placeOf(start, end), { keep: true }), wait);
}

async function find(text) {
  try {
    const { record, start, end } = await ask("/api/find", "find", { asked: text }, false);
    pasted = null;
    await read({ record, start, end });
  } catch (error) {
    if (!(error instanceof Dropped)) say(error.message, true);
  }
}

// The dependency map.

function showMap() {
  const found = view.region.lanes.map((own) => own.content.dependencies).find((own) => own);
  get("map-section").hidden = !view.region.isDna || (!about.live && !found);
  get("map-figure").hidden = !found;
  if (!found) return;
  const map = new DependencyMap(found);
  const canvas = get("map");
  map.draw(canvas);
  get("map-numbers").replaceChildren(map.table());
  get("map-readout").textContent = `${map.name}. Point at the map, or tap it, for a pair.`;
  const look = (event) => {
    const box = canvas.getBoundingClientRect();
    const cell = (share) => Math.min(Math.max(Math.floor(share * map.length), 0), map.length - 1);
    const row = cell((event.clientY - box.top) / box.height), column = cell((event.clientX - box.left) / box.width);
    get("map-readout").textContent = map.said(row, column);
  };
  canvas.onpointermove = canvas.onpointerdown = look;
}

async function makeMap() {
  const { region } = view;
  const own = lane(), choice = choices.find((each) => each.key === own.key);
  const place = placeOf(Math.floor(view.start), Math.min(Math.ceil(view.end), region.end));
  const working = (isOn) => {
    for (const id of ["map-progress", "stop-map"]) get(id).hidden = !isOn;
    get("make-map").hidden = isOn;
  };
  working(true);
  get("map-said").textContent = "";
  get("map-said").classList.remove("wrong");
  try {
    const found = await askMap(wanted({ ...place, model: choice.number, strand: "+" }), (share) => { get("map-progress").value = share; });
    const target = region.lanes.find((each) => each.key === keyOf(choice.model.name, "+")) ?? own;
    target.content.dependencies = found;
    get("map-said").textContent = "The map is done.";
    if (region === view.region) showMap();
  } catch (error) {
    get("map-said").textContent = error instanceof Dropped ? "Stopped." : error.message;
    get("map-said").classList.toggle("wrong", !(error instanceof Dropped));
  } finally {
    working(false);
  }
}

// What is taken away.

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    say(`${what} copied.`);
  } catch {
    save(new Blob([text], { type: "text/plain" }), "chunks.bed");
    say(`${what} saved: this browser lets no page copy.`);
  }
}

function save(blob, name) {
  const link = html("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

async function savePage() {
  try {
    const lanes = shown().map((own) => own.content);
    save(await savedPage([{ ...view.region.content, lanes }]), "explore.html");
  } catch (error) {
    if (!(error instanceof Dropped)) say(error.message, true);
  }
}

function connect() {
  const acts = {
    left: () => view.move(-0.9), right: () => view.move(0.9),
    in: () => view.zoom(0.5), out: () => view.zoom(2), all: () => view.all(),
  };
  for (const button of document.querySelectorAll("[data-act]")) {
    button.addEventListener("click", () => { acts[button.dataset.act](); extend(0); });
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
    if (what === "view") extend(WAIT);
  });
  new ResizeObserver(redraw).observe(get("track"));
  for (const id of ["lane", "stage"]) get(id).addEventListener("change", redraw);
  get("numbers").parentElement.addEventListener("toggle", redraw);
  get("words").addEventListener("click", (event) => {
    if (event.target.dataset.start) view.look(Number(event.target.dataset.start));
  });
  get("copy-bed").addEventListener("click", () => copy(bedOf(lane(), stage()), "Chunks"));
  get("save-json").addEventListener("click", () =>
    save(new Blob([JSON.stringify(view.region.content)], { type: "application/json" }), "explored.json"));
  get("save-page").addEventListener("click", savePage);
  get("make-map").addEventListener("click", makeMap);
  get("stop-map").addEventListener("click", () => stop("map"));
  get("find").addEventListener("submit", (event) => {
    event.preventDefault();
    find(get("asked").value);
  });
  get("paste-form").addEventListener("submit", (event) => {
    event.preventDefault();
    pasted = get("letters").value;
    read({ pasted });
  });
  get("regions-list").addEventListener("change", () => showRegion(regions[get("regions-list").value]));
}

function choose() {
  const boxes = choices.map((choice) => {
    const box = html("input", { type: "checkbox" });
    box.checked = choice.isOn;
    box.addEventListener("change", () => {
      choice.isOn = box.checked;
      const isThere = view.region.lanes.some((own) => own.key === choice.key);
      if (choice.isOn && !isThere && about.live) read(placeOf(view.region.start, view.region.end), { keep: true });
      redraw();
    });
    const name = about.models.length > 1 || choice.strand === "+" ? choice.model.name : "";
    const of = choice.strand === "-" ? `${name ? `${name}, ` : ""}reverse complement` : name;
    return html("label", {}, box, of);
  });
  const bits = html("input", { type: "checkbox" });
  bits.checked = withBits;
  bits.addEventListener("change", () => { withBits = bits.checked; redraw(); });
  const isCausal = about.models.some((model) => model.causal);
  get("lane-choices").replaceChildren(...boxes, ...(isCausal ? [html("label", {}, bits, "bits")] : []));
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
    ? `Letters of DNA, bare or FASTA, up to ${whole(about.most)}` : `Text, up to ${whole(about.most)} bytes`;
  get("records").replaceChildren(...about.records.map(([name, length]) =>
    html("option", { value: name }, `${whole(length)}`)));
  get("regions-bar").hidden = regions.length < 2;
  get("regions-list").replaceChildren(...regions.map((region, k) => html("option", { value: k }, region.name)));
  if (about.live) history.replaceState(null, "", "/");
  choose();
  connect();
  if (regions.length) showRegion(regions[0]);
  else get("paste").open = true;
}

begin();
