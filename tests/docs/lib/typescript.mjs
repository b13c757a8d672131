// Checks TypeScript blocks in strict mode against the types of the built package. Each is a file, and all are one project.

import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./blocks.mjs";

const STRICT = {
  target: "ES2022",
  lib: ["ES2023", "ESNext.Disposable", "DOM", "DOM.Iterable"],
  module: "ESNext",
  moduleResolution: "bundler",
  jsx: "react-jsx",
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  noImplicitOverride: true,
  noFallthroughCasesInSwitch: false,
  skipLibCheck: true,
  noEmit: true,
  types: [],
};

/** The modules that blocks import and this repository does not install, and those that a reader has from another block. */
const AMBIENT = `
declare module "next" {
  export interface NextConfig { rewrites?(): Promise<readonly { source: string; destination: string }[]> }
}
declare module "next/navigation" { export function redirect(to: string): never }
declare module "vite" { export function defineConfig(config: { plugins: unknown[]; server: { proxy: Record<string, string> } }): unknown }
declare module "@vitejs/plugin-react" { export default function react(): unknown }
declare module "*/Chat" { export function Chat(props: { sessionId: string }): import("react").ReactElement }
`;

/** @returns {Map<import("./blocks.mjs").Block, string[]>} What the compiler says about each block. */
export function complaints(blocks) {
  const folder = join(root, "target/docs/types");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const names = new Map(blocks.map((block, number) => [`block${number}.${block.language}`, block]));
  for (const [name, { given, code }] of names) writeFileSync(join(folder, name), `${given}\n${code}export {};\n`);
  writeFileSync(join(folder, "ambient.d.ts"), AMBIENT);
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: STRICT, include: ["*.ts", "*.tsx"] }));
  const { stdout, error } = spawnSync(join(root, "node_modules/.bin/tsc"), ["--project", folder, "--pretty", "false"], { cwd: folder, encoding: "utf8" });
  if (error) throw error;
  return sorted(stdout, names);
}

function sorted(output, names) {
  const said = new Map([...names.values()].map((block) => [block, []]));
  let last;
  for (const line of output.split("\n")) {
    const [, name, row, what] = /^([^(\s]+)\((\d+),\d+\): (.*)$/.exec(line) ?? [];
    const block = names.get(name);
    if (name && !block) throw new Error(line);
    if (block) said.get((last = block)).push(`${block.file}:${block.line + Number(row) - 1}: ${what}`);
    else if (last && line.startsWith(" ")) said.get(last).push(line);
  }
  return said;
}
