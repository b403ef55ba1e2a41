import { expect, it } from "vitest";
import { type QuantizeParameters, unexpectedDefault } from "./quantize-parameters.ts";

const DEFAULTS: QuantizeParameters = {
  nthread: 0,
  ftype: 7,
  output_tensor_type: 43,
  token_embedding_type: 43,
  allow_requantize: false,
  quantize_output_tensor: true,
  only_copy: false,
  pure: false,
  keep_split: false,
  dry_run: false,
  imatrix: null,
  kv_overrides: null,
  tt_overrides: null,
  prune_layers: null,
  max_buf_size: 8_589_934_592,
};

it("accepts the defaults of the known library", () => {
  expect(unexpectedDefault(DEFAULTS)).toBeNull();
});

it.each(Object.keys(DEFAULTS))("notices when %s has moved", (field) => {
  const value = DEFAULTS[field as keyof QuantizeParameters];
  const other = typeof value === "boolean" ? !value : 99;
  expect(unexpectedDefault({ ...DEFAULTS, [field]: other })).not.toBeNull();
});
