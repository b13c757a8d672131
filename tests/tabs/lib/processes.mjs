// Finds the process of a tab of Chromium among the children of the browser that this suite has started, and kills it.

import { readFileSync, readdirSync } from "node:fs";

/** How long the tab is kept busy to distinguish its process from the others, in milliseconds. */
const BUSY_MS = 300;

/** Kills the renderer of a tab, as the system does when memory runs out. */
export async function killRenderer(stage, tab) {
  const before = times(stage.pid);
  await tab.run((ms) => {
    const until = performance.now() + ms;
    while (performance.now() < until);
  }, BUSY_MS);
  const spent = [...times(stage.pid)].map(([pid, time]) => ({ pid, time: time - (before.get(pid) ?? 0) }));
  const [busiest] = spent.sort((one, other) => other.time - one.time);
  process.kill(busiest.pid, "SIGKILL");
}

/** Returns the CPU time of each renderer. */
function times(browser) {
  const renderers = descendants(browser).filter((pid) => read(pid, "cmdline").includes("--type=renderer"));
  return new Map(renderers.map((pid) => [pid, Number(fields(pid)[11]) + Number(fields(pid)[12])]));
}

function descendants(of) {
  const parents = new Map(readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map((pid) => [Number(pid), Number(fields(pid)[1])]));
  const isBelow = (pid) => pid !== undefined && pid > 1 && (pid === of || isBelow(parents.get(pid)));
  return [...parents.keys()].filter(isBelow);
}

/** Returns the fields of /proc/PID/stat after the name: state, parent, … */
function fields(pid) {
  const stat = read(pid, "stat");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

function read(pid, file) {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return ""; // It has ended meanwhile.
  }
}
