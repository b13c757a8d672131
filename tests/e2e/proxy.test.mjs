// Tests the fault proxy itself, on which other tests rely.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { FaultProxy } from "./proxy.mjs";
import { insideCharacter } from "./lib/places.mjs";

const BODY = Buffer.from("data: one\n\ndata: tw🙂o\n\ndata: three\n\n");
let backend;
let target;

before(async () => {
  backend = createServer((_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const byte of BODY) response.write(Buffer.from([byte]));
    response.end();
  }).listen(0, "127.0.0.1");
  await once(backend, "listening");
  target = `http://127.0.0.1:${backend.address().port}`;
});

after(() => {
  backend.close();
  backend.closeAllConnections();
});

async function through(fault, read) {
  const proxy = await new FaultProxy(target).up();
  proxy.plan = () => fault;
  try {
    return await read(proxy);
  } finally {
    await proxy.down();
  }
}

/** Returns what a client receives, and how the response ends. */
async function readBody(url) {
  const parts = [];
  try {
    const response = await fetch(url);
    for await (const part of response.body) parts.push(part);
    return { bytes: Buffer.concat(parts), end: "complete" };
  } catch (error) {
    return { bytes: Buffer.concat(parts), end: "broken" };
  }
}

test("without a fault the body passes whole", async () => {
  const { bytes, end } = await through(undefined, (proxy) => readBody(proxy.url));
  assert.deepEqual([bytes, end], [BODY, "complete"]);
});

for (const [kind, expected] of [["fin", "broken"], ["eof", "complete"]]) {
  for (const at of [0, 1, 7, BODY.length - 1]) {
    test(`${kind} after ${at} bytes lets exactly these through`, async () => {
      const { bytes, end } = await through({ kind, at }, (proxy) => readBody(proxy.url));
      assert.deepEqual([bytes, end], [BODY.subarray(0, at), expected]);
    });
  }
}

test("a reset breaks the body", async () => {
  const { bytes, end } = await through({ kind: "rst", at: 12 }, (proxy) => readBody(proxy.url));
  assert.equal(end, "broken");
  assert.deepEqual(bytes, BODY.subarray(0, bytes.length));
});

test("a place may be found in the body: inside a character of four bytes", async () => {
  const { bytes } = await through({ kind: "fin", at: insideCharacter() }, (proxy) => readBody(proxy.url));
  assert.deepEqual(bytes, BODY.subarray(0, BODY.indexOf("🙂") + 2));
});

test("half-open keeps the connection and says nothing more", async () => {
  await through({ kind: "half-open", at: 5 }, async (proxy) => {
    const response = await fetch(proxy.url);
    const reader = response.body.getReader();
    await proxy.when("fault");
    assert.equal(proxy.streaming, 1);
    let got = Buffer.alloc(0);
    while (got.length < 5) got = Buffer.concat([got, (await reader.read()).value]);
    assert.deepEqual(got, BODY.subarray(0, 5));
    await reader.cancel();
    await proxy.when("closed");
  });
});

test("a refused request has no answer, and is counted", async () => {
  await through({ kind: "refuse" }, async (proxy) => {
    assert.equal((await readBody(`${proxy.url}/x?y=1`)).end, "broken");
    assert.equal(proxy.count("GET", /^\/x/), 1);
  });
});

test("down refuses connections, up takes them again at the same address", async () => {
  await through(undefined, async (proxy) => {
    const { url } = proxy;
    await proxy.down();
    assert.equal((await readBody(url)).end, "broken");
    await proxy.up();
    assert.equal(proxy.url, url);
    assert.equal((await readBody(url)).end, "complete");
  });
});
