// Runs FastAPI apps, above all the agent of the examples, under uvicorn in a virtual environment of their own.

import { execFile } from "node:child_process";
import { rm, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { startProcess } from "./process.mjs";

const run = promisify(execFile);
const folder = resolve(import.meta.dirname, "../../../examples/fastapi/agent");

/**
 * `start` runs the module `main` of a folder, which is the example's agent unless another is given.
 * @returns {Promise<{ start: (environment: object, place?: string) => ReturnType<typeof startProcess>, remove: () => Promise<void> }>}
 */
export async function installFastApi() {
  const place = await mkdtemp(join(tmpdir(), "rejoin-fastapi-"));
  await run("python3", ["-m", "venv", place]);
  await run(join(place, "bin/pip"), ["install", "--quiet", "--disable-pip-version-check", "--requirement", join(folder, "requirements.txt")]);
  return {
    start: (environment, cwd = folder) =>
      startProcess(join(place, "bin/uvicorn"), ["main:app", "--host", "127.0.0.1", "--port", "0"], {
        cwd,
        env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1", ...environment },
      }),
    remove: () => rm(place, { recursive: true }),
  };
}
