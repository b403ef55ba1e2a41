import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createSocketServer } from "node:net";
import { dirname, join } from "node:path";

/** An OpenAI-compatible server that answers at once. */
export interface Backend {
  readonly url: string;
  close(): void;
}

export async function startBackend(): Promise<Backend> {
  const body = JSON.stringify({
    id: "1",
    object: "chat.completion",
    created: 1,
    model: "m",
    choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "ok" } }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  });
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      response
        .writeHead(200, { "content-type": "application/json", "content-length": body.length })
        .end(body);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

export interface Gateway {
  /** One chat call through the gateway, which divides 80 % and 20 % between two targets of the same backend. */
  call(): Promise<void>;
  close(): Promise<void>;
}

/** Starts the Portkey gateway, the proxy that does the same job in a process of its own. */
export async function startGateway(folder: string, backend: Backend): Promise<Gateway> {
  const script = join(folder, "build", "start-server.js");
  const port = await freePort();
  const child = spawn(process.execPath, [script, `--port=${port}`, "--headless"], {
    cwd: dirname(script),
    stdio: "ignore",
    env: { ...process.env, PORT: String(port) },
  });
  const url = `http://127.0.0.1:${port}`;
  await answering(url, child);
  const config = {
    strategy: { mode: "loadbalance" },
    targets: [0.8, 0.2].map((weight) => ({
      provider: "openai",
      api_key: "unused",
      custom_host: backend.url,
      weight,
    })),
  };
  const headers = { "x-portkey-config": JSON.stringify(config) };
  return {
    call: () => postChat(`${url}/v1`, headers),
    async close() {
      const exited = once(child, "exit");
      child.kill();
      await exited;
    },
  };
}

export async function postChat(url: string, headers: Readonly<Record<string, string>> = {}): Promise<void> {
  const response = await fetch(`${url}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "hello" }] }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text.slice(0, 200)}`);
}

async function freePort(): Promise<number> {
  const server = createSocketServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

const START_LIMIT_MS = 30_000;

async function answering(url: string, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + START_LIMIT_MS;
  while (performance.now() < deadline && child.exitCode === null) {
    const isUp = await fetch(url).then(
      () => true,
      () => false,
    );
    if (isUp) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  child.kill();
  throw new Error("the gateway did not start");
}
