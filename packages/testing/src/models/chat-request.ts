import { z } from "zod";

const contentSchema = z.union([
  z.string(),
  z.array(z.looseObject({ type: z.string(), text: z.string().nullish() })),
]);

/** The fields of a chat request that servers check. Unknown ones pass, as they do there. */
const chatRequestSchema = z.looseObject({
  model: z.string().min(1),
  messages: z
    .array(
      z.looseObject({
        role: z.enum(["system", "developer", "user", "assistant", "tool", "function"]),
        content: contentSchema.nullish(),
      }),
    )
    .min(1),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  max_tokens: z.int().positive().nullish(),
  max_completion_tokens: z.int().positive().nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(4)]).nullish(),
  tools: z
    .array(z.looseObject({ type: z.literal("function"), function: z.looseObject({ name: z.string() }) }))
    .nullish(),
});
export type WireChatRequest = z.infer<typeof chatRequestSchema>;

/** Why a request was not answered, in the terms both dialects of the API share. */
export interface ChatFailure {
  readonly status: number;
  readonly message: string;
  /** `model_not_found`, `context_length_exceeded` … */
  readonly kind: string;
  readonly param?: string;
  readonly retryAfterSeconds?: number;
}

export type ReadRequest =
  | { readonly request: WireChatRequest; readonly failure: null }
  | { readonly request: null; readonly failure: ChatFailure };

/** Reads a request body; what a server would refuse comes back as a failure. `model` may come from elsewhere. */
export function readChatRequest(text: string, defaults: Readonly<Record<string, unknown>> = {}): ReadRequest {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return refused("We could not parse the JSON body of your request.");
  }
  if (typeof body !== "object" || body === null) return refused("The body must be a JSON object.");
  const parsed = chatRequestSchema.safeParse({ ...defaults, ...body });
  if (parsed.success) return { request: parsed.data, failure: null };
  const [issue] = parsed.error.issues;
  const param = issue?.path.join(".") ?? "";
  return refused(`Invalid value for '${param}': ${issue?.message}`, param);
}

function refused(message: string, param?: string): ReadRequest {
  return { request: null, failure: { status: 400, message, kind: "invalid_request_error", param } };
}

/** A message's content as one text. */
export function contentText(content: z.infer<typeof contentSchema> | null | undefined): string {
  if (typeof content === "string") return content;
  return (content ?? []).map((part) => part.text ?? "").join("");
}
