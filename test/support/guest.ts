// The inside of tasks for tests: programs in a running container, and programs of the machine in a task's network.
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import type { TaskSpec } from '@berth/contract';
import { type DecodedPacket, decode, encode, type Packet } from 'dns-packet';
import { parseSubnet } from '../../agent/src/runtime/addresses.js';
import type { AgentHost } from './agent-host.js';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');

export interface Guest {
  readonly address: string;
  /** The bridge's address, where the agent answers. */
  readonly gateway: string;
  /** sh in the task's container `main`. Fails as the script does. */
  inside(script: string): Promise<string>;
  /** sh on the machine, in the task's network. */
  inNetwork(script: string): Promise<string>;
  /** curl in the task's network: the answer's status and body; status 0 when there was none. */
  curl(url: string, ...more: readonly string[]): Promise<{ status: number; body: string }>;
  /** Asks the agent's name server. Null when there was no answer. */
  ask(question: Packet | Buffer, transport?: 'udp' | 'tcp'): Promise<DecodedPacket | null>;
}

/** Starts the task and waits until it runs. */
export async function guestOf(host: AgentHost, task: TaskSpec): Promise<Guest> {
  host.run(task);
  const report = await host.reported(task, ({ state }) => state === 'running' || state === 'stopped');
  if (report.state !== 'running') throw new Error(`the task did not start: ${report.stopReason}`);
  const { slot, address } = JSON.parse(await host.sh(`cat /run/${host.instance}/tasks/${task.taskId}/sandbox.json`)) as {
    slot: number;
    address: string;
  };
  const network = `/run/${host.instance}/slots/${slot}/net`;
  const inNetwork = (script: string) => host.sh(`nsenter --net=${network} sh -c ${quoted(script)}`);
  const gateway = await gatewayOf(host);
  return {
    address,
    gateway,
    inside: (script) => host.sh(`crun --root /run/${host.instance}/crun exec ${task.taskId}.main sh -c ${quoted(script)}`),
    inNetwork,
    async curl(url, ...more) {
      const args = ['-s', '--max-time', '10', '-w', '\\n%{http_code}', ...more, url].map(quoted).join(' ');
      const text = await inNetwork(`curl ${args} || true`);
      const at = text.lastIndexOf('\n');
      return { status: Number(text.slice(at + 1)), body: text.slice(0, Math.max(0, at)) };
    },
    async ask(question, transport = 'udp') {
      const packet = Buffer.isBuffer(question) ? question : encode(question);
      const script = `cd ${root} && exec ${process.execPath} --import tsx test/support/ask-name-server.ts ${gateway} ${transport} ${packet.toString('hex')}`;
      const hex = await inNetwork(script);
      return hex === 'nothing' ? null : decode(Buffer.from(hex, 'hex'));
    },
  };
}

async function gatewayOf(host: AgentHost): Promise<string> {
  const { stdout } = await run('ip', ['-4', '-o', 'addr', 'show', 'dev', `${host.instance}0`]);
  const address = /inet (\S+)/.exec(stdout)?.[1] ?? '';
  return parseSubnet(address.replace(/^(\S+)\/(\d+)$/, '$1/$2')).gateway;
}

export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
