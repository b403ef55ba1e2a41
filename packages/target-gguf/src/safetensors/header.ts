import { DTYPE_BYTES } from "./dtype.ts";
import { malformedSafetensors } from "./malformed-safetensors.ts";

/** Where one tensor lies in its file. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: string;
  /** Row-major, outermost first, as in PyTorch. */
  readonly shape: readonly number[];
  /** First byte, counted from the beginning of the file. */
  readonly startByte: number;
  readonly byteLength: number;
}

/** The limit of the reference implementation: a longer header is an attack or an accident. */
const MAX_HEADER_BYTES = 100_000_000;
/** Bytes before the header's JSON: its length as a little-endian 64-bit number. */
export const LENGTH_PREFIX_BYTES = 8;

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function parseEntry(
  file: string,
  name: string,
  value: unknown,
  dataStart: number,
  dataBytes: number,
): TensorEntry {
  if (typeof value !== "object" || value === null)
    throw malformedSafetensors(file, `Tensor "${name}" is not an object.`);
  const { dtype, shape, data_offsets: offsets } = value as Record<string, unknown>;
  if (typeof dtype !== "string") throw malformedSafetensors(file, `Tensor "${name}" has no dtype.`);
  if (!Array.isArray(shape) || !shape.every(isCount))
    throw malformedSafetensors(file, `Tensor "${name}" has a bad shape.`);
  const [begin, end] = Array.isArray(offsets) ? (offsets as unknown[]) : [];
  if (!isCount(begin) || !isCount(end) || begin > end || end > dataBytes) {
    throw malformedSafetensors(
      file,
      `Tensor "${name}" has data offsets [${String(begin)}, ${String(end)}], but the file holds ${dataBytes} bytes of data.`,
    );
  }
  const elementBytes = DTYPE_BYTES.get(dtype);
  const expectedBytes =
    elementBytes === undefined ? undefined : shape.reduce((product, size) => product * size, elementBytes);
  if (expectedBytes !== undefined && expectedBytes !== end - begin) {
    throw malformedSafetensors(
      file,
      `Tensor "${name}" (${dtype}, shape [${shape.join(", ")}]) needs ${expectedBytes} bytes, its offsets hold ${end - begin}.`,
    );
  }
  return { name, dtype, shape, startByte: dataStart + begin, byteLength: end - begin };
}

/** Refuses overlaps: two names over the same bytes hide data or make a small file look large. */
function checkOverlap(file: string, entries: readonly TensorEntry[]): void {
  const ordered = entries.filter((entry) => entry.byteLength > 0).sort((a, b) => a.startByte - b.startByte);
  for (const [index, entry] of ordered.entries()) {
    const previous = ordered[index - 1];
    if (previous && previous.startByte + previous.byteLength > entry.startByte) {
      throw malformedSafetensors(file, `Tensors "${previous.name}" and "${entry.name}" overlap.`);
    }
  }
}

/** Checks the header's JSON text against the file's size and returns its tensors. */
export function parseHeader(
  file: string,
  json: string,
  fileBytes: number,
  headerBytes: number,
): readonly TensorEntry[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch (cause) {
    throw malformedSafetensors(file, "Its header is not JSON.", cause);
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw malformedSafetensors(file, "Its header is not a JSON object.");
  }
  const dataStart = LENGTH_PREFIX_BYTES + headerBytes;
  const entries = Object.entries(parsed)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, value]) => parseEntry(file, name, value, dataStart, fileBytes - dataStart));
  checkOverlap(file, entries);
  return entries;
}

/** Checks the length prefix before anything of that length is allocated. */
export function checkHeaderLength(file: string, declaredBytes: bigint, fileBytes: number): number {
  if (declaredBytes > BigInt(MAX_HEADER_BYTES)) {
    throw malformedSafetensors(
      file,
      `Its header claims ${declaredBytes} bytes; the limit is ${MAX_HEADER_BYTES}.`,
    );
  }
  if (declaredBytes > BigInt(fileBytes - LENGTH_PREFIX_BYTES)) {
    throw malformedSafetensors(
      file,
      `Its header claims ${declaredBytes} bytes, the whole file has ${fileBytes}.`,
    );
  }
  return Number(declaredBytes);
}
