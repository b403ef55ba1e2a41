/** A question with its answer, before it is written in the form of a file. */
export interface Row {
  readonly kind: string;
  readonly user: string;
  readonly assistant: string;
  readonly metadata: Readonly<Record<string, string>>;
}
