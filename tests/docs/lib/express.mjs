// The part of Express that the backend guide uses, on node:http, so that its example needs no other dependency.

import { createServer } from "node:http";

export default function express() {
  const routes = [];
  const add = (method) => (path, handler) => routes.push({ method, pattern: patternOf(path), handler });
  return {
    use() {},
    get: add("GET"),
    post: add("POST"),
    listen: (port, done) => createServer((request, response) => void serve(routes, request, response)).listen(port, "127.0.0.1", done),
  };
}

express.json = () => undefined;

function patternOf(path) {
  return new RegExp(`^${path.replaceAll(/:(\w+)/g, "(?<$1>[^/]+)")}$`);
}

async function serve(routes, request, response) {
  const url = new URL(request.url, "http://express");
  const route = routes.find(({ method, pattern }) => method === request.method && pattern.test(url.pathname));
  if (!route) return response.writeHead(404).end();
  const parts = [];
  for await (const part of request) parts.push(part);
  const body = parts.length > 0 ? JSON.parse(Buffer.concat(parts)) : undefined;
  response.status = (code) => Object.assign(response, { statusCode: code });
  response.json = (value) => response.setHeader("content-type", "application/json").end(JSON.stringify(value));
  route.handler(Object.assign(request, { params: { ...route.pattern.exec(url.pathname).groups }, query: Object.fromEntries(url.searchParams), body }), response);
}
