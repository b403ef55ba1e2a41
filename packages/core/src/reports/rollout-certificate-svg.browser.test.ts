import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { cutTexts, browserPath as executablePath } from "../../test-support/browser.ts";
import { certifyRollout } from "../deployment/watch/certify-rollout.ts";

const certificate = certifyRollout(
  {
    steps: [
      { sharePct: 20, minimumSessions: 200 },
      { sharePct: 50, minimumSessions: 200 },
      { sharePct: 100 },
    ],
    guardrails: [
      { metric: "success", direction: "higher" },
      { metric: "latencyMs", direction: "lower", cap: 8000, action: "hold" },
    ],
  },
  {
    trafficPerHour: 400,
    baseline: { success: 0.9, latencyMs: { mean: 0.7, standardDeviation: 0.15 } },
    runs: 200,
  },
);

describe("the picture of a rollout certificate", () => {
  it("has a bar for each scenario, a curve where an alarm takes the canary back, and the errors in words", () => {
    const { svg, scenarios } = certificate;
    expect(svg.match(/success −10 points/g)?.length).toBeGreaterThanOrEqual(2);
    expect(svg).toContain("Chance that it has been rolled back by then: success");
    expect(svg).not.toContain("rolled back by then: latencyMs");
    expect(svg.match(/<path class="curve/g)).toHaveLength(4);
    expect(svg).toContain(`${(100 * certificate.falseRollback.chance).toFixed(1)} % false rollbacks`);
    const missed = scenarios.find(({ metric, drop }) => metric === "success" && drop === 0.05)?.promoted ?? 0;
    expect(svg).toContain(`${(100 * missed).toFixed(1)} % missed`);
    expect(svg).toContain("20 % → 50 % → 100 % of 400 sessions an hour");
  });
});

describe.skipIf(executablePath === undefined)(
  `the picture in a browser${executablePath ? "" : " (skipped: no Chromium found; set CHROMIUM_PATH)"}`,
  () => {
    let browser: Browser;
    let folder: string;
    let url: string;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "modelops-certificate-"));
      const path = join(folder, "certificate.svg");
      await writeFile(path, certificate.svg);
      url = pathToFileURL(path).href;
      browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
    });

    afterAll(async () => {
      await browser?.close();
      await rm(folder, { recursive: true, force: true });
    });

    test.each([
      ["light", "rgb(255, 255, 255)"],
      ["dark", "rgb(18, 23, 30)"],
    ] as const)(
      "stands alone, with no text cut off, in its own colours (%s)",
      async (colorScheme, ground) => {
        const page = await browser.newPage({ colorScheme, viewport: { width: 900, height: 900 } });
        const requests: string[] = [];
        page.on("request", (request) => requests.push(request.url()));
        await page.goto(url);
        expect(requests).toEqual([url]);
        expect(await page.evaluate("document.querySelectorAll('parsererror').length")).toBe(0);
        expect(await page.evaluate(cutTexts("svg.certificate"))).toEqual([]);
        expect(await page.evaluate("getComputedStyle(document.querySelector('.ground')).fill")).toBe(ground);
        await page.close();
      },
    );
  },
);
