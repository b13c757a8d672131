// @vitest-environment jsdom
import { expect, test } from "vitest";
import { createChatStreams } from "rejoin";

const { REJOIN_BASE: baseUrl, REJOIN_SESSION: session, REJOIN_MESSAGE: message } = process.env;

test("an answer streams into the page", async () => {
  const streams = createChatStreams({ baseUrl });
  const page = document.body.appendChild(document.createElement("p"));
  streams.onSnapshot(session, () => {
    page.textContent = (streams.getSnapshot(session).message?.parts ?? []).map((part) => part.text ?? "").join("");
  });
  expect((await streams.startStream(session, message)).kind).toBe("finished");
  const { messages } = await (await fetch(`${baseUrl}/sessions/${session}`)).json();
  const stored = messages.find(({ role }) => role === "assistant").content;
  await expect.poll(() => page.textContent).toBe(stored);
  streams.close();
});
