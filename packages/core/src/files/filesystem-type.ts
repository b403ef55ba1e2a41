import { readFileSync, statfsSync } from "node:fs";
import { dirname, resolve } from "node:path";

/** What a folder lies on. `network` = shared with other machines, where file locks and shared memory are unreliable. */
export interface FilesystemType {
  readonly name: string;
  readonly isNetwork: boolean;
}

/** `statfs` numbers of Linux, from linux/magic.h and the file systems' own headers. */
const NETWORK_FILESYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x6969, "nfs"],
  [0x517b, "smb"],
  [0xfe534d42, "smb2"],
  [0xff534d42, "cifs"],
  [0x01021997, "9p"],
  [0x00c36400, "ceph"],
  [0x5346414f, "afs"],
  [0x0bd00bd0, "lustre"],
  [0x47504653, "gpfs"],
  [0x19830326, "beegfs"],
]);
const FUSE = 0x65735546;
/** FUSE carries local file systems as well; the mount table tells which one it is. */
const NETWORK_FUSE =
  /^(virtiofs|fuse\.(sshfs|s3fs|gcsfuse|goofys|rclone|glusterfs|ceph.*|juicefs|davfs|blobfuse2?|mount-s3|grpcfuse|osxfs))$/;

/** Where the facts come from; replaceable so that every kind can be tested on one machine. */
export interface FilesystemProbe {
  readonly platform: NodeJS.Platform;
  /** The `statfs` type number of an existing path; throws when there is none. */
  statfsType(path: string): number;
  /** The text of `/proc/self/mountinfo`, null where there is none. */
  mountInfo(): string | null;
}

const systemProbe: FilesystemProbe = {
  platform: process.platform,
  statfsType: (path) => Number(statfsSync(path).type),
  mountInfo: () => {
    try {
      return readFileSync("/proc/self/mountinfo", "utf8");
    } catch {
      return null;
    }
  },
};

/** Finds out what a path lies on; the path need not exist yet. Other systems than Linux: known UNC paths only. */
export function filesystemType(path: string, probe: FilesystemProbe = systemProbe): FilesystemType {
  if (probe.platform === "win32") {
    const isShare = /^(\\\\|\/\/)[^?.]/.test(path);
    return { name: isShare ? "smb" : "local", isNetwork: isShare };
  }
  if (probe.platform !== "linux") return { name: "unknown", isNetwork: false };
  const type = statfsOfExisting(resolve(path), probe);
  if (type === null) return { name: "unknown", isNetwork: false };
  const network = NETWORK_FILESYSTEMS.get(type);
  if (network) return { name: network, isNetwork: true };
  if (type !== FUSE) return { name: `0x${type.toString(16)}`, isNetwork: false };
  const name = mountedType(resolve(path), probe.mountInfo()) ?? "fuse";
  return { name, isNetwork: NETWORK_FUSE.test(name) };
}

function statfsOfExisting(path: string, probe: FilesystemProbe): number | null {
  try {
    // Some kernels give the number with its sign.
    return probe.statfsType(path) >>> 0;
  } catch {
    const parent = dirname(path);
    return parent === path ? null : statfsOfExisting(parent, probe);
  }
}

/** The type of the deepest mount that holds the path: field 5 is the mount point, the first after " - " the type. */
function mountedType(path: string, mountInfo: string | null): string | null {
  let best: { readonly point: string; readonly type: string } | null = null;
  for (const line of (mountInfo ?? "").split("\n")) {
    const [before, after] = line.split(" - ");
    const point = before?.split(" ")[4]?.replaceAll("\\040", " ");
    const type = after?.split(" ")[0];
    if (point === undefined || type === undefined) continue;
    const holds = point === "/" || path === point || path.startsWith(`${point}/`);
    if (holds && point.length >= (best?.point.length ?? 0)) best = { point, type };
  }
  return best?.type ?? null;
}
