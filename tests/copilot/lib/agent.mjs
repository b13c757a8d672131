// The agent behind `rejoin-server --agent http`, which answers as the test backend does.

import { setTimeout as pause } from "node:timers/promises";
import { answerTo, operationAnswer } from "./answer.mjs";
import { Local } from "./local.mjs";

export class Agent extends Local {
  #ids = 0;

  constructor() {
    super((request, response) => void this.#answer(request, response));
  }

  async #answer(request, response) {
    const { task_id: task, message, operation } = await new Response(request).json();
    const form = { toolOutput: "text", id: (what) => (what === "task" ? task : `${what}-${(this.#ids += 1)}`) };
    const { entries, paceMs } = operation ? after(operation, form) : answerTo(message, form);
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const { chunk } of entries) {
      if (response.destroyed) return;
      response.write(`data: ${JSON.stringify(chunk)}\n\n`);
      if (paceMs > 0) await pause(paceMs);
    }
    response.end("data: [DONE]\n\n");
  }
}

/** Answers after an operation. The server writes the operation's result itself. */
function after({ tool_call_id: callId, tool_name: toolName, result }, form) {
  const [, , ...entries] = operationAnswer({ callId, toolName }, result, form);
  return { entries, paceMs: 5 };
}
