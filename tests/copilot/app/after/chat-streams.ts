// The one client of the app. Streams and JSON have bases of their own.

import { createChatStreams } from "rejoin";
import { RETRY_DELAY_MS, STALL_MS } from "../shared/config";

export const streams = createChatStreams({
  baseUrl: "/api/chat",
  jsonBaseUrl: "/api/proxy/api/chat",
  retry: { initialDelayMs: RETRY_DELAY_MS },
  stallTimeoutMs: STALL_MS,
});
