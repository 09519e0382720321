// The agent's entry and its one composition root.
//   run         (default) joins the fleet and runs tasks; SIGTERM and SIGINT end the agent, not its containers
//   enrol       makes this machine a host, if it is none yet, and prints the host's id
//   teardown    stops every task, within 30 s or by SIGKILL, and takes everything of ours off the host; only while no
//               agent runs
//   --check-config   prints the settings and ends
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import pino, { type Logger } from 'pino';
import { createAgent } from './agent.js';
import { type Config, describeConfig, readConfig, readHostToken, unnamedType } from './config.js';
import { enrol } from './enrol.js';
import { guestKey } from './guest/guest-key.js';
import { openRuntime } from './host-runtime.js';
import { enrolmentRequest, type Identity, loadIdentity, saveIdentity, validity } from './identity.js';
import { openJournal } from './journal.js';
import { fileStorage } from './journal-storage.js';
import { beginLife } from './life.js';
import { lockDataDirectory } from './lock.js';
import { bootId } from './runtime/facts.js';
import { type ServiceOptions, startService } from './service.js';
import { watchSpotNotice } from './spot-notice.js';
import type { Ground } from './task-loop.js';

const verbs = { run, enrol: enrolOnly, teardown } as const;
/** A stop timeout can be an hour. Who takes a host down waits for as much as this. */
const teardownGraceMs = 30_000;
const usage = 'Usage: berth-agent [run | enrol | teardown] [--check-config]';

async function main(args: readonly string[]): Promise<void> {
  const config = readConfig();
  if (args.includes('--check-config')) return void process.stdout.write(`${describeConfig(config)}\n`);
  const [verb = 'run', ...rest] = args;
  if (!Object.hasOwn(verbs, verb) || rest.length > 0) throw new Error(usage);
  await mkdir(config.dataDirectory, { recursive: true, mode: 0o700 });
  const unlock = await lockDataDirectory(config.dataDirectory);
  try {
    await verbs[verb as keyof typeof verbs](config, pino({ level: config.logLevel }));
  } finally {
    await unlock();
  }
}

async function enrolOnly(config: Config, log: Logger): Promise<void> {
  process.stdout.write(`${(await identify(config, log)).hostId}\n`);
}

async function run(config: Config, log: Logger): Promise<void> {
  const stopped = new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal));
  });
  let identity = await identify(config, log);
  const ownLog = log.child({ hostId: identity.hostId });
  const holder = {
    identity: () => identity,
    store: async (next: Identity) => {
      await saveIdentity(config.dataDirectory, next);
      identity = next;
    },
  };
  while ((await live(config, ownLog, holder, stopped)) === 'outdated');
}

/** @returns why it ended: a signal, or because the next life will have another subnet. */
async function live(
  config: Config,
  ownLog: Logger,
  holder: Pick<ServiceOptions, 'identity' | 'store'>,
  stopped: Promise<string>,
): Promise<string> {
  const ground = await openGround(config, ownLog);
  const guest = { key: guestKey(config.dataDirectory), resolvers: config.resolvers, ...config.place };
  const notice = config.ec2MetadataUrl === null ? null : watchSpotNotice({ url: config.ec2MetadataUrl, log: ownLog });
  const service = await startService({
    gatewayUrl: config.gatewayUrl,
    name: config.hostName,
    attributes: placeInAttributes(config),
    guest,
    ...(notice && { interruption: () => notice.current }),
    ...ground,
    ...holder,
  });
  ownLog.info(
    { name: config.hostName, capacity: ground.runtime.facts.capacity, tasks: ground.journal.state.tasks.size },
    'the agent is up',
  );
  const why = await Promise.race([stopped, ground.runtime.outdated]);
  ownLog.info(
    { why },
    why === 'outdated' ? 'the agent begins anew, with another subnet' : 'the agent is going down; its containers run on',
  );
  notice?.close();
  await service.stop();
  return why;
}

/** Machines that name no type are told apart by their size. */
function placeInAttributes({ place }: Config): Record<string, string> {
  const { instanceType, ...where } = place;
  return instanceType === unnamedType ? where : { ...where, instanceType };
}

async function teardown(config: Config, log: Logger): Promise<void> {
  const ground = await openGround(config, log);
  const { journal, runtime } = ground;
  const agent = createAgent({ ...ground, onChange: () => {}, onRetell: () => {} });
  await agent.start();
  await agent.stopAll('HostShutdown', 'The host was shut down by its operator.', teardownGraceMs);
  await agent.close();
  await journal.close();
  await runtime.close();
  await runtime.teardown();
  log.info({}, 'nothing of the tasks is left on this host but logs and records');
}

async function openGround(config: Config, log: Logger): Promise<Ground> {
  const journal = await openJournal({ storage: fileStorage(join(config.dataDirectory, 'journal')), log });
  const lastLifeEndedMs = journal.state.aliveAtMs;
  const boot = bootId();
  const clock = beginLife(journal, boot);
  return { journal, clock, log, lastLifeEndedMs, runtime: await openRuntime(config, { bootId: boot, clock, log }) };
}

/** Enrols a host that was not yet, or whose certificate has run out while there is a token for a new one. */
async function identify(config: Config, log: Logger): Promise<Identity> {
  const known = await loadIdentity(config.dataDirectory);
  const expired = known !== null && validity(known.certificate).untilMs <= Date.now();
  const hasToken = config.hostToken !== null || config.hostTokenFile !== null;
  if (known && !(expired && hasToken)) {
    if (expired)
      log.error(
        { hostId: known.hostId },
        'the host’s certificate has expired. Set BERTH_HOST_TOKEN to a new host token; tasks run on meanwhile',
      );
    return known;
  }
  const { gatewayUrl, hostName: name, dataDirectory } = config;
  const request = await enrolmentRequest(dataDirectory, name);
  const identity = await enrol({ gatewayUrl, token: readHostToken(config), name, request });
  await saveIdentity(config.dataDirectory, identity);
  log.info({ hostId: identity.hostId, gatewayUrl: config.gatewayUrl }, 'enrolled');
  return identity;
}

main(process.argv.slice(2)).then(
  () => process.exit(0),
  (error: Error) => {
    process.stderr.write(`berth-agent: ${error.message}\n${error.cause ? `  because: ${error.cause}\n` : ''}`);
    process.exit(1);
  },
);
