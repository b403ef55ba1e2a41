import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import {
  CRASH_POINTS,
  type CrashOperation,
  checkInvariants,
  prepareCrashFolders,
  runCrashChild,
} from "../../test-support/crash-cases.ts";

/** Steps at which a recovery can be killed: those of the operation it finishes, or of the rollback it takes over. */
const recoveryPoints = (operation: CrashOperation): readonly string[] =>
  operation === "rollback-blind"
    ? ["adopt.config-restored", "adopt.before", "adopt.after", "retire.begun", "retire.freed"]
    : CRASH_POINTS[operation].filter((point) => !point.startsWith("R1") && !point.startsWith("S1"));

for (const operation of Object.keys(CRASH_POINTS) as CrashOperation[]) {
  it(`a ${operation} killed at every step, and its recovery at every step after that`, async () => {
    const base = await mkdtemp(join(tmpdir(), "modelops-crashes-"));
    await prepareCrashFolders(base);
    let cases = 0;
    let killedTwice = 0;
    try {
      for (const point of CRASH_POINTS[operation]) {
        const first = join(base, "first");
        await cp(join(base, operation), first, { recursive: true });
        expect(await runCrashChild(first, operation, point)).toBe("SIGKILL");
        for (const second of recoveryPoints(operation)) {
          const folder = join(base, "second");
          await cp(first, folder, { recursive: true });
          if ((await runCrashChild(folder, "reconcile", second)) === "SIGKILL") killedTwice += 1;
          await checkInvariants(folder, operation);
          await rm(folder, { recursive: true });
          cases += 1;
        }
        await rm(first, { recursive: true });
      }
    } finally {
      await rm(base, { recursive: true, force: true });
    }
    console.log(
      `${operation}: ${cases} cases, recovery killed in ${killedTwice}, all whole after one reconcile`,
    );
  });
}
