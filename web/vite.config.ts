import { defineConfig } from "vite";

// The page must run under a policy that allows nothing inline and nothing from elsewhere, and
// under any base path: assets are named relative to `<base href>`, and none is inlined.
export default defineConfig({
  base: "./",
  build: {
    outDir: "dist/page",
    target: "es2022",
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
});
