// Measures the cost of a call on a machine that does other work as well.

/** Returns the CPU time of a call in milliseconds, of this process only. */
export function cost(call) {
  const before = process.cpuUsage();
  call();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
