import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { startHubTwin } from "../hub/start-hub-twin.ts";

test("a script that started a job ends by itself after close(), while the job goes on", async () => {
  const home = await mkdtemp(join(tmpdir(), "trainer-close-"));
  const twin = await startHubTwin({
    repositories: [
      {
        name: "acme/tiny-500m",
        files: { "config.json": "{}", "tokenizer.json": "{}", "model.safetensors": "twin" },
        facts: { cardData: { license: "apache-2.0" }, safetensors: { total: 5e8 } },
      },
    ],
    jobs: { script: [{ start: true }, { log: "one" }, { afterMs: 600_000, log: "two" }] },
  });
  const core = fileURLToPath(new URL("../../../core/src/index.ts", import.meta.url));
  const source = `
    import { createModelOps, hfJobs } from ${JSON.stringify(core)};
    const hub = { hubUrl: ${JSON.stringify(twin.url)} };
    const ops = createModelOps({ home: ${JSON.stringify(home)}, hub, backend: hfJobs({ namespace: "alice", ...hub }) });
    const dataset = Array.from({ length: 12 }, (_, i) => ({ prompt: "say " + i, completion: String(i) }));
    const job = await ops.trainer.train({ agent: "support", baseModel: "acme/tiny-500m", dataset, hardware: "cpu-basic" });
    for await (const { body } of job.log()) if (body.kind === "output") break;
    await ops.close();
    console.log("closed");`;
  const child = spawn(
    process.execPath,
    ["--input-type=module", "--disable-warning=ExperimentalWarning", "-e", source],
    { env: { ...process.env, HF_TOKEN: twin.token }, stdio: ["ignore", "pipe", "inherit"] },
  );
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  const code = await new Promise((resolve) => child.once("exit", resolve));
  expect(code).toBe(0);
  expect(output).toBe("closed\n");
  expect(twin.jobs.all.map((job) => job.stage)).toEqual(["RUNNING"]);
  await twin.close();
  await rm(home, { recursive: true, force: true });
});
