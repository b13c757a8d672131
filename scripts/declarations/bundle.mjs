// Bundles one declaration file for each entry point, so that only the interface of the package can be imported.

import { join, sep } from "node:path";
import { rolldown } from "rolldown";
import { dts } from "rolldown-plugin-dts";

/** The folders of `js` whose types every app imports from `rejoin`. The other entry points refer to them there. */
const SHARED = ["types", "streams", "loader", "compat", "conversation"];

/**
 * Bundles the declarations of an entry point.
 * @param {{ from: string, entry: string, into: string, name: string }} paths The folder of what the compiler wrote, the file
 * of the entry point in it, the folder of the package's files and the name of the entry point there.
 */
export async function bundleDeclarations({ from, entry, into, name }) {
  const isOther = name !== "index";
  const bundle = await rolldown({
    input: { [name]: join(from, entry) },
    external: ["ai", "react"],
    plugins: [...(isOther ? [refersToIndex(from)] : []), dts({ dtsInput: true }), withoutPaths],
    logLevel: "warn",
  });
  await bundle.write({ dir: into, format: "es", entryFileNames: "[name].d.ts" });
  await bundle.close();
}

/** Removes the comments that name the files of the build. */
const withoutPaths = { name: "without paths", renderChunk: (code) => code.replace(/^\/\/ \S+\.d\.ts\n/gm, "") };

function refersToIndex(from) {
  const isShared = (path) => SHARED.some((folder) => path.startsWith(join(from, folder) + sep));
  return {
    name: "refers to index",
    resolveId(source, importer) {
      if (!importer || !source.startsWith(".")) return undefined;
      return isShared(join(importer, "..", source)) ? { id: "./index.js", external: true } : undefined;
    },
  };
}
