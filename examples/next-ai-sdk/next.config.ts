import type { NextConfig } from "next";
import { SERVER } from "./lib/server";

export default {
  // The browser calls this origin only, so the app's cookies reach the server, and no CORS is needed.
  rewrites: async () => [{ source: "/api/chat/:path*", destination: `${SERVER}/api/chat/:path*` }],
  // A compressor holds small chunks back until it has enough of them. Compress in the proxy in front, and not the streams.
  compress: false,
} satisfies NextConfig;
