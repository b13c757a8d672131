// Prints results: ratios, medians and quartiles, and the noise of the machine.

import { loadavg } from "node:os";

/** The load of the last minute, which shows how far the milliseconds can be trusted. */
export function printLoad(when) {
  console.log(`\nLoad of the machine ${when}: ${loadavg()[0].toFixed(1)}`);
}

/** @param engine which of the two goals of each row counts: 0 those of Node, 1 those of Chromium */
export function printRows(title, rows, engine) {
  if (rows.length === 0) return;
  const body = rows.map(({ name, goal, less, times, noise }) => {
    const off = less ? median(times[less]) : 0;
    const [own, peer] = Object.values(times).map((all) => median(all) - off);
    const raw = Object.entries(times).map(([side, all]) => `${side} ${spread(all)}`);
    return [name, `${figure(peer / own)}×`, goal ? `${figure(goal[engine])}×` : "", raw.join(", "), `${figure(median(noise))} ± ${percent(noise)}`];
  });
  printTable(title, ["row", "ratio", "goal", "median (lower, upper quartile) in ms", "the same loop"], body);
}

/** Prints a table as Markdown. */
export function printTable(title, head, body) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  console.log([`\n${title}\n`, line(head), line(head.map(() => "---")), ...body.map(line)].join("\n"));
}

/** Returns the median and the quartiles. */
export function spread(all) {
  return `${figure(median(all))} (${figure(quantile(all, 0.25))}, ${figure(quantile(all, 0.75))})`;
}

/** Returns half the interquartile range as a percentage of the median. */
function percent(all) {
  return `${Math.round((50 * (quantile(all, 0.75) - quantile(all, 0.25))) / median(all))} %`;
}

export function median(all) {
  return quantile(all, 0.5);
}

function quantile(all, part) {
  const sorted = [...all].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
}

/** Formats a number with three digits, or with all digits before the point. */
export function figure(number) {
  return number >= 100 ? String(Math.round(number)) : number.toPrecision(number >= 10 ? 3 : 2);
}
