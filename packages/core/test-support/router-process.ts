import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const CHILD = fileURLToPath(new URL("./router-child.ts", import.meta.url));

export type Served = Readonly<Record<string, { readonly count: number; readonly lastAt: number }>>;

export interface RouterProcess {
  readonly child: ChildProcess;
  /** Stops it without ending it (SIGSTOP), between two writes. */
  freeze(): Promise<void>;
  /** Lets a version give errors from now on. */
  breakVersion(version: string): void;
  /** Ends it and tells what each version answered and, under `failed <version>`, what it did not. */
  stop(): Promise<Served>;
}

/** Starts a host process that answers sessions through a router; resolves when it is following the table. */
export async function startRouterProcess(
  folder: string,
  routerId: string,
  { flushEveryMs = 50 }: { readonly flushEveryMs?: number } = {},
): Promise<RouterProcess> {
  const child = spawn(process.execPath, [CHILD, folder, routerId, String(flushEveryMs)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8");
  const ready = new Promise<void>((resolve, reject) => {
    child.stdout.on("data", (text: string) => {
      output += text;
      if (output.includes("ready\n")) resolve();
    });
    child.once("exit", (code) => reject(new Error(`the router process ended with ${code}`)));
  });
  await ready;
  return {
    child,
    async freeze() {
      child.stdin.write("freeze\n");
      while (!output.includes("frozen\n")) await new Promise((resolve) => setTimeout(resolve, 5));
      // The line is written just before the signal.
      await new Promise((resolve) => setTimeout(resolve, 20));
    },
    breakVersion(version) {
      child.stdin.write(`break ${version}\n`);
    },
    async stop() {
      const exited = once(child, "exit");
      child.stdin.write("stop\n");
      await exited;
      return JSON.parse(output.slice(output.indexOf("ready\n") + "ready\n".length)) as Served;
    },
  };
}
