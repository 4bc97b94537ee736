// Bundles the page into bundle/, which is committed and compiled into Breakwater.
//
//   node build.mjs           writes bundle/
//   node build.mjs --check   ends with 1 if bundle/ is not what the sources give
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const bundle = join(here, "bundle");
const kCompressedMax = 120 * 1024;

const built = await build({
  absWorkingDir: here,
  entryPoints: { page: "src/main.tsx" },
  outdir: "bundle",
  bundle: true,
  minify: true,
  write: false,
  format: "esm",
  target: ["es2022"],
  legalComments: "none",
  charset: "utf8",
  jsx: "automatic",
  jsxImportSource: "preact",
  banner: { js: "/* Breakwater's page; made from routes/ops/page/src by build.mjs. Has Preact and uPlot (MIT). */" },
});

// Each file's name has its hash, so that a browser may keep it for ever; only index.html is asked for again.
const files = new Map();
let html = readFileSync(join(here, "src/index.html"), "utf8");
const icon = { path: "icon.svg", contents: readFileSync(join(here, "src/icon.svg")) };
for (const { path, contents } of [...built.outputFiles, icon]) {
  const name = basename(path);
  const hash = createHash("sha256").update(contents).digest("hex").slice(0, 12);
  const hashed = name.replace(".", `-${hash}.`);
  if (!html.includes(`/-/${name}`)) throw new Error(`src/index.html names no /-/${name}`);
  html = html.replace(`/-/${name}`, `/-/${hashed}`);
  files.set(hashed, Buffer.from(contents));
}
files.set("index.html", Buffer.from(html));

const compressed = [...files.values()].reduce((sum, bytes) => sum + gzipSync(bytes, { level: 9 }).length, 0);
console.log(`${[...files.keys()].join(", ")}: ${(compressed / 1024).toFixed(1)} KiB compressed`);
if (compressed > kCompressedMax) {
  console.error(`the page is larger than ${kCompressedMax / 1024} KiB compressed`);
  process.exit(1);
}

if (process.argv.includes("--check")) {
  const there = new Set(readdirSync(bundle));
  const same = [...files].every(([name, bytes]) => there.has(name) && bytes.equals(readFileSync(join(bundle, name))));
  if (!same || there.size !== files.size) {
    console.error("bundle/ is not what src/ gives: run `npm ci && npm run build` in routes/ops/page, and commit it");
    process.exit(1);
  }
} else {
  rmSync(bundle, { recursive: true, force: true });
  mkdirSync(bundle);
  for (const [name, bytes] of files) writeFileSync(join(bundle, name), bytes);
}
