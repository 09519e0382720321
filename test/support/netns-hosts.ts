// Hosts in network namespaces, each with a real agent, on a common network of the test's own: the underlay. The test's
// machine is on it too, at `address`.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const launcher = join(root, 'agent/bin/berth-agent');
const main = join(root, 'agent/src/main.ts');

export interface Underlay {
  /** The test's own address on it. */
  readonly address: string;
  /** Makes what listens on the machine's loopback reachable at `address`, on the same port. */
  expose(port: number): Promise<void>;
  /** A machine on it, without an agent yet. */
  host(name: string): Promise<NetnsHost>;
  destroy(): Promise<void>;
}

export interface NetnsHost {
  readonly name: string;
  readonly instance: string;
  readonly address: string;
  /** @param environment what the agent is to be told beside its own names and directories. */
  startAgent(environment: Readonly<Record<string, string>>): void;
  killAgent(): Promise<void>;
  /** Runs a shell command in the machine's network, where the agent's mounts are seen. */
  sh(command: string): Promise<string>;
  /** The same in the network of a task. */
  inTask(taskId: string, command: string): Promise<string>;
  /** Takes away all that the agent has made, and the machine. */
  destroy(): Promise<void>;
}

const firstUidBase = 1_300_000_000;
const idsPerAgent = 270_000_000;

/** @param tag 1–4 letters or digits, for names of interfaces; @param net third byte of the underlay's addresses */
export async function underlay(tag: string, net: number): Promise<Underlay> {
  const bridge = `${tag}ul`;
  const address = `198.18.${net}.1`;
  const servers: Server[] = [];
  let hosts = 0;
  await sh(
    `ip link add ${bridge} type bridge forward_delay 0 stp_state 0 && ip addr add ${address}/24 dev ${bridge} && ip link set ${bridge} up`,
  );
  return {
    address,
    expose: async (port) => {
      const server = createServer((socket) => {
        const other = connect(port, '127.0.0.1');
        for (const one of [socket, other]) one.on('error', () => [socket, other].map((each) => each.destroy()));
        socket.pipe(other).pipe(socket);
      });
      server.listen(port, address);
      await once(server, 'listening');
      servers.push(server);
    },
    host: async (name) => {
      const index = hosts++;
      const host = { name, namespace: `${tag}${name}`, instance: `${tag}${name}`, address: `198.18.${net}.${10 + index}` };
      await sh(
        `ip netns add ${host.namespace} && ip link add ${tag}p${index} type veth peer name up0 netns ${host.namespace} && ip link set ${tag}p${index} master ${bridge} up && ip -n ${host.namespace} addr add ${host.address}/24 dev up0 && ip -n ${host.namespace} link set up0 up && ip -n ${host.namespace} link set lo up && ip -n ${host.namespace} route add default via ${address}`,
      );
      return netnsHost(host, firstUidBase + index * idsPerAgent);
    },
    destroy: async () => {
      for (const server of servers) server.close();
      await sh(`ip link del ${bridge}`);
    },
  };
}

async function netnsHost(
  { name, namespace, instance, address }: { name: string; namespace: string; instance: string; address: string },
  uidBase: number,
): Promise<NetnsHost> {
  const data = await mkdtemp(join(tmpdir(), `berth-test-${instance}-`));
  let child: ChildProcess | null = null;
  let environment: Readonly<Record<string, string>> = {};
  const env = () => ({
    PATH: process.env.PATH,
    BERTH_AGENT_INSTANCE: instance,
    BERTH_AGENT_DATA: data,
    BERTH_AGENT_UID_BASE: String(uidBase),
    BERTH_AGENT_POOL_SIZE: '2',
    BERTH_HOST_NAME: name,
    BERTH_LOG_LEVEL: 'error',
    ...environment,
  });
  const inside = [`--net=/run/netns/${namespace}`, launcher, 'exec'];
  const agent = [...inside, process.execPath, '--import', 'tsx', main];
  const killAgent = async () => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  const shInside = async (command: string) => (await run('nsenter', [...inside, 'sh', '-c', command], { env: env(), cwd: root })).stdout;
  return {
    name,
    instance,
    address,
    startAgent: (given) => {
      environment = given;
      child = spawn('nsenter', agent, { env: env(), cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
    },
    killAgent,
    sh: shInside,
    inTask: async (taskId, command) => {
      const record = JSON.parse(await shInside(`cat /run/${instance}/tasks/${taskId}/sandbox.json`)) as { slot: number };
      return shInside(`nsenter --net=/run/${instance}/slots/${record.slot}/net sh -c '${command}' || true`);
    },
    destroy: async () => {
      await killAgent();
      // One of which no agent of ours was started has nothing to take away.
      if (child) await run('nsenter', [...agent, 'teardown'], { env: env(), cwd: root });
      await run(launcher, ['unpin'], { env: env() });
      await sh(`ip netns del ${namespace}`);
      await rm(data, { recursive: true, force: true });
    },
  };
}

async function sh(command: string): Promise<string> {
  return (await run('sh', ['-c', command])).stdout;
}
