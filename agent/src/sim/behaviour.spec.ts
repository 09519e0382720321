import { describe, expect, it } from 'vitest';
import { behaviourOf } from './behaviour.js';

const clean = { kind: 'exit', exitCode: 0, oomKilled: false };

describe('a simulated container', () => {
  it.each([
    { command: ['sleep', '0.5'], does: { ...clean, afterMs: 500 } },
    { command: ['exit', '3'], does: { ...clean, afterMs: 0, exitCode: 3 } },
    { command: ['exit'], does: { ...clean, afterMs: 0 } },
    { command: ['oom'], does: { kind: 'exit', afterMs: 0, exitCode: 137, oomKilled: true } },
    { command: ['fail'], does: { kind: 'fail' } },
    { command: ['pull'], does: { kind: 'pull', forMs: null } },
    { command: ['pull', '200'], does: { kind: 'pull', forMs: 200 } },
    { command: ['send', '1000'], does: { kind: 'send', bytesPerSecond: 1000 } },
    { command: ['hang'], does: { kind: 'hang' } },
    { command: ['sleep', 'infinity'], does: { kind: 'run' } },
    { command: ['nginx'], does: { kind: 'run' } },
  ])('does what $command says', ({ command, does }) => {
    expect(behaviourOf({ entryPoint: null, command })).toEqual(does);
  });
});
