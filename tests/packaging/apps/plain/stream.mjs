// Node: `node stream.mjs BASE SESSION MESSAGE` prints the outcome and the text.
import { createChatStreams } from "rejoin";

const [baseUrl, session, message] = process.argv.slice(2);
const streams = createChatStreams({ baseUrl });
let text = "";
const { kind } = await streams.startStream(session, message, (chunk) => {
  if (chunk.type === "text_chunk") text += chunk.content;
});
console.log(JSON.stringify({ kind, text }));
