import { spawnSync } from "node:child_process";
import {
  chmod,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { writeFileAtomically } from "./atomic-write.ts";
import { backUpFile } from "./backups.ts";
import { sweepTemporaryFiles, TEMPORARY_SUFFIX } from "./temporary-files.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "modelops-files-"));
});

describe("writeFileAtomically", () => {
  it("creates and replaces a file and leaves nothing else behind", async () => {
    const path = join(folder, "a.json");
    await writeFileAtomically(path, "one");
    await writeFileAtomically(path, new Uint8Array([0xff, 0x00, 0x41]));
    expect(await readFile(path)).toEqual(Buffer.from([0xff, 0x00, 0x41]));
    expect(await readdir(folder)).toEqual(["a.json"]);
  });

  it("keeps the permissions of the file it replaces, or takes those it is given", async () => {
    const path = join(folder, "a.json");
    await writeFile(path, "old");
    await chmod(path, 0o640);
    await writeFileAtomically(path, "new");
    expect((await stat(path)).mode & 0o777).toBe(0o640);
    await writeFileAtomically(path, "new", { mode: 0o600 });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it("replaces the file behind a symbolic link and keeps the link", async () => {
    await writeFile(join(folder, "real.yaml"), "old");
    await symlink("real.yaml", join(folder, "link.yaml"));
    await writeFileAtomically(join(folder, "link.yaml"), "new");
    expect(await readlink(join(folder, "link.yaml"))).toBe("real.yaml");
    expect(await readFile(join(folder, "real.yaml"), "utf8")).toBe("new");
  });

  it("never shows a reader a half-written file", async () => {
    const path = join(folder, "a.txt");
    const contents = ["a".repeat(300_000), "b".repeat(300_000)];
    await writeFileAtomically(path, contents[0] ?? "");
    let isWriting = true;
    const writer = (async () => {
      for (let index = 0; index < 40; index += 1) await writeFileAtomically(path, contents[index % 2] ?? "");
      isWriting = false;
    })();
    let reads = 0;
    while (isWriting) {
      expect(contents).toContain(await readFile(path, "utf8"));
      reads += 1;
    }
    await writer;
    expect(reads).toBeGreaterThan(10);
  });

  it("explains a missing folder and a folder in the place of the file", async () => {
    await expect(writeFileAtomically(join(folder, "none", "a"), "x")).rejects.toMatchObject({
      code: "storage/no-such-folder",
    });
    await expect(writeFileAtomically(folder, "x")).rejects.toMatchObject({ code: "storage/not-a-file" });
  });

  it.skipIf(process.platform === "win32")(
    "reports a size limit and keeps the old file whole (a writer that ignores short writes would truncate it)",
    async () => {
      const path = join(folder, "a.txt");
      await writeFile(path, "the old content");
      const module = new URL("./atomic-write.ts", import.meta.url).href;
      const script = `
        import { writeFileAtomically } from ${JSON.stringify(module)};
        await writeFileAtomically(${JSON.stringify(path)}, "n".repeat(200_000)).then(
          () => console.log("no error"), (error) => console.log(error.code));`;
      const shell = `trap '' XFSZ; ulimit -f 16; exec "$0" --input-type=module -e "$1"`;
      const { stdout } = spawnSync("sh", ["-c", shell, process.execPath, script], { encoding: "utf8" });
      expect(stdout.trim()).toBe("storage/disk-full");
      expect(await readFile(path, "utf8")).toBe("the old content");
      expect(await readdir(folder)).toEqual(["a.txt"]);
    },
  );
});

describe("sweepTemporaryFiles", () => {
  it("removes old leftovers and nothing else", async () => {
    const old = join(folder, `.a.1-x${TEMPORARY_SUFFIX}`);
    await writeFile(old, "");
    await utimes(old, new Date(0), new Date(0));
    await writeFile(join(folder, `.a.2-y${TEMPORARY_SUFFIX}`), "");
    await writeFile(join(folder, "keep.json"), "");
    expect(await sweepTemporaryFiles(folder)).toEqual([`.a.1-x${TEMPORARY_SUFFIX}`]);
    expect((await readdir(folder)).sort()).toEqual([`.a.2-y${TEMPORARY_SUFFIX}`, "keep.json"]);
  });
});

describe("backUpFile", () => {
  it("keeps the newest generations in order, also when the clock stands still or goes back", async () => {
    const path = join(folder, "registry.json");
    const directory = join(folder, "backups");
    const clock = [5000, 5000, 4000, 6000, 6000];
    expect(await backUpFile({ path, directory, keep: 3, now: 0 })).toBeNull();
    for (const [index, now] of clock.entries()) {
      await writeFileAtomically(path, String(index));
      await backUpFile({ path, directory, keep: 3, now });
    }
    await writeFileAtomically(path, "latest");
    const names = (await readdir(directory)).sort();
    const contents = await Promise.all(names.map((name) => readFile(join(directory, name), "utf8")));
    expect(contents).toEqual(["2", "3", "4"]);
  });
});
