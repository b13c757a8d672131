// What something costs on a machine that has other things to do too.

/** The processor time of a call in ms: of this process, and none of the others. */
export function cost(call) {
  const before = process.cpuUsage();
  call();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
