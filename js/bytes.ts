/** Bytes that travel in a module as text (scripts/build.mjs, `textOf`). */

/** What the build makes of a file. All of it is printable ASCII, so no page's character set can spoil it. */
export interface PackedBytes {
  /** How many bytes there are. */
  readonly length: number;
  /** Bytes in hexadecimal, the most frequent first. */
  readonly table: string;
  /** The characters that stand for a byte: of the first rank, or of the next one for each `escape` before them. */
  readonly plain: string;
  readonly escape: string;
  readonly text: string;
}

export function unpack({ length, table, plain, escape, text }: PackedBytes): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  const ranks = new Uint8Array(128);
  for (let rank = 0; rank < plain.length; rank++) ranks[plain.charCodeAt(rank)] = rank;
  const ranked = Uint8Array.from({ length: 256 }, (_, rank) => Number.parseInt(table.slice(2 * rank, 2 * rank + 2), 16));
  const escapeCode = escape.charCodeAt(0);
  let base = 0;
  let at = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === escapeCode) {
      base += plain.length;
      continue;
    }
    bytes[at++] = ranked[base + (ranks[code] as number)] as number;
    base = 0;
  }
  return bytes;
}
