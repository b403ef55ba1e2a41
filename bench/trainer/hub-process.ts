import { type JobScript, type JobStep, startHubTwin } from "@modelops/testing";

// A Hub twin in a process of its own, so that its work is not on the clock of the one that follows. Says where it is,
// and ends with its input. Each line a job prints says when it was printed.
const [, , mode = "steps", count = "0", everyMs = "50", perStep = "1"] = process.argv;

const printed = (step: number): string =>
  mode === "steps"
    ? `@@modelops ${JSON.stringify({ v: 1, kind: "log", step, max_steps: Number(count), t: Date.now() / 1000, m: { loss: 2 - step / Number(count), sent_ms: Date.now() } })}`
    : `line ${step}`;

const script: JobScript = () => {
  const steps: JobStep[] = [{ start: true }];
  const pause = Number(everyMs);
  let begun: number | null = null;
  for (let step = 0; step < Number(count); step += Number(perStep)) {
    steps.push({
      do: async ({ log, clock }) => {
        begun ??= clock.now();
        // By the clock, not by the pauses: a timer that comes late must not slow the job down.
        const dueMs = begun + (step / Number(perStep)) * pause - clock.now();
        if (dueMs > 0) await clock.sleep(dueMs, { keepAlive: true });
        log(...Array.from({ length: Number(perStep) }, (_, index) => printed(step + index + 1)));
      },
    });
  }
  return [...steps, { afterMs: 200, exit: 0 }];
};

const twin = await startHubTwin({
  repositories: [
    {
      name: "acme/tiny-500m",
      files: { "config.json": "{}", "tokenizer.json": "{}", "model.safetensors": "twin" },
      facts: { cardData: { license: "apache-2.0" }, safetensors: { total: 5e8 } },
    },
  ],
  jobs: { script },
});
process.stdout.write(`${JSON.stringify({ url: twin.url, token: twin.token })}\n`);
process.stdin.once("end", () => void twin.close().then(() => process.exit(0)));
process.stdin.resume();
