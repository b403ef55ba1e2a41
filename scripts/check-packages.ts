/**
 * Checks the packages as a user gets them: built, packed, and installed from the tarball into an empty project.
 * publint and "are the types wrong" judge each tarball, then a consumer is type-checked with `skipLibCheck: false`
 * and both `import` and `require` load every entry.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

const PNPM = ["--yes", "pnpm@12.21.0"];
const root = join(dirname(fileURLToPath(import.meta.url)), "..");

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly publishConfig: { readonly exports: Readonly<Record<string, unknown>> };
}

function run(command: string, args: readonly string[], cwd: string): string {
  try {
    return execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    const failure = error as { stdout?: string; stderr?: string };
    throw new Error(
      `${command} ${args.join(" ")} failed in ${cwd}\n${failure.stdout ?? ""}\n${failure.stderr ?? ""}`,
    );
  }
}

const folders = readdirSync(join(root, "packages")).map((name) => join(root, "packages", name));
const work = mkdtempSync(join(tmpdir(), "modelops-packages-"));
const tarballs = new Map<string, string>();
const entries: string[] = [];
let problems = 0;

try {
  run("npx", [...PNPM, "-r", "run", "build"], root);
  for (const folder of folders) {
    const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
    const packed = join(work, "packed", manifest.name.replace("@modelops/", ""));
    mkdirSync(packed, { recursive: true });
    run("npx", [...PNPM, "pack", "--pack-destination", packed], folder);
    const file = readdirSync(packed).find((name) => name.endsWith(".tgz"));
    if (!file) throw new Error(`pnpm pack wrote no tarball for ${manifest.name}`);
    const tarball = join(packed, file);
    tarballs.set(manifest.name, tarball);

    const buffer = readFileSync(tarball);
    const result = await publint({
      strict: true,
      pack: {
        tarball: buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength) as ArrayBuffer,
      },
    });
    for (const message of result.messages) {
      problems += 1;
      console.error(`publint ${manifest.name}: ${formatMessage(message, result.pkg)}`);
    }
    try {
      run(
        join(root, "node_modules", ".bin", "attw"),
        [tarball, "--profile", "esm-only", "--format", "ascii"],
        root,
      );
    } catch (error) {
      problems += 1;
      console.error(String(error));
    }
    for (const subpath of Object.keys(manifest.publishConfig.exports)) {
      if (subpath !== "./package.json") entries.push(manifest.name + subpath.slice(1));
    }
    console.log(`${manifest.name}: ${(buffer.byteLength / 1024).toFixed(0)} KiB packed`);
  }

  const consumer = join(work, "consumer");
  mkdirSync(consumer);
  const dependencies = Object.fromEntries([...tarballs].map(([name, path]) => [name, `file:${path}`]));
  writeFileSync(
    join(consumer, "package.json"),
    JSON.stringify({ name: "consumer", private: true, type: "module", dependencies }, null, 2),
  );
  writeFileSync(
    join(consumer, "pnpm-workspace.yaml"),
    `overrides:\n${[...tarballs].map(([name, path]) => `  "${name}": "file:${path}"`).join("\n")}\nstrictDepBuilds: false\n`,
  );
  run("npx", [...PNPM, "install", "--no-frozen-lockfile", "--prefer-offline", "--ignore-scripts"], consumer);
  const names = entries.map((_, index) => `entry${index}`);
  writeFileSync(
    join(consumer, "consumer.ts"),
    `${entries.map((entry, index) => `import * as ${names[index]} from "${entry}";`).join("\n")}\nexport const loaded: object[] = [${names.join(", ")}];\n`,
  );
  writeFileSync(
    join(consumer, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: {
        module: "nodenext",
        target: "es2024",
        lib: ["es2024"],
        types: ["node"],
        typeRoots: [join(root, "node_modules", "@types")],
        strict: true,
        skipLibCheck: false,
        noEmit: true,
      },
      files: ["consumer.ts"],
    }),
  );
  run(join(root, "node_modules", ".bin", "tsc"), ["-p", "tsconfig.json"], consumer);
  run(
    process.execPath,
    ["--input-type=module", "-e", entries.map((entry) => `await import(${JSON.stringify(entry)});`).join("")],
    consumer,
  );
  run(
    process.execPath,
    ["--input-type=commonjs", "-e", entries.map((entry) => `require(${JSON.stringify(entry)});`).join("")],
    consumer,
  );
  console.log(`${entries.length} entries load by import and by require; types hold with skipLibCheck off.`);
} finally {
  rmSync(work, { recursive: true, force: true });
}

if (problems > 0) {
  console.error(`${problems} package problems`);
  process.exitCode = 1;
}
