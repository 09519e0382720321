// Turns skopeo's last words into a sentence for the task's owner.
import { plainText } from './plain-text.js';

const longest = 400;

/** skopeo says `time="…" level=fatal msg="…"`; what matters is in the message, often behind several prefixes. */
export function pullFailure(reference: string, stderr: string, attempts = 1): string {
  const clean = saidIn(stderr);
  const tried = attempts === 1 ? '' : ` (tried ${attempts} times)`;
  return `The image ${reference} could not be pulled${tried}: ${clean || 'the pull ended without a reason'}${hintFor(clean)}`;
}

/** Whether another attempt may go better: the registry is away, overloaded, or the connection broke. */
export function mayPass(stderr: string): boolean {
  const said = saidIn(stderr);
  // What an image is made of doesn't change.
  if (/unexpected status.*40[0134]|manifest unknown|denied|unauthorized|HTTP response to HTTPS client|certificate/i.test(said))
    return false;
  return /refused|reset|no such host|unreachable|no route|timeout|timed out|i\/o|EOF|too ?many ?requests|\b429\b|\b50[0234]\b|locating (item|layer|blob)|layer not known|temporary/i.test(
    said,
  );
}

export function isDiskFull(stderr: string): boolean {
  return /no space left|disk quota/i.test(stderr);
}

export function diskFullFailure(reference: string): string {
  return `The image ${reference} could not be pulled: the disk of its host has no room for it.`;
}

export function tooLargeFailure(reference: string, maxMiB: number): string {
  return `The image ${reference} was refused: with its layers unpacked it takes more than the ${maxMiB} MiB that a host allows. Make it smaller, or ask the operator for more (BERTH_IMAGE_MAX_MIB).`;
}

function saidIn(stderr: string): string {
  const fatal = [...stderr.matchAll(/level=fatal msg="((?:[^"\\]|\\.)*)"/g)].at(-1)?.[1];
  const said = (fatal ?? stderr.trim().split('\n').at(-1) ?? '').replace(/\\(.)/g, '$1');
  return plainText(
    said.replace(/^(initializing source|copying system image from manifest list|writing blob)[^:]*(:\/\/\S+)?: /, ''),
    longest,
  );
}

function hintFor(said: string): string {
  if (/manifest unknown|not found|404/i.test(said)) return '. Check its name, and that it has been pushed.';
  if (/unauthorized|denied|403|401/i.test(said)) return '. Check the credentials this host has for the registry.';
  if (/HTTP response to HTTPS client|certificate/i.test(said))
    return '. If the registry is to be used without TLS, the operator has to name it as insecure.';
  if (/too ?many ?requests|\b429\b/i.test(said)) return '. The registry has had too many requests; try again later.';
  if (/connection refused|no such host|timeout|i\/o/i.test(said)) return '. The registry can’t be reached from this host.';
  if (/digest did not match|verification|unexpected EOF|gzip|archive\/tar|invalid (header|checksum)|corrupt/i.test(said))
    return '. What the registry has is damaged: push the image again.';
  return '.';
}
