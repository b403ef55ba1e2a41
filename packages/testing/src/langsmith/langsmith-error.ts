/** A refusal as the service words it: `{ "detail": … }`. */
export class LangSmithRefusal extends Error {
  readonly status: 400 | 401 | 403 | 404 | 409 | 422;

  constructor(status: LangSmithRefusal["status"], detail: string) {
    super(detail);
    this.status = status;
  }
}

export function notFound(what: string, id: string): LangSmithRefusal {
  return new LangSmithRefusal(404, `${what} ${id} not found`);
}
