// The keeper: a program of its own, one an instance, that keeps containers while the agent comes and goes. Started by the
// agent (runtime/monitor.ts) with the path of its socket; ends by itself when it has kept nothing for a while.
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { sealedPrograms } from '../runtime/sealed-programs.js';
import { becomeSubreaper } from '../runtime/spawn.js';
import { createKeeper, type Keeper } from './keeper.js';
import { type Answer, type Hello, lineReader, type Numbered, type Request } from './protocol.js';

const idleMs = 60_000;
/** SIGCHLD is one signal for many children, and this is for the one that nobody expects to miss. */
const reapEveryMs = 1000;

function serve(socketPath: string): void {
  becomeSubreaper();
  const keeper = createKeeper(sealedPrograms());
  process.on('SIGCHLD', keeper.reap);
  // They are for the agent, whose terminal or service this may have been started from.
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
  setInterval(keeper.reap, reapEveryMs);
  const connections = new Set<Socket>();
  let idleSince = performance.now();
  setInterval(() => {
    if (keeper.size > 0 || connections.size > 0) idleSince = performance.now();
    else if (performance.now() - idleSince > idleMs) process.exit(0);
  }, idleMs / 4);
  rmSync(socketPath, { force: true });
  const server = createServer((socket) => {
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.write(`${JSON.stringify({ keeper: process.pid } satisfies Hello)}\n`);
    const say = (answer: Answer) => socket.writable && socket.write(`${JSON.stringify(answer)}\n`);
    const take = (line: string) => void answerTo(keeper, JSON.parse(line) as Numbered<Request>).then(say);
    socket.setEncoding('utf8').on(
      'data',
      lineReader(take, () => socket.destroy()),
    );
  });
  server.listen(socketPath, () => chmodSync(socketPath, 0o600));
}

async function answerTo(keeper: Keeper, request: Numbered<Request>): Promise<Answer> {
  const { id } = request;
  try {
    switch (request.do) {
      case 'create':
        return { id, ...(await keeper.create(request)) };
      case 'forget':
        await keeper.forget(request.container);
        return { id };
      case 'end':
        if (keeper.size === 0) process.exit(0);
        return { id, error: `${keeper.size} containers are kept` };
      default:
        return { id, error: `nobody here knows ${JSON.stringify(request satisfies never)}` };
    }
  } catch (error) {
    return { id, error: (error as Error).message };
  }
}

const [socketPath] = process.argv.slice(2);
if (!socketPath) throw new Error('Usage: main.js SOCKET');
serve(socketPath);
