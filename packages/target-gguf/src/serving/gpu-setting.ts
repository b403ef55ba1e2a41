/**
 * Where inference runs. "auto" takes a GPU when a prebuilt library for it is installed. In a file of its own: public
 * declarations must not reach the types of an optional package.
 */
export type GpuSetting = false | "auto";
