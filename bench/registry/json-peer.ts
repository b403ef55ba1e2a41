import { copyFileSync, mkdirSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

interface PeerVersion {
  version: string;
  model_id: string;
  training_config: Record<string, unknown>;
  trained_at: string;
  deployment_status: string;
  deployed_at: string | null;
}
interface PeerAgent {
  agent_name: string;
  current: PeerVersion | null;
  canary: PeerVersion | null;
  history: PeerVersion[];
}
interface PeerFile {
  created_at: string;
  updated_at: string;
  version: string;
  agents: Record<string, PeerAgent>;
}

/**
 * A registry as one JSON file, the way the host project keeps it: every change reads the file, copies it to
 * `backups/` (the newest 10 stay), changes it and writes it in place with two spaces of indentation. No lock, no fsync.
 */
export function jsonPeer(path: string) {
  const read = () => JSON.parse(readFileSync(path, "utf8")) as PeerFile;
  const write = (data: PeerFile) => {
    const backups = join(dirname(path), "backups");
    mkdirSync(backups, { recursive: true });
    copyFileSync(path, join(backups, `registry_${process.hrtime.bigint()}.json`));
    for (const old of readdirSync(backups).sort().reverse().slice(10)) unlinkSync(join(backups, old));
    writeFileSync(path, JSON.stringify({ ...data, updated_at: new Date().toISOString() }, null, 2));
  };
  const agentOf = (data: PeerFile, name: string): PeerAgent => {
    const agent = data.agents[name];
    if (!agent) throw new Error(`unknown agent ${name}`);
    return agent;
  };
  return {
    add(agent: string, version: string, config: Record<string, unknown>): void {
      const data = read();
      agentOf(data, agent).history.push({
        version,
        model_id: "org/model",
        training_config: config,
        trained_at: new Date().toISOString(),
        deployment_status: "not_deployed",
        deployed_at: null,
      });
      write(data);
    },
    setCurrent(agent: string, version: string): void {
      const data = read();
      const entry = agentOf(data, agent);
      const found = entry.history.find((candidate) => candidate.version === version);
      if (!found) throw new Error(`unknown version ${version}`);
      for (const old of entry.history)
        if (old.version === entry.current?.version) old.deployment_status = "archived";
      found.deployment_status = "deployed";
      found.deployed_at = new Date().toISOString();
      entry.current = found;
      write(data);
    },
  };
}
