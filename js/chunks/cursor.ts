/** Event ids as the app sees them: `ms-seq`, two unsigned 64-bit integers (PROTOCOL §1), never compared as text. */

/** Whether the event `id` comes after the one that `cursor` names. */
export function isAfter(id: string, cursor: string): boolean {
  const [ms, seq] = parts(id);
  const [otherMs, otherSeq] = parts(cursor);
  return ms === otherMs ? seq > otherSeq : ms > otherMs;
}

/** The core hands on no id of another shape, and takes no cursor of another. */
function parts(id: string): [ms: bigint, seq: bigint] {
  const [ms = "0", seq = "0"] = id.split("-");
  return [BigInt(ms), BigInt(seq)];
}
