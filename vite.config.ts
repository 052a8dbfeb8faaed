import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: here("src/console"),
  // Relative, so that the console also works behind a path prefix.
  base: "./",
  plugins: [react()],
  build: {
    outDir: here("dist/console"),
    emptyOutDir: true,
    target: "es2022",
    // A data: URL would need an exception in the content security policy.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 2_000,
  },
  server: { proxy: { "/api": "http://127.0.0.1:7070" } },
});
