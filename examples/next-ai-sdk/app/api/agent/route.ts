// The agent: an ordinary route of the AI SDK. `rejoin-server` calls it for each turn, stores its answer and streams it to the
// page. The browser never calls it.
import { convertToModelMessages, isStepCount, streamText, tool, type UIMessage } from "ai";
import { Webhook } from "standardwebhooks";
import { z } from "zod";
import { model } from "@/lib/model";

export const maxDuration = 300;

const tools = {
  weather: tool({
    description: "The weather of a city",
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => ({ city, celsius: 21 }),
  }),
  // Without `execute` it is a tool of the page: the turn ends, and the page's output continues the answer.
  location: tool({
    description: "Where the user is",
    inputSchema: z.object({}),
    outputSchema: z.object({ city: z.string() }),
  }),
  book: tool({
    description: "Books a table",
    inputSchema: z.object({ restaurant: z.string() }),
    execute: async ({ restaurant }) => ({ restaurant, booked: true }),
  }),
};

export async function POST(request: Request) {
  const body = await request.text();
  if (!isOurs(body, request.headers)) return Response.json({ error: "bad signature" }, { status: 401 });
  const { messages }: { messages: UIMessage[] } = JSON.parse(body);
  const result = streamText({
    model,
    messages: await convertToModelMessages(messages),
    tools,
    // The turn ends before it runs, and the user's decision continues the answer.
    toolApproval: { book: "user-approval" },
    stopWhen: isStepCount(5),
    abortSignal: request.signal, // a user's stop
  });
  return result.toUIMessageStreamResponse();
}

/** Returns whether the request comes from our `rejoin-server`, which has the same REJOIN_AGENT_SECRET. */
function isOurs(body: string, headers: Headers): boolean {
  const secret = process.env.REJOIN_AGENT_SECRET;
  if (!secret) return process.env.NODE_ENV !== "production";
  try {
    new Webhook(secret).verify(body, Object.fromEntries(headers));
    return true;
  } catch {
    return false;
  }
}
