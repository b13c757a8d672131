import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// To the browser the backend is of the same origin: no CORS, and cookies work.
const backend = process.env["REJOIN_URL"] ?? "http://127.0.0.1:8787";

export default defineConfig({
  plugins: [react()],
  server: { proxy: { "/api": backend } },
  preview: { proxy: { "/api": backend } },
});
