export type { HfEndpointsOptions } from "./hf-endpoints-options.ts";
export { hfEndpoints } from "./hf-endpoints-target.ts";
