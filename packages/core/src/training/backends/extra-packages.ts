import type { TrainingRun } from "../../contract/training-backend.ts";

/** Packages that only some runs need, pinned as the script's own. Four-bit training needs one that exists for CUDA only. */
export function extraPackages(run: Pick<TrainingRun, "adapter" | "tracking">): readonly string[] {
  return [
    ...(run.adapter.kind === "qlora" ? ["bitsandbytes==0.49.2"] : []),
    ...(run.tracking?.to === "trackio" ? ["trackio==0.43.0"] : []),
    ...(run.tracking?.to === "tensorboard" ? ["tensorboard==2.21.0"] : []),
  ];
}

/** Where the script writes its curves. On a machine that ends with the job, they must go to the Hub or are lost. */
export function trackingConfig(
  run: Pick<TrainingRun, "tracking">,
  place: { readonly space: string | null; readonly push: boolean },
) {
  const { tracking } = run;
  return {
    report_to: tracking?.to ?? "none",
    run_name: tracking?.runName ?? null,
    project: tracking?.project ?? null,
    space_id: tracking?.to === "trackio" ? (tracking.space ?? place.space) : null,
    push: tracking?.to === "tensorboard" && place.push,
  } as const;
}
