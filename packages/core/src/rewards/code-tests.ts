import { spawn } from "node:child_process";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { packagedScriptPath } from "../files/packaged-script.ts";

/**
 * Loads the packaged script as a module (its heavy imports are inside functions) and asks it. Tests are Python, so one
 * implementation judges them everywhere; it runs the code in a further child, without any environment.
 */
const DRIVER = `
import importlib.util, json, sys
job = json.loads(sys.stdin.buffer.read())
spec = importlib.util.spec_from_file_location("modelops_rewards", job["script"])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
try:
    answer = {"score": module.reward(job["reward"], job["completion"], job["prompt"], job["row"])}
except ValueError as error:
    answer = {"problem": str(error)}
print(json.dumps(answer))
`;
const START_MS = 30_000;
const DEFAULT_TIMEOUT_SECONDS = 5;

/** The share of tests that a completion's code passes, as the training script counts it. */
export async function scoreCodeTests(
  job: {
    readonly reward: { readonly timeout_seconds?: number | undefined };
    readonly completion: unknown;
    readonly prompt: unknown;
    readonly row: Readonly<Record<string, unknown>>;
  },
  options: { readonly python: string; readonly signal?: AbortSignal },
): Promise<number> {
  const input = JSON.stringify({ ...job, script: packagedScriptPath("grpo") });
  const timeoutMs = START_MS + 1000 * (job.reward.timeout_seconds ?? DEFAULT_TIMEOUT_SECONDS);
  const output = await run(options.python, input, { timeoutMs, signal: options.signal });
  const answer = parse(output);
  if (typeof answer.score === "number") return answer.score;
  if (typeof answer.problem === "string") throw new RangeError(answer.problem);
  throw unavailable(options.python, "It gave no answer.");
}

function parse(output: string): { readonly score?: unknown; readonly problem?: unknown } {
  try {
    return JSON.parse(output) as { score?: unknown; problem?: unknown };
  } catch {
    return {};
  }
}

async function run(
  python: string,
  input: string,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined },
): Promise<string> {
  const { signal } = options;
  signal?.throwIfAborted();
  return await new Promise((resolve, reject) => {
    const child = spawn(python, ["-I", "-B", "-c", DRIVER], {
      // Nothing but the path to Python: the code that is judged must find no token to read.
      env: process.env.PATH === undefined ? {} : { PATH: process.env.PATH },
      stdio: ["pipe", "pipe", "pipe"],
    });
    // An interrupt lets it end its own child, which a kill would leave behind.
    const stop = () => child.kill("SIGINT");
    const timer = setTimeout(stop, options.timeoutMs);
    signal?.addEventListener("abort", stop, { once: true });
    const stdout: Buffer[] = [];
    let lastWords = "";
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => {
      lastWords = `${lastWords}${chunk.toString("utf8")}`.slice(-500);
    });
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
      settle();
    };
    child.on("error", (error) => finish(() => reject(unavailable(python, `${error.message}.`, error))));
    child.on("close", (code) =>
      finish(() => {
        if (signal?.aborted) reject(signal.reason);
        else if (code === 0) resolve(Buffer.concat(stdout).toString("utf8"));
        else reject(unavailable(python, lastWords.trim().split("\n").at(-1) || `It ended with ${code}.`));
      }),
    );
    // A child that is gone already says so by its end.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
}

function unavailable(python: string, reason: string, cause?: unknown): ModelOpsError {
  return new ModelOpsError({
    code: "training/reward-unavailable",
    message: `The reward code-tests could not be run with ${python}.`,
    reason,
    fix: "name a Python of 3.11 or newer with createRewards(rewards, { python }); code-tests need Linux or macOS.",
    cause,
  });
}
