export {
  type ConvertAdapterToGgufOptions,
  convertAdapterToGguf,
} from "./conversion/convert-adapter-to-gguf.ts";
export {
  type ConvertedGguf,
  type ConvertToGgufOptions,
  convertToGguf,
} from "./conversion/convert-to-gguf.ts";
export type { DirectType } from "./conversion/encode-weights.ts";
export { type ModelfileOptions, modelfile } from "./ollama/modelfile.ts";
export { type QuantizedGguf, type QuantizeGgufOptions, quantizeGguf } from "./quantization/quantize-gguf.ts";
export {
  type GgufChatModel,
  type OpenGgufChatModelOptions,
  openGgufChatModel,
} from "./serving/gguf-chat-model.ts";
export type { GpuSetting } from "./serving/gpu-setting.ts";
export {
  type PredictedGgufSize,
  type PredictGgufSizeOptions,
  predictGgufSize,
} from "./size/predict-gguf-size.ts";
export type { GgufQuantization, KQuantization } from "./size/quantization.ts";
export { gguf } from "./target/gguf-target.ts";
export type { GgufTargetOptions, RepositoryReference } from "./target/gguf-target-options.ts";
