import { describe, expect, it } from 'vitest';
import { shortageOf } from './host-room.js';

const room = { capacity: { cpuMillis: 2000, memoryMiB: 1024 }, usedByOthers: { cpuMillis: 1500, memoryMiB: 512 } };
const holds = { cpuMillis: 250, memoryMiB: 128 };

describe('room for another size', () => {
  it('is all that others leave', () => {
    expect(shortageOf(room, holds, { cpuMillis: 500, memoryMiB: 512 })).toBeNull();
  });

  it('is short of what is asked for beyond that, and says by how much', () => {
    expect(shortageOf(room, holds, { cpuMillis: 501, memoryMiB: 128 })).toEqual({
      field: 'cpuMillis',
      unit: 'CPU millis',
      wanted: 501,
      free: 500,
      used: 1500,
      capacity: 2000,
    });
    expect(shortageOf(room, holds, { cpuMillis: 250, memoryMiB: 513 })).toMatchObject({ field: 'memoryMiB', free: 512 });
  });

  it('is always there for less, also on a host that came back smaller', () => {
    const full = { ...room, capacity: { cpuMillis: 100, memoryMiB: 64 } };
    expect(shortageOf(full, holds, { cpuMillis: 200, memoryMiB: 128 })).toBeNull();
    expect(shortageOf(full, holds, { cpuMillis: 300, memoryMiB: 128 })).toMatchObject({ field: 'cpuMillis', free: 0 });
  });
});
