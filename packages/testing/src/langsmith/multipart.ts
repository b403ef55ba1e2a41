import { unpacked } from "../twin/unpacked.ts";
import { LangSmithRefusal } from "./langsmith-error.ts";

/** One part of a body: JSON, or the bytes of an attachment. */
export interface BodyPart {
  readonly name: string;
  readonly value: unknown;
}

/** The bytes of a body, unpacked as its `Content-Encoding` says. */
export async function unpackedBody(request: Request): Promise<Uint8Array<ArrayBuffer>> {
  const content = new Uint8Array<ArrayBuffer>(await request.arrayBuffer());
  const bytes = unpacked(content, request.headers.get("content-encoding"));
  if (bytes === null) throw new LangSmithRefusal(400, "Unsupported content encoding");
  return bytes;
}

/** Reads a multipart body; parts keep their order, since a patch may follow its post in one body. */
export async function readParts(request: Request): Promise<readonly BodyPart[]> {
  const contentType = request.headers.get("content-type") ?? "";
  if (!contentType.startsWith("multipart/form-data"))
    throw new LangSmithRefusal(422, "Expected multipart/form-data");
  const body = new Response(await unpackedBody(request), { headers: { "content-type": contentType } });
  const form = await body.formData().catch(() => {
    throw new LangSmithRefusal(422, "Invalid multipart body");
  });
  const parts: BodyPart[] = [];
  for (const [name, value] of form) {
    if (/^attachment\.|\.attachment\./.test(name)) {
      parts.push({ name, value: typeof value === "string" ? Buffer.from(value) : await value.bytes() });
      continue;
    }
    parts.push({ name, value: parseJson(name, typeof value === "string" ? value : await value.text()) });
  }
  return parts;
}

function parseJson(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new LangSmithRefusal(422, `Part ${name} is not JSON`);
  }
}
