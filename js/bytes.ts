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

/** Characters of ASCII. */
const PAGE = 128;

export function unpack({ length, table, plain, escape, text }: PackedBytes): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  // What a character stands for, on a page of its own for each number of escapes before it.
  const meanings = new Uint8Array(Math.ceil(256 / plain.length) * PAGE);
  for (let rank = 0; rank < 256; rank++) {
    const page = Math.floor(rank / plain.length) * PAGE;
    meanings[page + plain.charCodeAt(rank % plain.length)] = Number.parseInt(table.slice(2 * rank, 2 * rank + 2), 16);
  }
  const codes = new TextEncoder().encode(text);
  const escapeCode = escape.charCodeAt(0);
  let page = 0;
  let at = 0;
  for (let index = 0; index < codes.length; index++) {
    const code = codes[index] as number;
    if (code === escapeCode) {
      page += PAGE;
    } else {
      bytes[at++] = meanings[page + code] as number;
      page = 0;
    }
  }
  return bytes;
}
