// A route handler that streams an answer of the backend to its end, in Node.
import { createChatStreams } from "rejoin";

export async function GET(request) {
  const { searchParams } = new URL(request.url);
  const streams = createChatStreams({ baseUrl: `${process.env.REJOIN_URL}/api/chat` });
  let text = "";
  const { kind } = await streams.startStream(searchParams.get("session"), searchParams.get("message"), (chunk) => {
    if (chunk.type === "text_chunk") text += chunk.content;
  });
  streams.close();
  return Response.json({ kind, text });
}
