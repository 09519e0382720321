import { expect, test } from 'vitest';
import { isBilled, stopCodeNames, stopCodes } from './stop-code.js';
import { canTransition, holdingStates, isTerminal, stateRank, taskStates, taskTransitions } from './task-state.js';

test('a task only moves forward', () => {
  for (const from of taskStates) {
    for (const to of taskTransitions[from]) expect(stateRank(to)).toBeGreaterThan(stateRank(from));
  }
});

test('every state but the last can be left for stopped, and only stopped is terminal', () => {
  for (const state of taskStates) {
    expect(isTerminal(state)).toBe(state === 'stopped');
    expect(canTransition(state, 'stopped')).toBe(state !== 'stopped');
  }
});

test('a task holds capacity from placement until it has stopped', () => {
  expect(holdingStates).toEqual(taskStates.filter((state) => state !== 'pending' && state !== 'stopped'));
});

test('time lost to the platform is never billed', () => {
  for (const code of stopCodeNames) expect(isBilled(code)).toBe(stopCodes[code].fault !== 'platform');
  expect(isBilled('HostLost')).toBe(false);
  expect(isBilled('OutOfMemory')).toBe(true);
});
