import type { NextConfig } from "next";
import { BACKEND } from "./lib/backend";

export default {
  // The browser calls this origin only, so the app's cookies reach the backend, and no CORS is needed.
  rewrites: async () => [{ source: "/api/chat/:path*", destination: `${BACKEND}/api/chat/:path*` }],
  // Only for a backend that does not send `cache-control: no-transform`, as `rejoin-server` does: compression delays small chunks.
  compress: false,
} satisfies NextConfig;
