// Turns skopeo's last words into a sentence for the task's owner.
import { plainText } from './plain-text.js';

const longest = 400;

/** skopeo says `time="…" level=fatal msg="…"`; what matters is in the message, often behind several prefixes. */
export function pullFailure(reference: string, stderr: string): string {
  const fatal = [...stderr.matchAll(/level=fatal msg="((?:[^"\\]|\\.)*)"/g)].at(-1)?.[1];
  const said = (fatal ?? stderr.trim().split('\n').at(-1) ?? '').replace(/\\(.)/g, '$1');
  const clean = plainText(
    said.replace(/^(initializing source|copying system image from manifest list|writing blob)[^:]*(:\/\/\S+)?: /, ''),
    longest,
  );
  return `The image ${reference} could not be pulled: ${clean || 'the pull ended without a reason'}${hintFor(clean)}`;
}

function hintFor(said: string): string {
  if (/manifest unknown|not found|404/i.test(said)) return '. Check its name, and that it has been pushed.';
  if (/unauthorized|denied|403|401/i.test(said)) return '. Check the credentials this host has for the registry.';
  if (/HTTP response to HTTPS client|certificate/i.test(said))
    return '. If the registry is to be used without TLS, the operator has to name it as insecure.';
  if (/connection refused|no such host|timeout|i\/o/i.test(said)) return '. The registry can’t be reached from this host.';
  if (/no space left/i.test(said)) return '. The host’s disk is full.';
  return '.';
}
