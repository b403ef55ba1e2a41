import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Starts `resume-child.ts`: a process that starts or resumes the evaluation "killed". */
export function startEvaluation(
  mode: "start" | "resume",
  options: { readonly database: string; readonly baseUrl: string; readonly count: number },
) {
  const script = fileURLToPath(new URL("resume-child.ts", import.meta.url));
  const { database, baseUrl, count } = options;
  const child = spawn(process.execPath, [script, database, baseUrl, String(count), mode], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      output += chunk;
    });
  }
  return { child, output: () => output, ended: ended(child), report: () => reportIn(output) };
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => child.on("close", () => resolve()));
}

function reportIn(output: string) {
  const line = output.split("\n").find((text) => text.startsWith("report "));
  if (!line) throw new Error(output);
  return JSON.parse(line.slice("report ".length));
}
