import { describe, expect, it } from 'vitest';
import { choosePorts } from './ports.js';

const range = { from: 20_000, to: 20_003 };
const tcp = (containerPort: number, hostPort?: number) => ({
  containerPort,
  protocol: 'tcp' as const,
  ...(hostPort !== undefined && { hostPort }),
});
const choose = (wanted: ReturnType<typeof tcp>[], taken: string[] = [], busy: number[] = [], start = 0) =>
  choosePorts(wanted, new Set(taken), range, start, async (_, port) => !busy.includes(port));

describe('choosePorts', () => {
  it('takes the ports that are asked for, and free ones for the rest, from the start on and around', async () => {
    const chosen = await choose([tcp(80), tcp(81, 20_003), tcp(82)], [], [], 3);
    expect(chosen.map(({ containerPort, hostPort }) => [containerPort, hostPort])).toEqual([
      [81, 20_003],
      [80, 20_000],
      [82, 20_001],
    ]);
  });

  it('steps over what other tasks and the host have', async () => {
    expect((await choose([tcp(80)], ['tcp . 20000'], [20_001]))[0]?.hostPort).toBe(20_002);
  });

  it('does not mistake one protocol’s port for the other’s', async () => {
    expect((await choose([tcp(80)], ['udp . 20000']))[0]?.hostPort).toBe(20_000);
  });

  it.each([
    ['another task has it', [tcp(80, 8080)], ['tcp . 8080'], [], /8080\/tcp of the host is another task’s/],
    ['the host has it', [tcp(80, 22)], [], [22], /22\/tcp is in use by the host itself/],
    ['none is left', [tcp(80)], [], [20_000, 20_001, 20_002, 20_003], /every tcp port from 20000 to 20003/],
  ])('refuses when %s', async (_, wanted, taken, busy, message) => {
    await expect(choose(wanted, taken, busy)).rejects.toThrow(message);
  });
});
