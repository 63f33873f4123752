// A region of a record and its readings, as a record of kind "explored" has them.
//
// A place is 0-based in the record, on the strand "+". A reading on the strand "-" has its values in
// the direction of reading: its place 0 is the last base of the region.

const COMPLEMENT = { A: "T", C: "G", G: "C", T: "A" };
const SHOWN = { "\n": "\u21b5", "\t": "\u21e5", "\r": "\u240d", " ": "\u00b7" };

export class Region {
  /** Of the values of the record. */
  constructor(content) {
    this.content = content;
    this.isDna = content.modality === "dna";
    this.unit = this.isDna ? "base" : "byte";
    this.letters = this.isDna ? content.letters : bytesOf(content.letters);
    this.lanes = content.lanes.map((lane) => new Lane(this, lane));
  }

  get record() { return this.content.record; }
  get length() { return this.content.length; }
  get start() { return this.content.start; }
  get end() { return this.content.end; }
  get arrows() { return this.content.arrows; }
  get size() { return this.end - this.start; }

  /** NAME:START-END as the command line has it. */
  get name() { return `${this.record}:${this.start + 1}-${this.end}`; }

  /** The letters of places, as they stand on the strand "+". */
  text(start, end) {
    if (this.isDna) return this.letters.slice(start - this.start, end - this.start);
    return new TextDecoder().decode(this.letters.slice(start - this.start, end - this.start));
  }

  /** One place as a character: of text what its byte begins, or a dot within a character. */
  letter(place) {
    const index = place - this.start;
    if (this.isDna) return this.letters[index];
    const byte = this.letters[index];
    if (byte >= 0x80 && byte < 0xc0) return "\u2025";
    const count = byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    return visible(new TextDecoder().decode(this.letters.slice(index, index + count)));
  }
}

export class Lane {
  constructor(region, content) {
    this.region = region;
    this.content = content;
    this.isReverse = content.strand === "-";
    this.key = keyOf(content.model, content.strand);
    this.looked = this._lookedAt();
  }

  get stages() { return this.content.stages.length; }
  get name() {
    const { model, strand } = this.content;
    return this.region.isDna ? `${model}, ${this.isReverse ? "reverse complement" : "as given"}` : model;
  }

  /** The place of a value in the direction of reading. */
  place(index) {
    return this.isReverse ? this.region.end - 1 - index : this.region.start + index;
  }

  /** Of each stage a Map from place to probability, where the stage looks. */
  _lookedAt() {
    let places = null;
    return this.content.stages.map((stage) => {
      const found = new Map();
      stage.probabilities.forEach((value, k) => found.set(this.place(places ? places[k] : k), value));
      places = stage.boundaries;
      return found;
    });
  }

  /** The edge, between two places, at which a stage cuts: the place right of it. */
  edges(stage) {
    const found = this.content.stages[stage].boundaries.map((index) =>
      this.isReverse ? this.region.end - index : this.region.start + index);
    return this.isReverse ? found.reverse() : found;
  }

  /** Chunks of a stage from left to right: start, end, probability of its beginning, its letters. */
  chunks(stage) {
    const { start, end } = this.region;
    const inner = this.edges(stage).filter((edge) => edge > start && edge < end);
    const bounds = [start, ...inner, end];
    return bounds.slice(0, -1).map((first, k) => {
      const last = bounds[k + 1];
      const begins = this.isReverse ? last - 1 : first;
      return { start: first, end: last, probability: this.looked[stage].get(begins) ?? 0, word: this.word(first, last) };
    });
  }

  /** Letters as they were read. */
  word(start, end) {
    const letters = this.region.text(start, end);
    if (!this.isReverse) return letters;
    return [...letters].reverse().map((letter) => COMPLEMENT[letter] ?? letter).join("");
  }

  /** A letter above its place. */
  letter(place) {
    const letter = this.region.letter(place);
    return this.isReverse ? COMPLEMENT[letter] ?? letter : letter;
  }

  /** Bits of a place; null where it has none, undefined where they are not known yet. */
  bits(place) {
    const index = this.isReverse ? this.region.end - 1 - place : place - this.region.start;
    return this.content.bits ? this.content.bits[index] : undefined;
  }

  /** How many of this reading's edges are edges of another one too. */
  shared(other) {
    const inner = (lane) => lane.edges(0).filter((x) => x > this.region.start && x < this.region.end);
    const others = new Set(inner(other)), own = inner(this);
    return { own: own.length, both: own.filter((edge) => others.has(edge)).length };
  }
}

export function keyOf(model, strand) {
  return `${strand} ${model}`;
}

/** Control characters as signs that can be seen. */
export function visible(letters) {
  return letters.replace(/[\n\t\r ]/g, (letter) => SHOWN[letter]);
}

function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}
