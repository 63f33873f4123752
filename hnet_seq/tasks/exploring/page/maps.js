// Dependency maps that there are, and the one that is shown: of the model whose reading is chosen.

import { DependencyMap, nameOf } from "explore/map.js";
import { Dropped, askMap, stop, wanted } from "explore/server.js";

export class Maps {
  /** @param get gives elements of the page. */
  constructor(get, isLive) {
    Object.assign(this, { get, isLive, made: [], drawn: null });
    get("stop-map").addEventListener("click", () => stop("map"));
  }

  /** The latest map by a model of a region's record, wherever it lies; undefined without. */
  of(region, model) {
    return this._latest(model, (place) => region.isOf(place)) ?? ownMap(region, model);
  }

  /** The values of lanes of a region, with the map by each model that lies in it. */
  contents(region, lanes) {
    return lanes.map((lane) => {
      const { model } = lane.content;
      const own = lanes.filter((each) => each.content.model === model);
      const holder = own.find((each) => !each.isReverse) ?? own[0];
      const map = this._latest(model, (place) => region.has(place)) ?? ownMap(region, model);
      return { ...lane.content, dependencies: lane === holder && map ? map : null };
    });
  }

  /** Show the one by the model of a reading. */
  show(lane) {
    const { get } = this, { model } = lane.content;
    const found = this.of(lane.region, model);
    get("map-section").hidden = !lane.region.isDna || (!this.isLive && !found);
    get("map-figure").hidden = !found;
    get("map-title").textContent = `What depends on what${found ? `: ${model}, ${nameOf(found)}` : ""}`;
    if (!found || found === this.drawn) return;
    this.drawn = found;
    const map = new DependencyMap(found), canvas = get("map");
    map.draw(canvas, model);
    get("map-numbers").replaceChildren(map.table());
    get("map-readout").textContent = `${map.name}. Point at the map, or tap it, for a pair.`;
    canvas.onpointermove = canvas.onpointerdown = (event) => {
      const box = canvas.getBoundingClientRect();
      const cell = (share) => Math.min(Math.max(Math.floor(share * map.length), 0), map.length - 1);
      const row = cell((event.clientY - box.top) / box.height), column = cell((event.clientX - box.left) / box.width);
      get("map-readout").textContent = map.said(row, column);
    };
  }

  /** Have one made of a place, by a model; it is kept wherever the view has gone by then. */
  async make(place, model, number) {
    const { get } = this;
    this._work(true);
    this._say("");
    try {
      const content = await askMap(wanted({ ...place, model: number, strand: "+" }), (share) => { get("map-progress").value = share; });
      this.made.push({ model, place, content });
      this._say(`The map of ${nameOf(content)} by ${model} is done.`);
    } catch (error) {
      const isDropped = error instanceof Dropped;
      this._say(isDropped ? "Stopped." : error.message, !isDropped);
    } finally {
      this._work(false);
    }
  }

  _latest(model, isWanted) {
    return this.made.filter((map) => map.model === model && isWanted(map.place)).at(-1)?.content;
  }

  _work(isOn) {
    for (const id of ["map-progress", "stop-map"]) this.get(id).hidden = !isOn;
    this.get("make-map").hidden = isOn;
    this.get("map-progress").value = 0;
  }

  _say(text, isWrong = false) {
    this.get("map-said").textContent = text;
    this.get("map-said").classList.toggle("wrong", isWrong);
  }
}

function ownMap(region, model) {
  return region.lanes.map((lane) => lane.content).find((own) => own.model === model && own.dependencies)?.dependencies;
}
