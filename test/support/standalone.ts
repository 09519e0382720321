// A whole Berth of a test's own, started and stopped by bin/up and bin/down, and what it may leave on the machine.
import { execFile, execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { freePort } from './cluster.js';

const root = resolve(import.meta.dirname, '../..');

export interface Outcome {
  readonly code: number;
  readonly output: string;
}

/** Runs bin/NAME to its end, without a terminal or input. */
export type Bin = (name: 'up' | 'down' | 'berth', ...args: string[]) => Promise<Outcome>;

export function binWith(environment: Readonly<Record<string, string>>): Bin {
  const env = { ...process.env, ...environment };
  return (name, ...args) =>
    new Promise((done) => {
      const child = execFile(`${root}/bin/${name}`, args, { env, maxBuffer: 8 << 20 }, (error, stdout, stderr) => {
        done({ code: error ? Number(error.code ?? 255) : 0, output: stdout + stderr });
      });
      child.stdin?.end();
    });
}

/** The first of four ports in a row that were free just now. */
export async function fourFreePorts(): Promise<number> {
  for (;;) {
    const first = (await freePort()) - 4;
    const taken = execFileSync('ss', ['-Htln'], { encoding: 'utf8' });
    if (first > 1024 && ![0, 1, 2, 3].some((step) => taken.includes(`:${first + step} `))) return first;
  }
}

/** Host pids of the processes whose command line has this text, without the init that may stand before them. */
export function pidsOf(text: string): number[] {
  return processes()
    .filter(({ command }) => command.includes(text) && !/catatonit|init/.test(command.split(' ')[0] ?? ''))
    .map(({ pid }) => pid)
    .sort((a, b) => a - b);
}

function processes(): { pid: number; command: string; environment: string }[] {
  const read = (pid: string, file: string) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'utf8').replaceAll('\0', ' ');
    } catch {
      return '';
    }
  };
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => ({ pid: Number(pid), command: read(pid, 'cmdline'), environment: read(pid, 'environ') }));
}

/** Everything on the machine that has the instance's name or its data directory in it. Nothing, when it is down. */
export function leftovers(instance: string, dataDirectory: string): string[] {
  const ours = (text: string) => text.includes(instance) || text.includes(dataDirectory);
  const lines = (program: string, ...args: string[]) => execFileSync(program, args, { encoding: 'utf8' }).split('\n').filter(ours);
  const label = (kind: string) => (line: string) => `${kind}: ${line.trim()}`;
  return [
    ...processes()
      .filter(({ command, environment }) => ours(command) || environment.includes(`BERTH_AGENT_INSTANCE=${instance} `))
      .map(({ pid, command }) => `process: ${pid} ${command}`),
    ...readFileSync('/proc/self/mounts', 'utf8').split('\n').filter(ours).map(label('mount')),
    ...lines('ip', '-oneline', 'link').map(label('link')),
    ...lines('ip', 'netns').map(label('netns')),
    ...lines('nft', 'list', 'tables').map(label('nft')),
    ...lines('find', '/sys/fs/cgroup', '-type', 'd', '-name', `*${instance}*`).map(label('cgroup')),
    ...lines('find', '/run', '-maxdepth', '2', '-name', `*${instance}*`).map(label('run')),
  ];
}
