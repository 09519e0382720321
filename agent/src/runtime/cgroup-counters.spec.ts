import { describe, expect, it } from 'vitest';
import { countersOf, networkIn, pressureIn } from './cgroup-counters.js';

/** Taken from a container on Linux 6.18 with cgroup v1. */
const v1: Record<string, string> = {
  'cpu/cpu.stat': 'nr_periods 42\nnr_throttled 17\nthrottled_time 1234567890\nnr_bursts 0\nburst_time 0\n',
  'cpuacct/cpuacct.usage': '987654321\n',
  'memory/memory.usage_in_bytes': '10485760\n',
  'memory/memory.stat':
    'cache 4194304\nrss 1048576\ninactive_file 1\nhierarchical_memory_limit 67108864\ntotal_cache 6291456\ntotal_rss 2097152\ntotal_inactive_file 2097152\n',
  'memory/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 3\n',
  'blkio/blkio.throttle.io_service_bytes_recursive':
    '8:0 Read 4096\n8:0 Write 8192\n8:0 Sync 12288\n8:16 Read 1\n8:16 Write 2\nTotal 12291\n',
  'blkio/blkio.throttle.io_serviced_recursive': '8:0 Read 1\n8:0 Write 2\n8:16 Read 10\n8:16 Write 20\nTotal 33\n',
  'pids/pids.current': '5\n',
  'pids/pids.max': '1024\n',
};

/** Taken from a container on Linux 6.1 with cgroup v2. */
const v2: Record<string, string> = {
  'cpu/cpu.stat': 'usage_usec 987654\nuser_usec 1\nsystem_usec 2\nnr_periods 42\nnr_throttled 17\nthrottled_usec 1234567\n',
  'memory/memory.current': '10485760\n',
  'memory/memory.stat': 'anon 2097152\nfile 6291456\nkernel 1\ninactive_anon 5\nactive_anon 6\ninactive_file 2097152\nactive_file 7\n',
  'memory/memory.max': '67108864\n',
  'memory/memory.events': 'low 0\nhigh 0\nmax 9\noom 4\noom_kill 3\noom_group_kill 0\n',
  'io/io.stat': '8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=5 dios=6\n8:16 rbytes=1 wbytes=2 rios=10 wios=20 dbytes=0 dios=0\n',
  'pids/pids.current': '5\n',
  'pids/pids.max': '1024\n',
  'cpu/cpu.pressure': 'some avg10=1.50 avg60=0.75 avg300=0.10 total=123\nfull avg10=0.50 avg60=0.25 avg300=0.00 total=45\n',
  'memory/memory.pressure': 'some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n',
};

const readerOf = (files: Record<string, string>) => (controller: string, file: string) => files[`${controller}/${file}`] ?? '';
const shared = {
  memory: { workingSetBytes: 8_388_608, usageBytes: 10_485_760, cacheBytes: 6_291_456, limitBytes: 67_108_864, oomKills: 3 },
  io: { readBytes: 4097, writeBytes: 8194, readOps: 11, writeOps: 22 },
  pids: { current: 5, limit: 1024 },
};

describe('counters of a group', () => {
  it('are read from the files of version 1', () => {
    expect(countersOf('v1', readerOf(v1))).toEqual({
      ...shared,
      cpu: { usedNs: 987_654_321, periods: 42, throttledPeriods: 17, throttledNs: 1_234_567_890 },
      pressure: null,
    });
  });

  it('are read from the files of version 2, with pressure where there is any', () => {
    expect(countersOf('v2', readerOf(v2))).toEqual({
      ...shared,
      cpu: { usedNs: 987_654_000, periods: 42, throttledPeriods: 17, throttledNs: 1_234_567_000 },
      pressure: {
        cpu: { some10: 1.5, some60: 0.75, full10: 0.5, full60: 0.25 },
        memory: { some10: 0, some60: 0, full10: 0, full60: 0 },
        io: null,
      },
    });
  });

  it.each(['v1', 'v2'] as const)('are zero in %s where there is no such file', (version) => {
    expect(countersOf(version, () => '')).toEqual({
      cpu: { usedNs: 0, periods: 0, throttledPeriods: 0, throttledNs: 0 },
      memory: { workingSetBytes: 0, usageBytes: 0, cacheBytes: 0, limitBytes: null, oomKills: 0 },
      io: { readBytes: 0, writeBytes: 0, readOps: 0, writeOps: 0 },
      pids: { current: 0, limit: null },
      pressure: null,
    });
  });

  it('have no limit where the kernel says the largest number, or max', () => {
    const unlimited = { ...v1, 'memory/memory.stat': 'hierarchical_memory_limit 9223372036854771712\n', 'pids/pids.max': 'max\n' };
    const { memory, pids } = countersOf('v1', readerOf(unlimited));
    expect([memory.limitBytes, pids.limit]).toEqual([null, null]);
    expect(countersOf('v2', readerOf({ ...v2, 'memory/memory.max': 'max\n' })).memory.limitBytes).toBeNull();
  });
});

describe('pressure', () => {
  it('of a kernel that has no "full" for the CPU', () => {
    expect(pressureIn('some avg10=2.00 avg60=1.00 avg300=0.00 total=9\n')).toEqual({ some10: 2, some60: 1, full10: 0, full60: 0 });
  });

  it('is null where it is not measured', () => {
    expect(pressureIn('')).toBeNull();
  });
});

describe('the network', () => {
  const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0
berthv1:   11       1    0    2    0     0          0         0       22       3    0    4    0     0       0          0
berthv10:   5       1    0    2    0     0          0         0       6       3    0    4    0     0       0          0
`;
  it('is that of the device and of no other whose name begins or ends like it', () => {
    expect(networkIn(text, 'berthv1')).toEqual({ rx: [11, 1, 0, 2, 0, 0, 0, 0], tx: [22, 3, 0, 4, 0, 0, 0, 0] });
    expect(networkIn(text, 'berthv10')?.rx[0]).toBe(5);
    expect(networkIn(text, 'v10')).toBeNull();
    expect(networkIn(text, 'berthv2')).toBeNull();
  });
});
