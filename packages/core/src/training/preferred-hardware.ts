import type { HardwareOffer } from "../contract/training-backend.ts";

/** Which cards a host wants for models of which size (`gpu_selection` of its defaults). */
export interface HardwarePreference {
  /** Below 3 billion parameters. */
  readonly small: PreferredCards | null;
  /** 3 to 13 billion. */
  readonly medium: PreferredCards | null;
  /** Above 13 billion. */
  readonly large: PreferredCards | null;
}

export interface PreferredCards {
  /** Such as `a10g`. */
  readonly gpuType: string;
  readonly count: number;
}

const SMALL_BELOW = 3e9;
const MEDIUM_UP_TO = 13e9;

/** The offers with the cards a host wants for a model of this size; none, and why, when they are not to be had. */
export function preferredOffers(
  offers: readonly HardwareOffer[],
  preference: HardwarePreference | null,
  parameters: number,
): { readonly preferred: readonly HardwareOffer[]; readonly warning: string | null } {
  const size = parameters < SMALL_BELOW ? "small" : parameters <= MEDIUM_UP_TO ? "medium" : "large";
  const wanted = preference?.[size] ?? null;
  if (wanted === null) return { preferred: [], warning: null };
  const pattern = new RegExp(
    `(^|[^a-z0-9])${wanted.gpuType.replaceAll(/[^a-z0-9]+/gi, "\\W*")}($|[^a-z0-9])`,
    "i",
  );
  const preferred = offers.filter(
    ({ accelerator }) =>
      accelerator !== null && accelerator.count === wanted.count && pattern.test(accelerator.model),
  );
  if (preferred.length > 0) return { preferred, warning: null };
  const warning = `The training defaults want ${wanted.count} × ${wanted.gpuType} for ${size} models, which is not on offer; the cheapest machine that fits was chosen. Fix: correct gpu_selection, or name the hardware.`;
  return { preferred: [], warning };
}
