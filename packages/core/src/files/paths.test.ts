import { mkdirSync, mkdtempSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type FilesystemProbe, filesystemType } from "./filesystem-type.ts";
import { resolveInside, safeFileName } from "./safe-path.ts";

describe("resolveInside", () => {
  const root = mkdtempSync(join(tmpdir(), "modelops-root-"));
  mkdirSync(join(root, "in"));
  symlinkSync(tmpdir(), join(root, "out"));

  it.each(["a", "a/b.txt", "in/new/x", "in/../a", "..a", "a..b"])("accepts %j", (path) => {
    expect(resolveInside(root, path)).toBe(join(root, path));
  });

  it.each([
    "..",
    "../x",
    "a/../../x",
    "/etc/passwd",
    "C:\\x",
    "\\\\host\\share",
    "a\\..\\..\\x",
    "a\0b",
    "out/x",
  ])("refuses %j", (path) => {
    expect(() => resolveInside(root, path)).toThrow(expect.objectContaining({ code: "input/unsafe-path" }));
  });
});

describe("safeFileName", () => {
  it.each([
    ["feature_dev@v1.0.0", "feature_dev-v1.0.0"],
    ["../../etc", "etc"],
    ["..", "unnamed"],
    ["", "unnamed"],
    ["日本", "unnamed"],
  ])("makes %j into %j", (text, name) => {
    expect(safeFileName(text)).toBe(name);
  });
});

describe("filesystemType", () => {
  const probe = (type: number, mountInfo: string | null = null): FilesystemProbe => ({
    platform: "linux",
    statfsType: () => type,
    mountInfo: () => mountInfo,
  });
  const mounts = [
    "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw",
    "30 22 0:40 / /mnt/far rw shared:2 - fuse.sshfs me@host:/ rw",
    "31 22 0:41 / /mnt/stick rw shared:3 - fuse.ntfs-3g /dev/sdb1 rw",
  ].join("\n");

  it.each([
    [0x6969, "nfs"],
    [0xfe534d42, "smb2"],
    [-28095166, "smb2"],
    [0x01021997, "9p"],
  ])("knows %d as the network file system %s", (type, name) => {
    expect(filesystemType("/x", probe(type))).toEqual({ name, isNetwork: true });
  });

  it("asks the mount table which FUSE it is", () => {
    expect(filesystemType("/mnt/far/a", probe(0x65735546, mounts))).toEqual({
      name: "fuse.sshfs",
      isNetwork: true,
    });
    expect(filesystemType("/mnt/stick/a", probe(0x65735546, mounts)).isNetwork).toBe(false);
  });

  it("calls this machine's temporary folder local, and so a path that does not exist yet", () => {
    expect(filesystemType(tmpdir()).isNetwork).toBe(false);
    expect(filesystemType(join(tmpdir(), "none", "yet")).isNetwork).toBe(false);
  });
});
