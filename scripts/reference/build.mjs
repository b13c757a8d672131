// `npm run docs:api`: writes the API reference from the types and their comments into dist-docs/. It fails with a warning, for
// example about a public type without a comment, a broken link, or a type that is used but not exported. With `--check` it writes
// nothing.

import { join } from "node:path";
import { run, root } from "../lib/run.mjs";

const here = join(root, "scripts/reference");
const options = process.argv.includes("--check") ? ["--emit", "none"] : [];
run(process.execPath, [join(here, "node_modules/typedoc/bin/typedoc"), ...options], { cwd: here });
