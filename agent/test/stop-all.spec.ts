// Taking a host down: every task ends, with a limit to the time that its stop timeout may take.
import { randomUUID } from 'node:crypto';
import pino from 'pino';
import { expect, it } from 'vitest';
import { createAgent } from '../src/agent.js';
import { openJournal } from '../src/journal.js';
import { memoryStorage } from '../src/journal-storage.js';
import { beginLife } from '../src/life.js';
import { createSimRuntime } from '../src/sim/sim-runtime.js';
import { containerSpec, taskSpec } from './tasks.js';

it('kills what has not ended by itself within the time of grace, however long its stop timeout', async () => {
  const log = pino({ level: 'silent' });
  const journal = await openJournal({ storage: memoryStorage(), log });
  const bootId = randomUUID();
  const clock = beginLife(journal, bootId);
  const capacity = { cpuMillis: 1000, memoryMiB: 1024, taskSlots: 10 };
  const runtime = createSimRuntime({ bootId, capacity, clock, startDelayMs: 0 });
  const agent = createAgent({ runtime, journal, clock, log, lastLifeEndedMs: 0, onChange: () => {}, onRetell: () => {} });
  const stubborn = ['one', 'two'].map((name) => containerSpec({ name, command: ['hang'], stopTimeoutSeconds: 3600 }));
  const [hangs, heeds, pulls] = [
    taskSpec({ containers: stubborn }),
    taskSpec({ containers: [containerSpec({ stopTimeoutSeconds: 3600 })] }),
    taskSpec({ containers: [containerSpec({ command: ['pull'] })] }),
  ];
  await agent.start();
  const tasks = [hangs, heeds, pulls].map((spec) => ({ taskId: spec.taskId, desired: 'running' as const, spec }));
  agent.apply({ type: 'desired', seq: 1, epoch: 1, full: true, tasks });
  const stateOf = ({ taskId }: { taskId: typeof hangs.taskId }) => journal.state.tasks.get(taskId);
  await expect.poll(() => [hangs, heeds, pulls].map((spec) => stateOf(spec)?.state)).toEqual(['running', 'running', 'starting']);
  await agent.stopAll('HostShutdown', '', 200);
  expect([hangs, heeds, pulls].map((spec) => stateOf(spec)?.containers.map(({ signal }) => signal))).toEqual([
    ['SIGKILL', 'SIGKILL'],
    ['SIGTERM'],
    [null],
  ]);
  await agent.close();
  await journal.close();
  await runtime.close();
});
