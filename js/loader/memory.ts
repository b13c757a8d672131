// Reads what the WebAssembly module has written into its memory.

let memory: WebAssembly.Memory | undefined;
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Makes this module's memory the one that is read. */
export function readMemoryOf(exports: { memory: WebAssembly.Memory }): void {
  memory = exports.memory;
}

/** Numbers of 32 bits, as a view of the memory: the next call into the module may move or overwrite them. */
export function wordsAt(address: number, count: number): Uint32Array {
  return new Uint32Array((memory as WebAssembly.Memory).buffer, address, count);
}

/** A text, given by the address and the length of its UTF-8. */
export function textAt(address: number, length: number): string {
  return decoder.decode(new Uint8Array((memory as WebAssembly.Memory).buffer, address, length));
}
