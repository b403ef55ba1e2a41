import { formatDuration, ModelOpsError } from "@modelops/core";
import { HELP, readArguments } from "./arguments.ts";
import { createDisplay, formatTable } from "./display.ts";
import { type QuickstartSummary, runQuickstart } from "./quickstart.ts";

const INTERRUPTED = 130;
/** The run went well and the candidate was not good enough. */
const GATE_NOT_PASSED = 3;

/** The demo's command line: `npm run demo -- --help`. */
async function main(): Promise<number> {
  const controller = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    if (controller.signal.aborted) process.exit(INTERRUPTED);
    process.stderr.write(
      `\n${signal}: stopping. The next start goes on where this one stopped; press again to leave at once.\n`,
    );
    controller.abort(new Error(`stopped by ${signal}`));
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  try {
    const given = readArguments(process.argv.slice(2));
    if (given.help) {
      process.stdout.write(HELP);
      return 0;
    }
    const display = createDisplay({ stream: process.stdout, isQuiet: given.isJson });
    const summary = await runQuickstart(given, display, controller.signal);
    process.stdout.write(given.isJson ? `${JSON.stringify(summary, null, 2)}\n` : describe(summary));
    return summary.rollout === null ? GATE_NOT_PASSED : 0;
  } catch (error) {
    if (controller.signal.aborted) return INTERRUPTED;
    if (!ModelOpsError.isInstance(error)) throw error;
    process.stderr.write(
      `\n${error.what}${error.reason ? `\n${error.reason}` : ""}\nFix: ${error.fix}\n(${error.code})\n`,
    );
    return error.code === "input/arguments" ? 2 : 1;
  }
}

function describe(summary: QuickstartSummary): string {
  const percent = (value: number | null) =>
    value === null ? "not measured" : `${(value * 100).toFixed(1)} %`;
  const { exactMatch, validJson, baseSkill, rollout, wallTimeMs } = summary;
  const figures = [
    ["measured in this run", "before", "after"],
    [
      `exact match, ${summary.heldOutRows} held-out rows`,
      percent(exactMatch.before),
      percent(exactMatch.after),
    ],
    ...(validJson ? [["valid JSON", percent(validJson.before), percent(validJson.after)]] : []),
    ...(baseSkill
      ? [[`base skill, ${baseSkill.rows} rows`, percent(baseSkill.before), percent(baseSkill.after)]]
      : []),
  ];
  const times = [
    ["training", formatDuration(wallTimeMs.train)],
    ["evaluation", formatDuration(wallTimeMs.evaluate)],
    ["canary and rollback", formatDuration(wallTimeMs.rollout)],
    ...(rollout
      ? [
          [
            "rollback, verified",
            `${formatDuration(rollout.rollback.totalMs)}${rollout.rollback.complete ? "" : " (partly)"}`,
          ],
        ]
      : []),
    ["everything but installation", formatDuration(wallTimeMs.withoutInstall)],
  ];
  const files = Object.entries(summary.files).map(([name, path]) => [name, path]);
  return `
${formatTable(figures)}

${formatTable(times)}

  ${summary.recommendation}: ${summary.sentence}

${formatTable(files)}

  The same loop elsewhere, two lines change:
    backend: hfJobs({ namespace: "<you>" })        // trains on Hugging Face Jobs, quoted first
    targets: [openRouter()]                        // serves catalogue models through OpenRouter
`;
}

process.exitCode = await main();
