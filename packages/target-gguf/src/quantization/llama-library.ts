import { readdirSync, realpathSync } from "node:fs";
import { findPackageJSON } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

/** The libraries of llama.cpp that node-llama-cpp brings along. */
export interface LlamaLibraryPaths {
  /** Loaded first and globally: libllama takes ggml's symbols from it. */
  readonly ggmlBase: string;
  readonly llama: string;
}

/** Prebuilt CPU packages of node-llama-cpp by platform and architecture. */
const PLATFORM_PACKAGES: Readonly<Record<string, string>> = {
  "linux-x64": "linux-x64",
  "linux-arm64": "linux-arm64",
  "linux-arm": "linux-armv7l",
  "darwin-arm64": "mac-arm64-metal",
  "darwin-x64": "mac-x64",
  "win32-x64": "win-x64",
  "win32-arm64": "win-arm64",
};

/** `libllama.so`, `libllama.v0.5.0.so`, `libllama.dylib`, `llama.dll`, but not `libllama-common.so`. */
const LLAMA_LIBRARY = /^(lib)?llama(\.v[\d.]+)?\.(so|dylib|dll)$/;
const GGML_BASE_LIBRARY = /^(lib)?ggml-base(\.v[\d.]+)?\.(so|dylib|dll)$/;

function packageFolder(name: string, from: string): string | null {
  try {
    const packageFile = findPackageJSON(name, from);
    // pnpm links packages: what a package can see is decided by where it really lies.
    return packageFile === undefined ? null : dirname(realpathSync(packageFile));
  } catch {
    return null;
  }
}

/** Finds the libraries from this module's place; null when node-llama-cpp or its prebuilt package is not installed. */
export function findLlamaLibraries(): LlamaLibraryPaths | null {
  const platform = PLATFORM_PACKAGES[`${process.platform}-${process.arch}`];
  const host = packageFolder("node-llama-cpp", import.meta.url);
  if (platform === undefined || host === null) return null;
  const prebuilt = packageFolder(
    `@node-llama-cpp/${platform}`,
    pathToFileURL(join(host, "package.json")).href,
  );
  if (prebuilt === null) return null;
  const folder = join(prebuilt, "bins", platform);
  const names = readdirSync(folder);
  const llama = names.find((name) => LLAMA_LIBRARY.test(name));
  const ggmlBase = names.find((name) => GGML_BASE_LIBRARY.test(name));
  return llama === undefined || ggmlBase === undefined
    ? null
    : { llama: join(folder, llama), ggmlBase: join(folder, ggmlBase) };
}
