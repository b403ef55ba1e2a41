import type { Context } from "hono";

/** A refusal in the Hub's own form: `{error}` and the headers its clients read. */
export class HubFailure extends Error {
  readonly status: number;
  readonly code: string | null;
  readonly body: Readonly<Record<string, unknown>>;

  constructor(
    status: number,
    message: string,
    options: { readonly code?: string; readonly body?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message);
    this.status = status;
    this.code = options.code ?? null;
    this.body = options.body ?? {};
  }

  response(): Response {
    const headers: Record<string, string> = { "x-error-message": this.message };
    if (this.code !== null) headers["x-error-code"] = this.code;
    return Response.json({ error: this.message, ...this.body }, { status: this.status, headers });
  }
}

type Handler = (context: Context) => Promise<Response> | Response;

/** Turns a thrown refusal into its answer. */
export function refusing(handler: Handler): Handler {
  return async (context) => {
    try {
      return await handler(context);
    } catch (error) {
      if (error instanceof HubFailure) return error.response();
      throw error;
    }
  };
}

export const badRequest = (message: string) => new HubFailure(400, message);
export const repositoryNotFound = (hasToken: boolean) =>
  // On purpose the same for a private repository and one that does not exist.
  new HubFailure(hasToken ? 404 : 401, hasToken ? "Repository not found" : "Invalid username or password.", {
    code: "RepoNotFound",
  });
