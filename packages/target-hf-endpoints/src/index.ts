export type { HfEndpointsOptions } from "./hf-endpoints-options.ts";
export { type HfEndpointsTarget, hfEndpoints } from "./hf-endpoints-target.ts";
