/** Unpacks the WebAssembly that the build inlines into a JavaScript module as text (`textOf` in scripts/build.mjs). */

/** A file as text. It consists of printable ASCII only, so that a page with another character set cannot corrupt it. */
export interface PackedBytes {
  /** All 256 byte values in hexadecimal, the most frequent first. The place of a byte in this list is its rank. */
  readonly table: string;
  /**
   * The characters for the bytes of the first ranks, in order. With one `escape` before it, a character means a byte of the
   * next ranks, with two one of those after them, and so on.
   */
  readonly plain: string;
  /** The character that comes before those of later ranks. */
  readonly escape: string;
  /** The bytes of the file in these characters. */
  readonly text: string;
  /** The compiled bytes.wat in base64. */
  readonly reader: string;
}

/** The exports of bytes.wat. */
interface Reader {
  read(from: number, end: number, escape: number): number;
}

/** The number of ASCII characters, and so the size of a table that gives each of them a meaning. */
const PAGE = 128;
/** The address of the text, which follows the tables. */
const TEXT = 1024;
/** The size of a page of WebAssembly memory, in bytes. */
const MEMORY_PAGE = 65_536;

/**
 * Returns the bytes of a packed file.
 *
 * @throws the error of the engine if it may not compile WebAssembly, for example because of a Content-Security-Policy
 */
export function unpack({ table, plain, escape, text, reader }: PackedBytes): Uint8Array<ArrayBuffer> {
  const memory = new WebAssembly.Memory({ initial: Math.ceil((TEXT + text.length) / MEMORY_PAGE) });
  const bytes = new Uint8Array(memory.buffer);
  // There is one table of meanings for each number of escapes before a character.
  for (let rank = 0; rank < 256; rank++) {
    const page = Math.floor(rank / plain.length) * PAGE;
    bytes[page + plain.charCodeAt(rank % plain.length)] = Number.parseInt(table.slice(2 * rank, 2 * rank + 2), 16);
  }
  new TextEncoder().encodeInto(text, bytes.subarray(TEXT));
  const end = readerOf(reader, memory).read(TEXT, TEXT + text.length, escape.charCodeAt(0));
  return bytes.subarray(TEXT, end);
}

function readerOf(base64: string, memory: WebAssembly.Memory): Reader {
  const code = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return new WebAssembly.Instance(new WebAssembly.Module(code), { "": { memory } }).exports as unknown as Reader;
}
