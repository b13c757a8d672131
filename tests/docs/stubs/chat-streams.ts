// The module that the migration guide makes first.
import { createChatStreams } from "rejoin";

export const streams = createChatStreams({ baseUrl: "/api/chat" });
