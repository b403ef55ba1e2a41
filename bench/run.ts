import { spawnSync } from "node:child_process";
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem, type } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type BenchReport, collectReport } from "./bench-report.ts";

// `npm run bench -- registry [--write] [--quick]`: runs bench/<name>/*.bench.ts, each with `export function run(report)`, or
// bench/<name>/run.ts as a script of its own. `--write` puts the figures into bench/RESULTS.md.
const folder = dirname(fileURLToPath(import.meta.url));
const results = join(folder, "RESULTS.md");
const names = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const isQuick = process.argv.includes("--quick");
// Quick figures show that the benchmarks run; they are too small to be kept.
const isWriting = process.argv.includes("--write") && !isQuick;
if (isQuick) process.env.BENCH_QUICK = "1";
const known = globSync("*/{*.bench,run}.ts", { cwd: folder }).map((path) => dirname(path));
const chosen = names.length > 0 ? names : [...new Set(known)].sort();

for (const name of chosen) {
  if (!known.includes(name)) {
    process.stderr.write(
      `There is no bench named ${name}; there are: ${[...new Set(known)].sort().join(", ")}.\n`,
    );
    process.exit(1);
  }
  const section = await runBench(name);
  if (isWriting) writeSection(name, section);
}

async function runBench(name: string): Promise<string> {
  process.stdout.write(`${name}\n${machine()}\n\n`);
  const modules = globSync(`${name}/*.bench.ts`, { cwd: folder }).sort();
  if (modules.length === 0) return runScript(name);
  const sections: string[] = [];
  for (const path of modules) {
    const report = collectReport((line) => process.stdout.write(`${line}\n`));
    const module = (await import(pathToFileURL(join(folder, path)).href)) as {
      readonly run: (report: BenchReport) => Promise<void>;
    };
    await module.run(report);
    sections.push(report.toMarkdown(basename(path, ".bench.ts")));
  }
  const text = `${machine()}\n\n${sections.join("\n\n")}`;
  process.stdout.write(`\n${text}\n`);
  return text;
}

function runScript(name: string): string {
  const { stdout, status } = spawnSync(process.execPath, [join(folder, name, "run.ts")], {
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8",
  });
  process.stdout.write(stdout);
  if (status !== 0) process.exit(status ?? 1);
  return `${machine()}\n\n## ${name}\n\n\`\`\`\n${stdout.trim()}\n\`\`\``;
}

function machine(): string {
  const processors = cpus();
  const day = new Date().toISOString().slice(0, 10);
  const memory = Math.round(totalmem() / 2 ** 30);
  const load = (loadavg()[0] ?? 0).toFixed(1);
  return (
    `${day}, ${processors.length} × ${processors[0]?.model.trim() ?? "unknown processor"}, ${memory} GiB, ` +
    `${type()} ${release()}, Node ${process.versions.node}, SQLite ${process.versions.sqlite ?? "?"}, load ${load} at the start`
  );
}

/** Replaces one bench's part of the results and leaves the others as they are. */
function writeSection(name: string, section: string): void {
  const [begin, end] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
  const block = `${begin}\n${section}\n${end}`;
  const text = existsSync(results) ? readFileSync(results, "utf8") : "# Measured results\n";
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  const next =
    from === -1 || to === -1
      ? `${text.trimEnd()}\n\n${block}\n`
      : text.slice(0, from) + block + text.slice(to + end.length);
  writeFileSync(results, next);
  process.stdout.write(`\nwritten to ${results}\n`);
}
