import { defineConfig } from "vite";

const proxy = { "/api": process.env.REJOIN_URL };

export default defineConfig({
  build: { target: "es2022" },
  server: { host: "127.0.0.1", proxy },
  preview: { host: "127.0.0.1", proxy },
});
