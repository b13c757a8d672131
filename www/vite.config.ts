// Builds the demo into www/dist, which the server serves; `npm run dev` serves it with hot reload in front of a running server.
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const server = "http://127.0.0.1:8787";

export default defineConfig({
  base: "./",
  plugins: [react()],
  build: { target: "es2023", chunkSizeWarningLimit: 1200 },
  server: { proxy: { "/api": server, "/metrics": server } },
});
