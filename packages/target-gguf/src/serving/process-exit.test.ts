import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { temporaryFolder } from "../../test-models/temporary-folder.ts";
import { writeTinyModel } from "../../test-models/tiny-model.ts";
import { convertToGguf } from "../conversion/convert-to-gguf.ts";

it("lets the process end within a second of close()", async () => {
  const folder = await temporaryFolder();
  await writeTinyModel(join(folder, "model"));
  await convertToGguf({ modelFolder: join(folder, "model"), outputPath: join(folder, "model.gguf") });
  const module = JSON.stringify(new URL("./gguf-chat-model.ts", import.meta.url).href);
  await writeFile(
    join(folder, "serve.mts"),
    `import { openGgufChatModel } from ${module};
     const model = await openGgufChatModel({ modelPath: process.argv[2] });
     await model.generate({ messages: [{ role: "user", content: "Hi" }], maxOutputTokens: 3 });
     await model.close();
     const closedAt = performance.now();
     process.on("exit", () => console.log(Math.round(performance.now() - closedAt)));`,
  );
  const { stdout } = await promisify(execFile)(process.execPath, [
    join(folder, "serve.mts"),
    join(folder, "model.gguf"),
  ]);
  expect(Number(stdout.trim())).toBeLessThan(1_000);
});
