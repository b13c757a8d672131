// The two backends on which the app is tested, each with the app's pages and the two base URLs of its endpoints.

import { request as httpRequest } from "node:http";
import { startServer, Truth } from "../../e2e/lib/server.mjs";
import { CopilotBackend } from "../backend.mjs";
import { Agent } from "./agent.mjs";
import { Local } from "./local.mjs";

const JSON_BASE = "/api/proxy/api/chat";
const BASE = "/api/chat";
const KEY = "the webhook's key";
const COMMENT_MS = 1_000;

/** A backend, and how a test reads it without the page. */
class Backend {
  #jsonUrl;
  #stop;

  /** @param {{ url: string, jsonUrl: string, jsonBase: string, stop: () => Promise<void> }} where `url` has the app and both bases. */
  constructor({ url, jsonUrl, jsonBase, stop }) {
    this.url = url;
    this.truth = new Truth(jsonUrl, jsonBase);
    this.#jsonUrl = jsonUrl + jsonBase;
    this.#stop = stop;
  }

  /** Returns the messages of the session once so many are answered, or when the time is over. */
  async answered(session, turns, limitMs = 60_000) {
    const until = performance.now() + limitMs;
    for (;;) {
      const { active_stream: active, messages } = await this.truth.session(session);
      const users = messages.filter(({ role }) => role === "user").length;
      if ((active === null && users >= turns) || performance.now() > until) return messages;
      await new Promise((done) => setTimeout(done, 20));
    }
  }

  /** Sends the result of the operation that the session waits for, once there is one. */
  async completeOperation(session) {
    for (;;) {
      const { messages, active_stream: active } = await this.truth.session(session);
      const pending = messages.find(({ role, content }) => role === "tool" && content.includes("operation_"));
      const id = active?.operation_id || (pending && JSON.parse(pending.content).operation_id);
      if (id) return this.#complete(id);
      await new Promise((done) => setTimeout(done, 20));
    }
  }

  async #complete(operationId) {
    const body = JSON.stringify({ success: true, result: { type: "built", parts: 3 } });
    const headers = { "content-type": "application/json", "x-api-key": KEY };
    const response = await fetch(`${this.#jsonUrl}/operations/${operationId}/complete`, { method: "POST", headers, body });
    if (!response.ok) throw new Error(`The operation's result: ${response.status} ${await response.text()}`);
  }

  stop() {
    return this.#stop();
  }
}

/** CoPilot's, with its habits or others. @returns {Promise<Backend>} */
export async function copilotBackend(files, habits = {}) {
  const often = { sendCommentMs: COMMENT_MS, joinCommentMs: COMMENT_MS };
  const backend = await new CopilotBackend({ files, jsonBase: JSON_BASE, completeAfterMs: 10, ...often, ...habits }).up();
  return new Backend({ url: backend.url, jsonUrl: backend.url, jsonBase: JSON_BASE, stop: () => backend.stop() });
}

/** Ours, with an agent that answers the same. @returns {Promise<Backend>} */
export async function ownBackend(files) {
  const agent = await new Agent().up();
  const server = await startServer("--www", files, "--agent", "http", "--agent-url", `${agent.url}/`, "--internal-api-key", KEY, "--heartbeat-ms", String(COMMENT_MS));
  const bases = await new Bases(server.url).up();
  async function stop() {
    await bases.stop();
    await server.stop();
    await agent.stop();
  }
  return new Backend({ url: bases.url, jsonUrl: server.url, jsonBase: BASE, stop });
}

/** A proxy that adds a second base URL, for JSON only, to a backend with one. */
class Bases extends Local {
  #target;

  constructor(target) {
    super((request, response) => this.#pass(request, response));
    this.#target = new URL(target);
  }

  #pass(request, response) {
    const isStream = /\/stream(\?|$)/.test(request.url);
    if (request.url.startsWith(JSON_BASE) ? isStream : request.url.startsWith(BASE) && !isStream) {
      response.writeHead(404, { "content-type": "text/html" });
      return response.end("<html><body>There is nothing here.</body></html>");
    }
    const { hostname, port } = this.#target;
    const path = request.url.replace(JSON_BASE, BASE);
    const upstream = httpRequest({ hostname, port, method: request.method, path, headers: request.headers, agent: false }, (answered) => {
      response.writeHead(answered.statusCode ?? 502, answered.headers);
      response.flushHeaders();
      answered.pipe(response);
    });
    upstream.on("error", () => response.destroy());
    response.on("close", () => upstream.destroy());
    request.pipe(upstream);
  }
}
