import type { NextConfig } from "next";
import { SERVER } from "./lib/server";

export default {
  // The browser calls this origin only, so the app's cookies reach the server, and no CORS is needed.
  rewrites: async () => [{ source: "/api/chat/:path*", destination: `${SERVER}/api/chat/:path*` }],
  // Only for a backend that does not send `cache-control: no-transform`, as `rejoin-server` does: compression delays small chunks.
  compress: false,
} satisfies NextConfig;
