// The same for code that requires.
const { createChatStreams } = require("rejoin");

const [baseUrl, session, message] = process.argv.slice(2);
const streams = createChatStreams({ baseUrl });
let text = "";
const add = (chunk) => {
  if (chunk.type === "text_chunk") text += chunk.content;
};
streams.startStream(session, message, add).then(({ kind }) => console.log(JSON.stringify({ kind, text })));
