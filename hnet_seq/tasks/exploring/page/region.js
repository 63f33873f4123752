// A region of a record and its readings, as a record of kind "explored" has them.
//
// A place is 0-based in the record, on the strand "+". A reading on the strand "-" has its values in
// the direction of reading: its place 0 is the last base of the region.

const COMPLEMENT = { A: "T", C: "G", G: "C", T: "A" };
const SHOWN = { "\n": "\u21b5", "\t": "\u21e5", "\r": "\u240d", " ": "\u00b7", "\ufeff": "\u25c7" };

export class Region {
  /**
   * @param content the values of the record.
   * @param pasted the letters that it was read from; null: it is of the file.
   */
  constructor(content, pasted = null) {
    this.content = content;
    this.pasted = pasted;
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

  /** Places of its record, as a question about them has it. */
  place(start = this.start, end = this.end) {
    return { record: this.record, start, end, pasted: this.pasted };
  }

  /** Whether it is of the same letters as a place. */
  isOf({ record, pasted }) { return record === this.record && pasted === this.pasted; }

  /** Whether a place lies in it. */
  has(place) { return this.isOf(place) && this.start <= place.start && place.end <= this.end; }

  /** The letters of places, as they stand on the strand "+". */
  text(start, end) {
    const own = this.letters.slice(start - this.start, end - this.start);
    return this.isDna ? own : decode(own);
  }

  /** Bytes as they are, a letter each: what tells them from others, whatever characters they are parts of. */
  bytes(start, end) {
    return Array.from(this.letters.slice(start - this.start, end - this.start), (byte) => String.fromCharCode(byte)).join("");
  }

  /** One place as a character: of text what its byte begins, or a dot within a character. */
  letter(place) {
    const index = place - this.start;
    if (this.isDna) return this.letters[index];
    const byte = this.letters[index];
    if (byte >= 0x80 && byte < 0xc0) return "\u2025";
    const count = byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    return visible(decode(this.letters.slice(index, index + count)));
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

  /** Chunks of a stage from left to right: start, end, probability of its beginning, its letters, their key. */
  chunks(stage) {
    const { start, end } = this.region;
    const inner = this.edges(stage).filter((edge) => edge > start && edge < end);
    const bounds = [start, ...inner, end];
    return bounds.slice(0, -1).map((first, k) => {
      const last = bounds[k + 1];
      const begins = this.isReverse ? last - 1 : first;
      const word = this.word(first, last), key = this.region.isDna ? word : this.region.bytes(first, last);
      return { start: first, end: last, probability: this.looked[stage].get(begins) ?? 0, word, key };
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
  return letters.replace(/[\n\t\r \ufeff]/g, (letter) => SHOWN[letter]);
}

/** Bytes as characters, a byte order mark too. */
function decode(bytes) {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}
