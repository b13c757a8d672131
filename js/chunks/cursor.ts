/** Compares event ids. They have the form `ms-seq`, with two unsigned 64-bit integers (PROTOCOL §1). */

/** Returns whether the event `id` comes after the event `cursor`. */
export function isAfter(id: string, cursor: string): boolean {
  const [ms, seq] = parts(id);
  const [otherMs, otherSeq] = parts(cursor);
  return ms === otherMs ? seq > otherSeq : ms > otherMs;
}

/** Splits an id into its two integers. The core checks the form of all ids and cursors before. */
function parts(id: string): [ms: bigint, seq: bigint] {
  const [ms = "0", seq = "0"] = id.split("-");
  return [BigInt(ms), BigInt(seq)];
}
