import { expect, it } from 'vitest';
import { Remembered } from './remembered.js';

function asked(...answers: (string | Error)[]) {
  let times = 0;
  const ask = async () => {
    const answer = answers[times++];
    if (answer instanceof Error) throw answer;
    return answer ?? '';
  };
  return { ask, times: () => times };
}

it('asks once for a key, also for those who ask at the same time, and anew when the time is over', async () => {
  const remembered = new Remembered<string>(1000, 10);
  const { ask, times } = asked('first', 'second');
  const both = [remembered.get('a', 0, ask), remembered.get('a', 999, ask)];
  expect(await Promise.all(both)).toEqual(['first', 'first']);
  expect(times()).toBe(1);
  expect(await remembered.get('a', 1000, ask)).toBe('second');
});

it('does not keep a failure', async () => {
  const remembered = new Remembered<string>(1000, 10);
  const { ask } = asked(new Error('away'), 'back');
  await expect(remembered.get('a', 0, ask)).rejects.toThrow('away');
  expect(await remembered.get('a', 1, ask)).toBe('back');
});

it('does not let a failure that comes late take a newer answer with it', async () => {
  const remembered = new Remembered<string>(10, 10);
  let fail: (error: Error) => void = () => {};
  const slow = remembered.get('a', 0, () => new Promise((_resolve, reject) => (fail = reject)));
  const { ask, times } = asked('newer', 'never');
  expect(await remembered.get('a', 10, ask)).toBe('newer');
  fail(new Error('late'));
  await expect(slow).rejects.toThrow('late');
  expect(await remembered.get('a', 11, ask)).toBe('newer');
  expect(times()).toBe(1);
});

it('forgets all when it would hold too many, and when told to', async () => {
  const remembered = new Remembered<string>(1000, 2);
  const { ask, times } = asked('a1', 'b1', 'c1', 'a2', 'a3');
  for (const key of ['a', 'b', 'c']) await remembered.get(key, 0, ask);
  expect(await remembered.get('a', 0, ask)).toBe('a2');
  remembered.clear();
  expect(await remembered.get('a', 0, ask)).toBe('a3');
  expect(times()).toBe(5);
});
