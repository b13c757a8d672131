/** Reads texts and numbers from the memory of the WebAssembly module. */

let memory: WebAssembly.Memory | undefined;
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Sets the memory that the functions below read. The loader calls it with the exports of the module. */
export function readMemoryOf(exports: { memory: WebAssembly.Memory }): void {
  memory = exports.memory;
}

/** Returns a view of `count` 32-bit numbers. The next call into the module may move or overwrite them. */
export function wordsAt(address: number, count: number): Uint32Array {
  return new Uint32Array((memory as WebAssembly.Memory).buffer, address, count);
}

/** Returns the text whose UTF-8 begins at `address` and is `length` bytes long. */
export function textAt(address: number, length: number): string {
  return decoder.decode(new Uint8Array((memory as WebAssembly.Memory).buffer, address, length));
}
