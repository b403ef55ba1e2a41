export { parseOrThrow } from "./errors/from-zod.ts";
