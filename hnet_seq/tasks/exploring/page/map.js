// A dependency map on a canvas: one colour, as dense as the dependency is large.

import { decimal, table, whole } from "explore/draw.js";

const NONE = 65535, STEPS = 1000, FULL = 0.995, COLOUR = [31, 119, 190], MOST_ROWS = 50;

export class DependencyMap {
  /** Of the values of the record. */
  constructor(content) {
    this.content = content;
    this.length = content.reference.length;
    const bytes = Uint8Array.from(atob(content.values), (letter) => letter.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    this.values = Float64Array.from({ length: this.length ** 2 }, (_, k) => {
      const value = view.getUint16(2 * k, true);
      return value === NONE ? NaN : value / STEPS;
    });
  }

  get name() { return nameOf(this.content); }

  at(row, column) { return this.values[row * this.length + column]; }

  /** Draw it, a pixel a pair; `model` made it. */
  draw(canvas, model) {
    canvas.width = canvas.height = this.length;
    const context = canvas.getContext("2d");
    const image = context.createImageData(this.length, this.length);
    const known = [...this.values].filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
    const full = known[Math.floor(FULL * (known.length - 1))] || 1;
    this.values.forEach((value, k) => {
      const alpha = Number.isNaN(value) ? 0 : Math.round(255 * Math.min(value / full, 1));
      image.data.set([...COLOUR, alpha], 4 * k);
    });
    context.putImageData(image, 0, 0);
    canvas.setAttribute("aria-label", `Dependency map of ${this.name} by ${model}; full colour is ${decimal(full, 2)} log2 odds`);
  }

  /** A pair in words. */
  said(row, column) {
    const { start, reference } = this.content;
    const value = this.at(row, column);
    const places = `${reference[row]} at ${whole(start + row)} substituted, ${reference[column]} at ${whole(start + column)} read`;
    return `${places}: ${Number.isNaN(value) ? "no value" : `${decimal(value, 3)} log2 odds`}`;
  }

  /** The largest values, as rows. */
  table() {
    const order = [...this.values.keys()].filter((k) => !Number.isNaN(this.values[k]));
    order.sort((a, b) => this.values[b] - this.values[a]);
    const rows = order.slice(0, MOST_ROWS).map((k) => {
      const row = Math.floor(k / this.length), column = k % this.length;
      return [`${whole(this.content.start + row)} ${this.content.reference[row]}`,
        `${whole(this.content.start + column)} ${this.content.reference[column]}`, decimal(this.values[k], 3)];
    });
    return table(["substituted", "read", "log2 odds"], rows);
  }
}

/** 1-based places of the record that a map is of. */
export function nameOf({ name, start, reference }) {
  return `${name}:${whole(start)}-${whole(start + reference.length - 1)}`;
}
