// The declarations that the package ships compile in an app, with every check of the compiler on.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

for (const options of [
  ["--module", "nodenext", "--moduleResolution", "nodenext"],
  ["--module", "esnext", "--moduleResolution", "bundler"],
]) {
  test(`an app compiles against the declarations: ${options.at(-1)}`, () => {
    const compiler = [path("../../node_modules/typescript/bin/tsc"), "--project", path("../types/tsconfig.json"), ...options];
    const { status, stdout } = spawnSync(process.execPath, compiler, { encoding: "utf8" });
    assert.equal(status, 0, stdout);
  });
}
