import { ModelOpsError } from "../../errors/modelops-error.ts";

/** A row that cannot be read. Never holds more than a short piece of the row. */
export interface RowProblem {
  readonly code: `dataset/${string}`;
  readonly line: number;
  readonly message: string;
  readonly fix: string;
}

export function rowError(ref: string, problem: RowProblem): ModelOpsError {
  return new ModelOpsError({
    code: problem.code,
    message: `Line ${problem.line} of ${ref}: ${problem.message}`,
    fix: problem.fix,
    details: { ref, line: problem.line },
  });
}

/** How a source deals with rows it cannot read: by default it rejects at the first one. */
export interface ReadRowsOptions {
  readonly signal?: AbortSignal;
  /** Told about each such row, which is then left out. */
  readonly onProblem?: (problem: RowProblem) => void;
}
