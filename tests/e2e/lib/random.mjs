// Random numbers from a seed. Equal seeds give equal numbers.

/** Returns a generator of numbers from 0 up to 1 (mulberry32). */
export function numbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function random(seed) {
  const next = numbers(seed);
  return {
    /** Returns a whole number from 0 up to, not including, `end`. */
    below: (end) => Math.floor(next() * end),
    pick: (from) => from[Math.floor(next() * from.length)],
  };
}
