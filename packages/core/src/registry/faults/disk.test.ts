import { spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const STORE = new URL("../sqlite/sqlite-store.ts", import.meta.url).href;
const at = "2026-01-01T00:00:00.000Z";

/** Runs a script in a mount namespace of its own, with a small file system at `folder`. */
function inSmallFilesystem(script: string): string {
  const folder = mkdtempSync(join(tmpdir(), "modelops-disk-"));
  const shell = `mount -t tmpfs -o size=2m tmpfs "$0" && exec "$1" --input-type=module -e "$2" "$0"`;
  const { stdout, stderr } = spawnSync(
    "unshare",
    ["-rm", "sh", "-c", shell, folder, process.execPath, script],
    {
      encoding: "utf8",
    },
  );
  return stdout.trim() || stderr;
}

const canMount = spawnSync("unshare", ["-rm", "mount", "-t", "tmpfs", "tmpfs", tmpdir()]).status === 0;

describe.skipIf(!canMount)("file systems at their limits (needs unshare and mount)", () => {
  it("reports a full disk, keeps every acknowledged commit readable, and goes on when there is room again", () => {
    const script = `
      import { rmSync, writeFileSync } from "node:fs";
      import { sqliteStore } from ${JSON.stringify(STORE)};
      const folder = process.argv[1];
      writeFileSync(folder + "/filler", Buffer.alloc(700_000));
      const store = sqliteStore({ path: folder + "/modelops.db" });
      const commit = (key) => store.commit({ agent: "a", expectedRev: null, at: ${JSON.stringify(at)},
        puts: [{ collection: "versions", key, value: { text: "x".repeat(20_000) } }] });
      let acknowledged = 0;
      let code = null;
      while (code === null) await commit("k" + acknowledged).then(() => { acknowledged += 1; }, (error) => { code = error.code; });
      const { records } = await store.list({ collection: "versions", limit: 1000 });
      const whole = records.filter((record) => record.value.text.length === 20_000).length;
      rmSync(folder + "/filler");
      await commit("again");
      console.log(JSON.stringify({ code, isAnyLost: whole !== acknowledged, some: acknowledged > 3, revision: await store.revision("a") - acknowledged }));`;
    expect(JSON.parse(inSmallFilesystem(script))).toEqual({
      code: "storage/disk-full",
      isAnyLost: false,
      some: true,
      revision: 1,
    });
  });

  it("reports a read-only folder and leaves the file readable for later", () => {
    const script = `
      import { execFileSync } from "node:child_process";
      import { sqliteStore } from ${JSON.stringify(STORE)};
      const folder = process.argv[1];
      const path = folder + "/modelops.db";
      const first = sqliteStore({ path });
      await first.commit({ agent: "a", expectedRev: null, at: ${JSON.stringify(at)}, puts: [] });
      await first.close();
      execFileSync("mount", ["-o", "remount,ro", folder]);
      let code = null;
      try { sqliteStore({ path }); } catch (error) { code = error.code; }
      let fresh = null;
      try { sqliteStore({ path: folder + "/new/modelops.db" }); } catch (error) { fresh = error.code; }
      execFileSync("mount", ["-o", "remount,rw", folder]);
      const second = sqliteStore({ path });
      console.log(JSON.stringify({ code, fresh, revision: await second.revision("a") }));`;
    expect(JSON.parse(inSmallFilesystem(script))).toEqual({
      code: "storage/read-only",
      fresh: "storage/read-only",
      revision: 1,
    });
  });
});
