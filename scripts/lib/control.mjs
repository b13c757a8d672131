// Controls the server for the demo's lab, in development only: restarts it, and finishes background jobs as the service that runs
// them would. It listens on this machine only, and answers only pages of this machine that know its token.

import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";

const LOCAL = /^https?:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;

/**
 * @param {{ supervisor: import("./supervisor.mjs").Supervisor, key: string, basePath: string, announceIn: string }} about
 *   `key` opens the webhook; `announceIn` is the file in which the page finds the address of the control.
 * @returns {Promise<import("node:http").Server>}
 */
export async function startControl({ supervisor, key, basePath, announceIn }) {
  const token = randomUUID();
  const actions = [
    { path: /^\/restart$/, act: () => supervisor.restart() },
    { path: /^\/complete\/([^/]+)$/, act: ([, operation]) => complete(`${supervisor.url}${basePath}/operations/${operation}/complete`, key) },
  ];
  const server = createServer((request, response) => void handle(request, response, { token, actions }));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  server.unref();
  writeFileSync(announceIn, JSON.stringify({ control: `http://127.0.0.1:${server.address().port}`, token }));
  return server;
}

/** Removes the announcement of the control. */
export function withdraw(announcedIn) {
  writeFileSync(announcedIn, JSON.stringify({ control: null }));
}

async function handle(request, response, { token, actions }) {
  const { origin } = request.headers;
  if (!origin || !LOCAL.test(origin)) return answer(response, 403, "not for other origins");
  response.setHeader("access-control-allow-origin", origin);
  response.setHeader("vary", "origin");
  response.setHeader("access-control-allow-headers", "x-lab-token");
  response.setHeader("access-control-allow-methods", "POST");
  if (request.method === "OPTIONS") return answer(response, 204);
  if (request.headers["x-lab-token"] !== token) return answer(response, 401, "the token is missing or old");
  const action = actions.find(({ path }) => request.method === "POST" && path.test(request.url));
  if (!action) return answer(response, 404, "nothing is there");
  try {
    await action.act(action.path.exec(request.url));
    answer(response, 204);
  } catch (error) {
    answer(response, 502, String(error?.message ?? error));
  }
}

async function complete(url, key) {
  const result = { status: "finished", rows: 128, note: "made by the demo" };
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": key },
    body: JSON.stringify({ success: true, result }),
  });
  if (!response.ok) throw new Error(await response.text());
}

function answer(response, status, text = "") {
  response.writeHead(status, { "content-type": "text/plain" });
  response.end(text);
}
