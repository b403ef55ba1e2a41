/** A typed metadata value. GGUF readers reject a key of the wrong type, so the type is written out, never guessed. */
export type GgufScalar =
  | { readonly type: "uint32"; readonly value: number }
  | { readonly type: "int32"; readonly value: number }
  | { readonly type: "float32"; readonly value: number }
  | { readonly type: "bool"; readonly value: boolean }
  | { readonly type: "string"; readonly value: string };

type GgufArray =
  | { readonly type: "array"; readonly itemType: "string"; readonly value: readonly string[] }
  | {
      readonly type: "array";
      readonly itemType: "int32" | "uint32" | "float32";
      readonly value: readonly number[];
    };

export type GgufValue = GgufScalar | GgufArray;

/** Metadata in file order. */
export type GgufMetadata = ReadonlyMap<string, GgufValue>;

/** Numbers of the value types in the file (`enum gguf_type`). */
export const GGUF_TYPE_IDS = { uint32: 4, int32: 5, float32: 6, bool: 7, string: 8, array: 9 } as const;

export const uint32 = (value: number): GgufValue => ({ type: "uint32", value });
export const float32 = (value: number): GgufValue => ({ type: "float32", value });
export const bool = (value: boolean): GgufValue => ({ type: "bool", value });
export const string = (value: string): GgufValue => ({ type: "string", value });
export const strings = (value: readonly string[]): GgufValue => ({
  type: "array",
  itemType: "string",
  value,
});
export const int32s = (value: readonly number[]): GgufValue => ({ type: "array", itemType: "int32", value });
