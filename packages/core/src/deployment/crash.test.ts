import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  CRASH_POINTS,
  type CrashOperation,
  checkInvariants,
  prepareCrashFolders,
  runCrashChild,
} from "../../test-support/crash-cases.ts";

let base: string;

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), "modelops-crash-"));
  await prepareCrashFolders(base);
});
afterAll(() => rm(base, { recursive: true, force: true }));

for (const operation of Object.keys(CRASH_POINTS) as CrashOperation[]) {
  describe(`a ${operation} killed at any step`, () => {
    const cases = CRASH_POINTS[operation]
      .filter((point) => operation !== "immediate" || point.startsWith("S5"))
      .map((point, index) => ({ point, index }));
    it.concurrent.each(cases)(
      "$point: one reconcile makes it whole, also when that is killed too",
      async ({ point, index }) => {
        const folder = join(base, `${operation}-${index}`);
        await cp(join(base, operation), folder, { recursive: true });
        expect(await runCrashChild(folder, operation, point)).toBe("SIGKILL");
        // The recovery is killed at the last step it reaches; where it has nothing to do it just ends.
        const last =
          { rollback: "R4.after", "rollback-blind": "adopt.before" }[operation as string] ?? "S6.before";
        await runCrashChild(folder, "reconcile", last);
        const seen = await checkInvariants(folder, operation);
        const isPastReturn = /^(S5\.(committed|config|published)|S6|R1\.after|R2|R3|R4|R5|retire)/.test(
          point,
        );
        const done = operation.startsWith("rollback") ? "v1.0.0" : "v1.1.0";
        if (isPastReturn) expect(seen).toContain(done);
        if (point.endsWith("1.before") && operation === "rollback") expect(seen[0]).toBe("v1.1.0");
      },
    );
  });
}
