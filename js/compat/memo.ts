/** Remembers what the WebAssembly module answers for a chunk's type, so that the same few words cross once. */

/** More types than any dialect has; what lies beyond is asked anew. */
const MOST = 256;

/** `answer`, asked once per type. */
export function memoise(answer: (type: string) => number): (type: string) => number {
  const known = new Map<string, number>();
  return (type) => known.get(type) ?? remember(known, type, answer(type));
}

function remember(known: Map<string, number>, type: string, code: number): number {
  if (known.size < MOST) known.set(type, code);
  return code;
}
