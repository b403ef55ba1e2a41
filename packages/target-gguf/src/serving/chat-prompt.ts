import { Template } from "@huggingface/jinja";
import { type ChatMessage, type ChatRequest, ModelOpsError } from "@modelops/core";

/** Renders a request as the text the model was trained on. */
export interface ChatPrompt {
  render(request: ChatRequest): string;
}

export interface ChatPromptOptions {
  /** The model's Jinja chat template. */
  readonly template: string;
  readonly bosToken: string;
  readonly eosToken: string;
}

function parseArguments(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Templates print text as it is; what the model wrote need not be JSON.
    return text;
  }
}

/** A message in the shape that chat templates expect. */
function templateMessage(message: ChatMessage): Record<string, unknown> {
  const toolCalls = message.toolCalls?.map((call) => ({
    ...(call.id === null ? {} : { id: call.id }),
    type: "function",
    function: { name: call.name, arguments: parseArguments(call.arguments) },
  }));
  return {
    role: message.role,
    content: message.content,
    ...(toolCalls && toolCalls.length > 0 ? { tool_calls: toolCalls } : {}),
    ...(message.toolCallId === undefined ? {} : { tool_call_id: message.toolCallId }),
  };
}

function templateFailed(reason: string, cause: unknown): ModelOpsError {
  return new ModelOpsError({
    code: "model/chat-template-failed",
    message: "The model's chat template could not render the messages.",
    reason,
    fix: "check the roles and their order; many templates accept one system message, then user and assistant in turn.",
    cause,
  });
}

function parseTemplate(template: string): Template {
  try {
    return new Template(template);
  } catch (cause) {
    throw new ModelOpsError({
      code: "gguf/bad-chat-template",
      message: "The model's chat template is not valid.",
      reason: String(cause),
      fix: "pass chatTemplate with a corrected Jinja template.",
      cause,
    });
  }
}

/** Compiles a chat template once. */
export function createChatPrompt(options: ChatPromptOptions): ChatPrompt {
  const template = parseTemplate(options.template);
  const knowsTools = /\btools\b/.test(options.template);
  return {
    render: (request) => {
      const tools = request.tools?.map((tool) => ({ type: "function", function: tool }));
      if (tools && tools.length > 0 && !knowsTools) {
        throw new ModelOpsError({
          code: "model/tools-not-supported",
          message: "The request has tools, but the model's chat template does not show tools to the model.",
          fix: "describe the tools in the system message, or use a model whose template supports tools.",
        });
      }
      try {
        return template.render({
          messages: request.messages.map(templateMessage),
          add_generation_prompt: true,
          bos_token: options.bosToken,
          eos_token: options.eosToken,
          ...(tools && tools.length > 0 ? { tools } : {}),
          ...(request.extraBody?.chat_template_kwargs as Record<string, unknown> | undefined),
        });
      } catch (cause) {
        throw templateFailed(cause instanceof Error ? cause.message : String(cause), cause);
      }
    },
  };
}
