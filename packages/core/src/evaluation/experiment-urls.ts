/** Addresses where people can look at the runs, null where there are none. */
export interface ExperimentUrls {
  readonly candidate: string | null;
  readonly baseline: string | null;
  readonly comparison: string | null;
}

export const NO_EXPERIMENTS: ExperimentUrls = { candidate: null, baseline: null, comparison: null };
