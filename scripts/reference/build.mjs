// `npm run docs:api`: the API reference, from the types and their comments, into dist-docs/. A warning fails it: a public
// thing without a comment, a link to nowhere, a type that is used and not exported. With `--check` it writes nothing.

import { join } from "node:path";
import { run, root } from "../lib/run.mjs";

const here = join(root, "scripts/reference");
const options = process.argv.includes("--check") ? ["--emit", "none"] : [];
run(process.execPath, [join(here, "node_modules/typedoc/bin/typedoc"), ...options], { cwd: here });
