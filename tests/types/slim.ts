// `rejoin/slim` as an app would use it: the same names and types as `rejoin`, and a client that ends with its block.

import * as full from "../../dist/index.js";
import * as slim from "../../dist/slim.js";

export const same: typeof full = slim;
export const same2: typeof slim = full;

export async function load(response: Promise<Response>): Promise<void> {
  await slim.init(new URL("https://example.org/client.wasm"));
  await slim.init("/client.wasm");
  await slim.init(response);
  await slim.init(new Uint8Array());
  slim.initSync(new WebAssembly.Module(new Uint8Array()));
  using streams = slim.createChatStreams();
  await streams.ready;
}

// @ts-expect-error null is no source
export const wrong = () => slim.init(null);
