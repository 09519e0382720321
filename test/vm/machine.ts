// A virtual machine for a test: boots the image that image.sh makes, with a second disk of the test's own, runs
// commands in it by ssh and takes everything away at the end. Emulated if there is no /dev/kvm, so about 20 times slower
// than the machine outside. What is written to its disk is forgotten when it stops.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from '../support/cluster.js';
import { type Shell, type ShellOptions, shellOf } from './shell.js';

const execute = promisify(execFile);

/** Address of the machine outside, seen from within: what listens on its loopback is reached there. */
export const outside = '10.0.2.2';

export interface MachineOptions {
  /** The directory that image.sh has printed. */
  readonly image: string;
  /** Fills the second disk, which the machine sees read-only at /berth. */
  readonly payload: (directory: string) => Promise<void>;
}

export interface Machine {
  /** Runs a shell command in it, as root, that must succeed within two minutes or `timeoutMs`. @returns what it printed. */
  must(command: string, options?: ShellOptions): Promise<string>;
  /** Lets what listens on the loopback port outside be reached on the same port of the loopback within. */
  forward(port: number): Promise<void>;
  /** Restarts it, and waits until it is up again. Forwarded ports are forgotten. */
  reboot(): Promise<void>;
  /** Switches it off without asking it and removes its files. Safe twice. */
  stop(): Promise<void>;
}

const memoryMiB = 2048;
const bootTimeoutMs = 600_000;
/**
 * no_timer_check: a timer interrupt that comes late, because the machine outside is busy, is not a broken timer.
 * rcu_expedited: otherwise each namespace and control group waits for both processors' ticks, for seconds if they are starved.
 */
const kernelCommandLine = 'console=ttyS0 quiet panic=-1 no_timer_check rcupdate.rcu_expedited=1 net.ifnames=0 mitigations=off';
const pauseMs = 500;

/** @throws Error with the end of its console when it does not come up. */
export async function bootMachine(options: MachineOptions): Promise<Machine> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-vm-'));
  const at = (name: string) => join(directory, name);
  const consoleText = () => readFile(at('console'), 'utf8').catch(() => '');
  let qemu: ChildProcess | null = null;
  let shell: Shell | null = null;
  const stop = async () => {
    await shell?.close();
    await ended(qemu);
    await rm(directory, { recursive: true, force: true });
  };
  const connect = async () => {
    const deadline = Date.now() + bootTimeoutMs;
    while (!(await shell?.open())) {
      const said = await consoleText();
      const hopeless = qemu?.exitCode !== null || qemu.signalCode !== null || Date.now() > deadline || said.includes('Kernel panic');
      if (hopeless) throw new Error(`The virtual machine did not come up.\n${lastLines(said, 40)}`);
      await sleep(pauseMs);
    }
  };
  try {
    await execute('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at('key')]);
    await makePayloadDisk(directory, options.payload);
    const port = await freePort();
    qemu = startQemu(options.image, directory, port);
    shell = shellOf({ directory, port, key: at('key') });
    await connect();
  } catch (error) {
    await stop();
    throw error;
  }
  const { run, must, forward } = shell;
  return {
    must,
    forward,
    stop,
    async reboot() {
      const before = await must('cat /proc/sys/kernel/random/boot_id');
      await run('systemctl reboot --no-block').catch(() => {});
      do {
        await shell?.close();
        await connect();
      } while ((await run('cat /proc/sys/kernel/random/boot_id').catch(() => ({ stdout: before }))).stdout === before);
    },
  };
}

async function makePayloadDisk(directory: string, payload: MachineOptions['payload']): Promise<void> {
  const stage = join(directory, 'payload');
  await mkdir(stage);
  await payload(stage);
  await cp(join(directory, 'key.pub'), join(stage, 'authorized_keys'));
  const { stdout } = await execute('du', ['-sm', '--apparent-size', stage]);
  const sizeMiB = Math.ceil(Number.parseInt(stdout, 10) * 1.2) + 16;
  await execute('mkfs.ext4', ['-q', '-d', stage, join(directory, 'payload.ext4'), `${sizeMiB}M`]);
  await rm(stage, { recursive: true });
}

/**
 * A machine that is virtual itself refuses a guest the registers that tell of its processor's faults, and may have a
 * /dev/kvm that starts guests and does not carry them: BERTH_VM_ACCELERATOR=tcg goes without.
 */
function accelerator(): string[] {
  return existsSync('/dev/kvm') && process.env.BERTH_VM_ACCELERATOR !== 'tcg'
    ? ['-accel', 'kvm', '-cpu', 'max,arch-capabilities=off']
    : ['-accel', 'tcg,thread=multi', '-cpu', 'max'];
}

/** setpriv has the kernel end it with this process, however that ends. */
function startQemu(image: string, directory: string, sshPort: number): ChildProcess {
  const disk = (file: string, more: string) => ['-drive', `file=${file},format=raw,if=virtio,${more}`];
  const args = [
    ['--pdeathsig', 'KILL', 'qemu-system-x86_64', '-nodefaults', '-no-user-config', '-display', 'none'],
    ['-machine', 'q35', ...accelerator(), '-smp', '2', '-m', String(memoryMiB)],
    ['-kernel', join(image, 'vmlinuz'), '-initrd', join(image, 'initramfs')],
    ['-append', kernelCommandLine],
    ['-serial', `file:${join(directory, 'console')}`],
    disk(join(image, 'root.ext4'), 'snapshot=on,cache=unsafe'),
    disk(join(directory, 'payload.ext4'), 'readonly=on'),
    ['-netdev', `user,id=net,hostfwd=tcp:127.0.0.1:${sshPort}-:22`, '-device', 'virtio-net-pci,netdev=net,romfile='],
  ].flat();
  return spawn('setpriv', args, { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, TMPDIR: directory } });
}

async function ended(child: ChildProcess | null): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

function lastLines(text: string, count: number): string {
  return text.split('\n').slice(-count).join('\n');
}
