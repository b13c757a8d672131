/** The time of the core: milliseconds since the Unix epoch that never run back. */

/**
 * Starts at the wall clock and then goes on by whichever clock moved further since the last look: `performance.now`
 * ignores a user who sets the clock back, but in some engines it stops while the machine sleeps.
 */
export function startClock(): () => number {
  let wall = Date.now();
  let steady = steadyTime();
  let now = wall;
  return () => {
    const [lastWall, lastSteady] = [wall, steady];
    [wall, steady] = [Date.now(), steadyTime()];
    now += Math.max(wall - lastWall, steady - lastSteady, 0);
    return now;
  };
}

function steadyTime(): number {
  return typeof performance === "object" ? performance.now() : Date.now();
}
