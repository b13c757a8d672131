/** Caches what the WebAssembly module answers for a chunk's type, so that each type crosses the boundary only once. */

/** The size of the cache. It is larger than any dialect; types beyond it cross the boundary each time. */
const MOST = 256;

/** Returns a function that calls `answer` once per type. */
export function memoise(answer: (type: string) => number): (type: string) => number {
  const known = new Map<string, number>();
  return (type) => known.get(type) ?? remember(known, type, answer(type));
}

function remember(known: Map<string, number>, type: string, code: number): number {
  if (known.size < MOST) known.set(type, code);
  return code;
}
