import { expect, test } from 'vitest';
import { describeFailure, refused, usage } from './failure.js';

test('what the API refused is a sentence, what to do, and the request id', () => {
  const failure = refused({
    code: 'unknown_image',
    message: 'The image x was not found: no tag.',
    field: 'definition.containers.0.image',
    requestId: 'r-1',
  });
  expect(describeFailure(failure)).toEqual({
    lines: [
      'berth: The image x was not found: no tag. (definition.containers.0.image)',
      '"berth images" lists what the bundled registry has.',
      'Request id: r-1',
    ],
    exitCode: 125,
  });
});

test('a wrong command line exits 2', () => {
  expect(describeFailure(usage('No.'))).toEqual({ lines: ['berth: No.'], exitCode: 2 });
});

test('nothing in a message acts on the terminal', () => {
  const { lines } = describeFailure(refused({ code: 'x', message: '\x1b]0;owned\x07', requestId: '\x1b[1m' }));
  expect(lines.join('')).not.toContain('\x1b');
});
