import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { runCommand } from "./run-command.ts";

describe("runCommand", () => {
  it("gives the exit code and the last error lines, and ends a command that takes too long", async () => {
    const failing = await runCommand([process.execPath, "-e", "console.error('no'); process.exit(3)"]);
    expect(failing).toMatchObject({ exitCode: 3, startError: null, errorLines: ["no"] });
    const endless = await runCommand([process.execPath, "-e", "setInterval(() => {}, 1000)"], {
      timeoutMs: 50,
    });
    expect(endless.exitCode).toBeNull();
  });

  it("does not hold the process open for the time-out of a command that does not exist", () => {
    const module = JSON.stringify(new URL("./run-command.ts", import.meta.url).href);
    const script = `const { runCommand } = await import(${module}); const result = await runCommand(["no-such-command-here"], { timeoutMs: 60_000 }); console.log(result.startError.code);`;
    const output = execFileSync(process.execPath, ["--no-warnings", "--input-type=module", "-e", script], {
      encoding: "utf8",
      timeout: 20_000,
    });
    expect(output.trim()).toBe("ENOENT");
  });
});
