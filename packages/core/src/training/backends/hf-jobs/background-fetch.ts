import { Agent, buildConnector, fetch as undiciFetch } from "undici";

let agent: Agent | null = null;

/**
 * A `fetch` whose open connections do not keep the process alive: a log that is followed in the background must not
 * hold a script that has nothing else to do.
 */
export const backgroundFetch: typeof globalThis.fetch = async (input, init) => {
  agent ??= new Agent({ connect: unreferenced(buildConnector({})), bodyTimeout: 0 });
  const response = await undiciFetch(input as string, { ...(init as object), dispatcher: agent });
  return response as unknown as Response;
};

function unreferenced(connect: buildConnector.connector): buildConnector.connector {
  return (options, callback) =>
    connect(options, (...result) => {
      const [, socket] = result;
      if (socket) {
        socket.unref();
        // The client refs its socket for each request.
        socket.ref = () => socket;
      }
      callback(...result);
    });
}
