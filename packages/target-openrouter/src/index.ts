export type { OpenRouterOptions } from "./openrouter-options.ts";
export { openRouter } from "./openrouter-target.ts";
