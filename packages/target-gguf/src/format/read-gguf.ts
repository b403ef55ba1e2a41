import { stat } from "node:fs/promises";
import { GGUFValueType, gguf } from "@huggingface/gguf";
import { ModelOpsError } from "@modelops/core";
import { GGML_TYPES, type GgmlType } from "./ggml-type.ts";
import { tensorDataBytes } from "./gguf-header.ts";
import type { GgufMetadata, GgufValue } from "./gguf-value.ts";

/** What the header says of a tensor. */
interface GgufTensorSummary {
  readonly name: string;
  readonly dimensions: readonly number[];
  /** ggml's number of the type. */
  readonly typeId: number;
  /** First byte, counted from the beginning of the file. */
  readonly startByte: number;
}

/** The header of a GGUF file. */
export interface GgufSummary {
  readonly metadata: GgufMetadata;
  readonly tensors: readonly GgufTensorSummary[];
  readonly fileBytes: number;
  /** Total number of weights. */
  readonly parameterCount: number;
}

function malformedGguf(path: string, reason: string, cause?: unknown): ModelOpsError {
  return new ModelOpsError({
    code: "gguf/malformed-gguf",
    message: `${path} is not a readable GGUF file.`,
    reason,
    fix: "make or download the file again.",
    details: { path },
    cause,
  });
}

const SCALAR_TYPES: ReadonlyMap<GGUFValueType, "uint32" | "int32" | "float32" | "bool" | "string"> = new Map([
  [GGUFValueType.UINT32, "uint32"],
  [GGUFValueType.INT32, "int32"],
  [GGUFValueType.FLOAT32, "float32"],
  [GGUFValueType.BOOL, "bool"],
  [GGUFValueType.STRING, "string"],
]);

interface ParsedValue {
  readonly value: unknown;
  readonly type: GGUFValueType;
  readonly subType?: GGUFValueType;
}

/** Values of types that this package never writes (64-bit numbers, bytes) are left out. */
function toGgufValue(parsed: ParsedValue): GgufValue | null {
  if (parsed.type === GGUFValueType.ARRAY) {
    const itemType = parsed.subType === undefined ? undefined : SCALAR_TYPES.get(parsed.subType);
    if (itemType === undefined || itemType === "bool") return null;
    return { type: "array", itemType, value: parsed.value } as GgufValue;
  }
  const type = SCALAR_TYPES.get(parsed.type);
  return type === undefined ? null : ({ type, value: parsed.value } as GgufValue);
}

const TYPES_BY_ID: ReadonlyMap<number, GgmlType> = new Map(
  Object.values(GGML_TYPES).map((type) => [type.id, type]),
);

/** Bytes a tensor takes; of a type this package does not know, only that it takes some. */
function smallestBytes({ typeId, dimensions }: GgufTensorSummary): number {
  const type = TYPES_BY_ID.get(typeId);
  return type ? tensorDataBytes({ name: "", dimensions, type }) : 1;
}

async function parseFile(path: string) {
  try {
    return await gguf(path, { allowLocalFile: true, typedMetadata: true, computeParametersCount: true });
  } catch (cause) {
    throw malformedGguf(path, "Its header cannot be parsed.", cause);
  }
}

/**
 * Reads metadata and tensor list of a local GGUF file and checks that every tensor is really there.
 * @throws ModelOpsError `gguf/malformed-gguf`
 */
export async function readGguf(path: string): Promise<GgufSummary> {
  const fileBytes = await stat(path).then(
    (stats) => stats.size,
    (cause: unknown) => {
      throw malformedGguf(path, "The file cannot be opened.", cause);
    },
  );
  const { typedMetadata, tensorInfos, tensorDataOffset, parameterCount } = await parseFile(path);
  const tensors = tensorInfos.map((tensor) => ({
    name: tensor.name,
    dimensions: tensor.shape.map(Number),
    typeId: tensor.dtype as number,
    startByte: Number(tensorDataOffset + tensor.offset),
  }));
  const cutOff = tensors.find((tensor) => tensor.startByte + smallestBytes(tensor) > fileBytes);
  if (cutOff) throw malformedGguf(path, `It is cut off: tensor "${cutOff.name}" lies past its end.`);
  const metadata = new Map<string, GgufValue>();
  for (const [key, parsed] of Object.entries(typedMetadata as unknown as Record<string, ParsedValue>)) {
    const value = toGgufValue(parsed);
    // The parser mixes the three counts of the header in with the metadata.
    if (value !== null && key.includes(".")) metadata.set(key, value);
  }
  return {
    metadata,
    tensors,
    fileBytes,
    parameterCount,
  };
}
