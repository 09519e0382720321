// A whole Berth on one machine: starts the parts in their order, keeps them running, stops them in reverse.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureKeys, hostToken, type Keys, operatorKey } from './accounts.js';
import { Child, type Running, spawnChild } from './child.js';
import { isEnrolled, isHostActive } from './host.js';
import { provideImage } from './images.js';
import { lastLines } from './log-files.js';
import { type Part, parts, pidFileOf } from './parts.js';
import { agentCommand, controlPlaneCommand, pathsOf, portsOf, type Settings, urlOf } from './plan.js';
import { startPostgres } from './postgres.js';
import { say, step } from './progress.js';
import { startRegistry } from './registry.js';
import { isReady, restClient } from './rest.js';

export class Supervisor {
  private readonly children = new Map<Part, Child>();
  private stopping = false;

  constructor(private readonly settings: Settings) {}

  /** Starts everything. @throws Error with the reason in words; call `stop` then. */
  async start(): Promise<Keys> {
    const paths = pathsOf(this.settings);
    for (const directory of [paths.logs, paths.run, paths.build]) await mkdir(directory, { recursive: true, mode: 0o700 });
    const operator = await operatorKey(this.settings);
    const [keys] = await Promise.all([this.startControlPlane(operator), this.startImages()]);
    await step('Agent on this machine', () => this.startAgent(operator));
    return keys;
  }

  async stop(): Promise<void> {
    this.stopping = true;
    for (const { name } of parts) {
      const child = this.children.get(name);
      if (child) await step(`Stopping ${name}`, () => child.stop());
    }
  }

  private async startControlPlane(operator: string): Promise<Keys> {
    const databaseUrl = this.settings.databaseUrl ?? (await step('PostgreSQL', () => this.startDatabase()));
    await step('Control plane', async () => {
      const command = controlPlaneCommand(this.settings, databaseUrl, operator);
      const child = await this.keep('control-plane', () => this.spawn('control-plane', command));
      await this.until(child, () => isReady(urlOf(this.settings)), 60_000);
    });
    return ensureKeys(this.settings, operator);
  }

  private async startDatabase(): Promise<string> {
    const { postgres, logs } = pathsOf(this.settings);
    let url = '';
    await this.keep('postgres', async () => {
      const server = await startPostgres({
        directory: postgres,
        port: portsOf(this.settings).postgres,
        logFile: join(logs, 'postgres.log'),
      });
      url = server.url;
      return server;
    });
    return url;
  }

  private async startImages(): Promise<void> {
    await step('Image registry', () => this.keep('registry', () => startRegistry(this.settings)));
    if (await provideImage(this.settings, 'busybox', () => {})) say('  busybox image made');
  }

  private async startAgent(operator: string): Promise<void> {
    const rest = restClient(urlOf(this.settings), operator);
    const since = Date.now();
    const child = await this.keep('agent', async () => {
      const token = await hostToken(this.settings, operator).catch((error: unknown) => {
        // An agent that has its certificate goes without; the token is for one whose certificate has run out.
        if (isEnrolled(this.settings)) return null;
        throw error;
      });
      return this.spawn('agent', agentCommand(this.settings, 'run', token));
    });
    await this.until(child, () => isHostActive(rest, since), 60_000);
  }

  private spawn(name: Part, command: Parameters<typeof spawnChild>[0]): Promise<Running> {
    const { graceMs } = parts.find((part) => part.name === name) as (typeof parts)[number];
    return spawnChild(command, this.logOf(name), graceMs);
  }

  private async keep(name: Part, launch: () => Promise<Running>): Promise<Child> {
    if (this.stopping) throw new Error('It was stopped before it had started.');
    const child = new Child(name, pidFileOf(this.settings, name), launch, (line) => say(`${new Date().toISOString()} ${line}`));
    this.children.set(name, child);
    await child.start();
    return child;
  }

  /** Waits for a child's first readiness. One that dies meanwhile has something to say, so its log is shown. */
  private async until(child: Child, ready: () => Promise<boolean>, withinMs: number): Promise<void> {
    let died: string | null = null;
    child.death().then((how) => {
      died = how;
    });
    const deadline = Date.now() + withinMs;
    while (!(await ready())) {
      if (this.stopping) return;
      if (died || Date.now() > deadline) {
        const how = died ? `has ended (${died})` : `is not ready after ${withinMs / 1000} s`;
        throw new Error(
          `The ${child.name} ${how}. The end of ${this.logOf(child.name)}:\n    ${(await lastLines(this.logOf(child.name), 10)).join('\n    ')}`,
        );
      }
      await sleep(50);
    }
  }

  private logOf(name: string): string {
    return join(pathsOf(this.settings).logs, `${name}.log`);
  }
}
