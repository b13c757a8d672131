import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The proxy gives page and backend the same origin, so cookies work and no CORS is needed.
const backend = process.env["REJOIN_URL"] ?? "http://127.0.0.1:8787";

export default defineConfig({
  plugins: [react()],
  server: { proxy: { "/api": backend } },
  preview: { proxy: { "/api": backend } },
});
