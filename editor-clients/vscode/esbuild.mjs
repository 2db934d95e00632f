// Bundles the extension into dist/extension.js: node esbuild.mjs [--watch]
import { context } from "esbuild";

const build = await context({
  entryPoints: ["src/extension.ts"],
  bundle: true,
  outfile: "dist/extension.js",
  external: ["vscode"],
  format: "cjs",
  platform: "node",
  target: "node18",
  minify: !process.argv.includes("--watch"),
  sourcemap: process.argv.includes("--watch"),
  logLevel: "warning",
});
if (process.argv.includes("--watch")) {
  await build.watch();
} else {
  await build.rebuild();
  await build.dispose();
}
