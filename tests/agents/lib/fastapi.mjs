// The FastAPI agent of the examples, under uvicorn, in a virtual environment of its own.

import { execFile } from "node:child_process";
import { rm, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { startProcess } from "./process.mjs";

const run = promisify(execFile);
const folder = resolve(import.meta.dirname, "../../../examples/fastapi/agent");

/** @returns {Promise<{ start: (environment: object) => ReturnType<typeof startProcess>, remove: () => Promise<void> }>} */
export async function installFastApi() {
  const place = await mkdtemp(join(tmpdir(), "rejoin-fastapi-"));
  await run("python3", ["-m", "venv", place]);
  await run(join(place, "bin/pip"), ["install", "--quiet", "--disable-pip-version-check", "--requirement", join(folder, "requirements.txt")]);
  return {
    start: (environment) =>
      startProcess(join(place, "bin/uvicorn"), ["main:app", "--host", "127.0.0.1", "--port", "0"], {
        cwd: folder,
        env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1", ...environment },
      }),
    remove: () => rm(place, { recursive: true }),
  };
}
