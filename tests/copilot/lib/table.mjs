// The verdicts as a table: a scene a line, before beside after, on either backend.

const COLUMNS = [["copilot", "before"], ["copilot", "after"], ["rejoin", "before"], ["rejoin", "after"]];

/** @param {Map<string, string[]>} verdicts By scene, backend and state. */
export function table(scenes, verdicts) {
  const cell = (name, [kind, state]) => {
    const defects = verdicts.get(`${name} ${kind} ${state}`);
    return defects === undefined ? "-" : defects.length === 0 ? "whole" : defects.join(", ");
  };
  const head = ["scene", ...COLUMNS.map(([kind, state]) => `${kind}: ${state}`)];
  const rows = scenes.map(({ name }) => [name, ...COLUMNS.map((column) => cell(name, column))]);
  const widths = head.map((_, at) => Math.max(...[head, ...rows].map((row) => row[at].length)));
  const line = (row) => `| ${row.map((text, at) => text.padEnd(widths[at])).join(" | ")} |`;
  return [line(head), `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...rows.map(line)].join("\n");
}
