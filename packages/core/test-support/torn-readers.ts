import { spawn } from "node:child_process";

/** Reads a file without pause until its input ends; prints how often it read and how often what it read was no table. */
const READER = `
const { readFileSync } = require("fs");
let reads = 0, torn = 0, running = true;
process.stdin.on("end", () => { running = false; }).resume();
process.stdout.write("up\\n");
const loop = () => {
  for (let i = 0; i < 50; i += 1) {
    reads += 1;
    try { if (JSON.parse(readFileSync(process.argv[1], "utf8")).v !== 1) torn += 1; } catch { torn += 1; }
  }
  if (running) setImmediate(loop); else process.stdout.write(JSON.stringify({ reads, torn }));
};
loop();`;

/** Lets four processes read a file as fast as they can while `work` runs. */
export async function underReaders(
  file: string,
  work: () => Promise<void>,
): Promise<{ readonly reads: number; readonly torn: number }> {
  const readers = Array.from({ length: 4 }, () => {
    const child = spawn(process.execPath, ["-e", READER, file], { stdio: ["pipe", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (data: Buffer) => {
      output += data.toString();
    });
    const ready = new Promise((resolve) => child.stdout.once("data", resolve));
    const closed = new Promise((resolve) => child.once("close", resolve));
    return { child, ready, closed, output: () => output };
  });
  await Promise.all(readers.map((reader) => reader.ready));
  await work();
  const total = { reads: 0, torn: 0 };
  for (const { child, closed, output } of readers) {
    child.stdin.end();
    await closed;
    const { reads, torn } = JSON.parse(output().slice("up\n".length)) as typeof total;
    total.reads += reads;
    total.torn += torn;
  }
  return total;
}
