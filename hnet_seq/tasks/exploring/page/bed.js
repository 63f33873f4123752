// Chunks as BED, line for line as `hnet-seq segment --bed` writes them.

/** Lines of the chunks that tile a region; those of the reverse complement have the strand "-". */
export function bedOf(lane, stage) {
  const strand = lane.isReverse ? "-" : ".";
  const rows = lane.chunks(stage).map(({ start, end, probability }) =>
    [lane.region.record, start, end, `stage${stage}`, score(probability), strand].join("\t") + "\n");
  return rows.join("");
}

/** 1,000 times a probability, in 32 bits as there, rounded half to even. */
function score(probability) {
  const value = Math.fround(Math.fround(probability) * 1000);
  const below = Math.floor(value), rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2) ? below + 1 : below;
}
