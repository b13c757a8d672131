// A chat in TypeScript; with `&slim` in the address, over `rejoin/slim` with the bytes as a file of their own.
import type { ChatStreams, UIMessagePart } from "rejoin";
import wasm from "rejoin/client.wasm?url";

const address = new URLSearchParams(location.search);
const session = address.get("session") ?? "";
const streams = await (address.has("slim") ? slim() : inlined());

streams.onSnapshot(session, () => {
  const { status, message } = streams.getSnapshot(session);
  show("status", status);
  show("text", (message?.parts ?? []).map(textOf).join(""));
});
const button = document.querySelector("button")!;
button.onclick = () => streams.startStream(session, address.get("message") ?? "");
button.disabled = false;

async function inlined(): Promise<ChatStreams> {
  return (await import("rejoin")).createChatStreams();
}

async function slim(): Promise<ChatStreams> {
  const { createChatStreams, init } = await import("rejoin/slim");
  await init(wasm);
  return createChatStreams();
}

function textOf(part: UIMessagePart): string {
  return part.type === "text" ? part.text : "";
}

function show(id: string, text: string): void {
  document.getElementById(id)!.textContent = text;
}
