/** Bytes that travel in a module as text (scripts/build.mjs, `textOf`). */

/** What the build makes of a file. All of it is printable ASCII, so no page's character set can spoil it. */
export interface PackedBytes {
  /** Bytes in hexadecimal, the most frequent first. */
  readonly table: string;
  /** The characters that stand for a byte: of the first rank, or of the next one for each `escape` before them. */
  readonly plain: string;
  readonly escape: string;
  readonly text: string;
  /** bytes.wat, in base64. */
  readonly reader: string;
}

/** What bytes.wat exports. */
interface Reader {
  read(from: number, end: number, escape: number): number;
}

/** Characters of ASCII. */
const PAGE = 128;
/** Where the text lies, after the meanings of its characters. */
const TEXT = 1024;
/** A page of WebAssembly's memory. */
const MEMORY_PAGE = 65_536;

/** @throws what the engine says where it may not compile, as under a Content-Security-Policy */
export function unpack({ table, plain, escape, text, reader }: PackedBytes): Uint8Array<ArrayBuffer> {
  const memory = new WebAssembly.Memory({ initial: Math.ceil((TEXT + text.length) / MEMORY_PAGE) });
  const bytes = new Uint8Array(memory.buffer);
  // What a character stands for, on a page of its own for each number of escapes before it.
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
