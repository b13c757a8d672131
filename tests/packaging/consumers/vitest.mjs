// Vitest with jsdom, an emulated page.

import { join } from "node:path";
import { test } from "node:test";
import { bin, run } from "../lib/fresh.mjs";
import { MESSAGE } from "../lib/stage.mjs";

export function vitestConsumer(gate) {
  test("Vitest, jsdom: a test of an app streams an answer that is cut", async () => {
    const session = await gate.stage.truth.createSession();
    const env = { REJOIN_BASE: `${gate.stage.url}/api/chat`, REJOIN_SESSION: session, REJOIN_MESSAGE: MESSAGE };
    await run(bin(gate.folder, "vitest"), ["run"], { cwd: join(gate.folder, "vitest"), env });
    await gate.stage.assertWhole(session, await gate.stage.truth.answer(session));
  });
}
