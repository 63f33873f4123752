// What of the record is seen, and the place that is looked at.

const LEAST = 12; // places that fill the width

export class View {
  /**
   * @param most places that a region may have.
   * @param isLive whether there is more than the region to be had.
   */
  constructor(most, isLive) {
    Object.assign(this, { most, isLive, region: null, start: 0, end: 1, cursor: null, listeners: [] });
  }

  /** Tell a function of each change: of what is seen, or "cursor". */
  listen(listener) { this.listeners.push(listener); }

  _tell(what) { for (const listener of this.listeners) listener(what); }

  /** Show a region; all of it, or what was seen before as far as it has that. */
  show(region, { keep = false } = {}) {
    const isSame = this.region !== null && region.isOf(this.region.place());
    this.region = region;
    if (!keep) [this.start, this.end] = [region.start, region.end];
    if (!isSame || !(this.cursor >= region.start && this.cursor < region.end)) this.cursor = null;
    this._tell("region");
  }

  get span() { return this.end - this.start; }

  /** Whether all that is seen is in the region. */
  get isInside() { return this.start >= this.region.start - 0.5 && this.end <= this.region.end + 0.5; }

  move(share) { this._to(this.start + share * this.span, this.span); }

  /** Zoom by a factor; `at` stays where it is. */
  zoom(factor, at = this.cursor ?? (this.start + this.end) / 2) {
    const span = Math.min(Math.max(this.span * factor, LEAST), this.isLive ? this.most : this.region.size);
    const share = Math.min(Math.max((at - this.start) / this.span, 0), 1);
    this._to(at - share * span, span);
  }

  /** See from a place on. */
  from(start) { this._to(start, this.span); }

  all() { this._to(this.region.start, this.region.size); }

  _to(start, span) {
    const [low, high] = this.isLive ? [0, this.region.length] : [this.region.start, this.region.end];
    span = Math.min(span, high - low);
    start = Math.min(Math.max(start, low), high - span);
    if (start === this.start && span === this.end - this.start) return;
    [this.start, this.end] = [start, start + span];
    this._tell("view");
  }

  /** Look at a place, and bring it into sight. */
  look(place) {
    const { start, end } = this.region;
    this.cursor = Math.min(Math.max(Math.floor(place), start), end - 1);
    if (this.cursor < this.start || this.cursor + 1 > this.end) {
      this._to(this.cursor + 0.5 - this.span / 2, this.span);
    }
    this._tell("cursor");
  }

  /** Whole places that cover what is seen, no more of them than a region may have. */
  covered() {
    const [start, end] = [Math.max(Math.floor(this.start), 0), Math.min(Math.ceil(this.end), this.region.length)];
    if (end - start <= this.most) return [start, end];
    const first = Math.round(this.start);
    return [first, Math.min(first + this.most, this.region.length)];
  }

  /** Whole places that are seen, of those that the region has. */
  seen() {
    return [Math.max(Math.floor(this.start), this.region.start), Math.min(Math.ceil(this.end), this.region.end)];
  }
}
