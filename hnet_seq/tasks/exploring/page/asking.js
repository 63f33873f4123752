// The one question about a region that may be under way, and what becomes of its answer.
//
// What is asked later takes the place of what was asked before, and so does whatever else shows a
// region: an answer comes to the question that waits for it, or to nothing.

import { Region } from "explore/region.js";
import { Dropped, ask, stop, wanted } from "explore/server.js";

const WAIT = 150; // milliseconds of rest before what lies beside the region is asked for

export class Asking {
  /**
   * @param view what is seen, of which region.
   * @param choices readings; those that are on are asked for.
   * @param page draws: show(region, options), say(text, isWrong), busy(isOn), redraw().
   * @param isLive whether there is a server.
   */
  constructor(view, choices, page, isLive) {
    // Of a question: its place, null until it is found; keep: it is of what is seen already;
    // isOfView: it fills what is seen beside the region, and has no worth once that is not seen.
    Object.assign(this, { view, choices, page, isLive, question: null });
  }

  /** Show a region that is there. */
  show(region, { keep = false } = {}) {
    this.callOff();
    this.page.say("");
    this.page.show(region, { keep });
    this.addBits();
    if (keep) this.extend(0);
  }

  /** Read a place, and show it. */
  read(place, { keep = false } = {}) {
    return this._send(this._begin({ place, keep, isOfView: false }));
  }

  /** Read what has a name. */
  async find(text) {
    const question = this._begin({ place: null, keep: false, isOfView: false, isSent: true });
    let found;
    try {
      found = await ask("/api/find", "find", { asked: text }, false);
    } catch (error) {
      this._fail(question, error);
      return;
    }
    if (this.question !== question) return;
    const { record, start, end } = found;
    question.place = { record, start, end, pasted: null };
    await this._send(question);
  }

  /** What is seen and not in the region, once the view rests; whoever pressed a button need not wait. */
  extend(wait = WAIT) {
    const { question, view } = this;
    if (!this.isLive || !view.region || (question && !question.isOfView)) return;
    if (view.isInside) {
      this.callOff();
      if (question?.isSent) this.addBits();
      return;
    }
    const place = view.region.place(...view.covered());
    if (question?.isSent && question.place.start === place.start && question.place.end === place.end) return;
    const next = this._begin({ place, keep: true, isOfView: true });
    next.timer = setTimeout(() => this._send(next), wait);
  }

  /** A reading was chosen: read it, too, of what is shown or about to be. */
  choose() {
    const { question, view } = this;
    if (!this.isLive || !view.region) return;
    if (question && !question.isOfView) {
      if (question.place) this.read(question.place, question);
    } else if (this._chosen().every((choice) => this._laneOf(choice))) this.addBits();
    else this.read(view.region.place(), { keep: true });
  }

  /** Nobody waits for the answer any more. */
  callOff() {
    const { question } = this;
    if (!question) return;
    this.question = null;
    clearTimeout(question.timer);
    if (question.isSent) for (const slot of ["find", ...this.choices.map((choice) => choice.key)]) stop(slot);
    this.page.busy(false);
  }

  /** Bits of the readings that are shown without. */
  addBits() {
    if (!this.isLive) return;
    for (const choice of this._chosen()) {
      const lane = choice.model.causal && this._laneOf(choice);
      if (lane && !lane.content.bits) this._askBits(choice, lane);
    }
  }

  async _askBits(choice, lane) {
    const { region } = lane;
    try {
      const { bits } = await ask("/api/bits", choice.key, wanted({ ...region.place(), ...asked(choice) }));
      lane.content.bits = bits;
      this.page.redraw();
    } catch (error) {
      if (!(error instanceof Dropped) && region === this.view.region) this.page.say(error.message, true);
    }
  }

  _chosen() { return this.choices.filter((choice) => choice.isOn); }

  _laneOf(choice) { return this.view.region.lanes.find((lane) => lane.key === choice.key); }

  _begin(question) {
    this.callOff();
    this.question = question;
    return question;
  }

  async _send(question) {
    question.isSent = true;
    this.page.busy(true);
    let found;
    try {
      found = await Promise.all(this._chosen().map((choice) =>
        ask("/api/lane", choice.key, wanted({ ...question.place, ...asked(choice) }))));
    } catch (error) {
      this._fail(question, error);
      return;
    }
    if (this.question !== question) return;
    this.question = null;
    this.page.busy(false);
    const content = { ...found[0], lanes: found.flatMap((own) => own.lanes) };
    this.show(new Region(content, question.place.pasted ?? null), question);
  }

  /** What was shown before stays, with all that belongs to it. */
  _fail(question, error) {
    if (this.question !== question) return;
    this.question = null;
    this.page.busy(false);
    if (!(error instanceof Dropped)) this.page.say(error.message, true);
    if (!this.view.region) return;
    this.addBits();
    if (!question.isOfView) this.extend();
  }
}

function asked(choice) {
  return { model: choice.number, strand: choice.strand };
}
