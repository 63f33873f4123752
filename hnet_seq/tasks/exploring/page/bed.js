// Chunks as BED, line for line as `hnet-seq segment --bed` writes them, and the command that does.

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

/** The command that writes the same lines; null where none does: a file has no paths, and
 * `segment` reads regions of a file as they are. */
export function commandOf(about, lane, stage) {
  const { region } = lane;
  if (!about.live || !about.source || !region.isDna || region.pasted !== null || lane.isReverse) return null;
  const model = about.models.find((own) => own.name === lane.content.model);
  const words = ["hnet-seq", "segment", model.checkpoint, about.source, "--region", region.name,
    ...(stage ? ["--stage", `${stage}`] : []), "--bed", "chunks.bed"];
  return words.map(quoted).join(" ");
}

function quoted(word) {
  return /^[\w./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
