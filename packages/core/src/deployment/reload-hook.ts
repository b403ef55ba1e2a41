import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import type { Runtime } from "../runtime.ts";
import type { ReloadHook } from "./host-config/host-config-options.ts";

export interface ReloadOutcome {
  readonly ok: boolean;
  /** What failed, null when it worked. */
  readonly message: string | null;
}

const KILL_AFTER_MS = 2000;

/** Tells the host to read its configuration again. Never rejects: the outcome says what happened. */
export async function runReloadHook(
  runtime: Runtime,
  hook: ReloadHook,
  signal?: AbortSignal,
): Promise<ReloadOutcome> {
  try {
    if (hook.type === "http") await reloadByHttp(runtime, hook, signal);
    else if (hook.type === "command") await reloadByCommand(hook, signal);
    else process.kill(Number((await readFile(hook.pidFile, "utf8")).trim()), hook.signal);
    return { ok: true, message: null };
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) };
  }
}

async function reloadByHttp(
  runtime: Runtime,
  hook: Extract<ReloadHook, { type: "http" }>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const timeout = AbortSignal.timeout(hook.timeoutMs);
  const response = await runtime.fetch(hook.url, {
    method: hook.method,
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`the reload URL answered ${response.status}`);
}

function reloadByCommand(
  hook: Extract<ReloadHook, { type: "command" }>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const [program = "", ...parameters] = hook.command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, parameters, { cwd: hook.directory, stdio: "ignore", shell: false });
    const stop = () => {
      child.kill("SIGTERM");
      setTimeout(() => child.kill("SIGKILL"), KILL_AFTER_MS).unref();
    };
    const timer = setTimeout(() => {
      stop();
      reject(new Error(`${program} did not end within ${hook.timeoutMs} ms`));
    }, hook.timeoutMs);
    signal?.addEventListener("abort", stop, { once: true });
    child.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on("exit", (code, killedBy) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
      if (code === 0) resolve();
      else reject(new Error(`${program} ended with ${killedBy ?? `code ${code}`}`));
    });
  });
}
