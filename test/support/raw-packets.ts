// Sends and hears whole frames in a task's network namespace, as root of the host: a tenant has no right to, and what is
// tested is what stands behind that. perl does it, for it is on every Debian and can open packet sockets.
import { execFile, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const launcher = fileURLToPath(new URL('../../agent/bin/berth-agent', import.meta.url));
const [packetFamily, rawSocket, allProtocols] = [17, 3, 0x0300];

/** A packet socket on the interface of this number; `sockaddr_ll` as packet(7) has it. */
const open = `
$| = 1;
my $index = shift;
socket(my $s, ${packetFamily}, ${rawSocket}, ${allProtocols}) or die "socket: $!";
bind($s, pack('S S l S C C a8', ${packetFamily}, ${allProtocols}, $index, 0, 0, 0, '')) or die "bind: $!";
`;
const sendAll = `${open} while (my $hex = <STDIN>) { chomp $hex; send($s, pack('H*', $hex), 0) or print "not sent: $!\\n" }`;
const hearAll = `${open} print "listening\\n"; while (defined recv($s, my $frame, 65536, 0)) { print unpack('H*', $frame), "\\n" }`;

/** A network namespace that an instance holds by a file. */
export interface InNamespace {
  readonly instance: string;
  readonly file: string;
}

function inside({ instance, file }: InNamespace, ...command: string[]): [string, string[], { env: NodeJS.ProcessEnv }] {
  return [launcher, ['exec', 'nsenter', `--net=${file}`, ...command], { env: { ...process.env, BERTH_AGENT_INSTANCE: instance } }];
}

export async function sendFrames(where: InNamespace, frames: readonly Buffer[]): Promise<void> {
  const running = run(...inside(where, 'perl', '-e', sendAll, await indexOf(where)));
  running.child.stdin?.end(frames.map((frame) => `${frame.toString('hex')}\n`).join(''));
  const { stdout } = await running;
  if (stdout !== '') throw new Error(stdout);
}

export interface Ear {
  /** Everything that came until a frame with this text in it, that one not counted. */
  until(text: string): Promise<Buffer[]>;
  close(): void;
}

/** Resolves when it listens. What the namespace itself sends is heard, too. */
export async function listen(where: InNamespace): Promise<Ear> {
  const [program, args, options] = inside(where, 'perl', '-e', hearAll, await indexOf(where));
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  return {
    until: async (text) => {
      const heard: Buffer[] = [];
      for (;;) {
        const { value, done } = await lines.next();
        if (done) throw new Error('the listener has ended');
        const frame = Buffer.from(value, 'hex');
        if (frame.includes(text)) return heard;
        heard.push(frame);
      }
    },
    close: () => child.kill('SIGKILL'),
  };
}

async function indexOf(where: InNamespace): Promise<string> {
  const { stdout } = await run(...inside(where, 'ip', '-o', 'link', 'show', 'eth0'));
  return stdout.split(':')[0] ?? '';
}
