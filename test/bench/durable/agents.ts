// A process of simulated agents for `npm run bench -- durable`: real links over real sockets, machines that are not there.
// Its parent sends host tokens; each becomes an agent. It answers with how many are connected.
import { type SimAgent, startSimAgent } from '../../../agent/src/sim/sim-agent.js';

const gatewayUrl = process.argv[2] ?? '';
const capacity = { cpuMillis: 64_000, memoryMiB: 262_144, taskSlots: 1000, diskMiB: 4_000_000 };
/** Each costs the control plane a certificate. */
const atOnce = 8;
const agents: SimAgent[] = [];

process.on('message', (tokens: string[]) => {
  admit(tokens).then(
    () => process.send?.({ connected: agents.length }),
    (error: Error) => process.send?.({ error: error.message }),
  );
});
process.on('disconnect', () => process.exit(0));

async function admit(tokens: readonly string[]): Promise<void> {
  const left = [...tokens];
  const work = async () => {
    for (let token = left.pop(); token !== undefined; token = left.pop()) {
      const name = `sim-${agents.length}`;
      agents.push(await startSimAgent({ gatewayUrl, admission: { token }, name, capacity }));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  while (!agents.every(({ connected }) => connected)) await new Promise((resolve) => setTimeout(resolve, 50));
}
