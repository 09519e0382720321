// What people write after an option, read into what the API takes. Every refusal says what would have been right.
import { parseCpu, parseMemory } from '@berth/contract';
import { usage } from './failure.js';

/** `250m`, `0.25` or `2` as milli-CPUs. @throws Failure (usage) */
export function cpuOption(text: string): number {
  return parseCpu(text) ?? refuse('--cpu', text, '250m, 0.25 or 2');
}

/** `128`, `128Mi` or `2Gi` as MiB. @throws Failure (usage) */
export function memoryOption(text: string): number {
  return parseMemory(text) ?? refuse('--memory', text, '128, 128Mi or 2Gi');
}

/** @throws Failure (usage) */
export function wholeNumber(option: string, min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? value : refuse(option, text, `a whole number from ${min} to ${max}`);
  };
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `30s`, `1h30m`, `500ms`; a plain number is seconds. @returns milliseconds. @throws Failure (usage) */
export function durationOption(option: string): (text: string) => number {
  return (text) => parseDuration(text) ?? refuse(option, text, '30s, 10m or 1h30m');
}

export function parseDuration(text: string): number | null {
  if (/^\d+(\.\d+)?$/.test(text)) return Math.round(Number(text) * 1000);
  if (!/^(\d+(\.\d+)?(ms|[smhd]))+$/.test(text)) return null;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)];
  return Math.round(parts.reduce((sum, [, count, unit]) => sum + Number(count) * (unitMs[unit ?? ''] ?? Number.NaN), 0));
}

/** `--since`: a point in time, or how long ago. @returns an ISO instant in UTC. @throws Failure (usage) */
export function sinceOption(text: string, nowMs: number, option = '--since'): string {
  return instantOption(text, nowMs, -1, option, '10m, 2h or 2026-01-31T12:00:00Z');
}

/** `--until`: a point in time, or how long from now. @returns an ISO instant in UTC. @throws Failure (usage) */
export function untilOption(text: string, nowMs: number, option = '--until'): string {
  return instantOption(text, nowMs, 1, option, '365d or 2027-01-31T12:00:00Z');
}

function instantOption(text: string, nowMs: number, direction: 1 | -1, option: string, examples: string): string {
  const away = parseDuration(text);
  if (away !== null) return new Date(nowMs + direction * away).toISOString();
  const at = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? refuse(option, text, examples) : new Date(at).toISOString();
}

/** Collects `key=value` for an option that may be given again and again. @throws Failure (usage) */
export function keyValue(option: string): (text: string, before?: Record<string, string>) => Record<string, string> {
  return (text, before = {}) => {
    const at = text.indexOf('=');
    if (at < 1) refuse(option, text, 'key=value');
    return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
  };
}

type Lookup = (name: string) => string | undefined;

/** `K=V`, or `K` alone to hand on the value that K has here, as Docker does. @throws Failure (usage) */
export function environmentOption(lookup: Lookup): (text: string, before?: Record<string, string>) => Record<string, string> {
  return (text, before = {}) => {
    if (text.includes('=')) return keyValue('--env')(text, before);
    const value = lookup(text);
    return value === undefined ? before : { ...before, [text]: value };
  };
}

/** An `--env-file`: a variable a line, `#` comments, no quoting, as Docker reads it. @throws Failure (usage) */
export function parseEnvironmentFile(text: string, name: string, lookup: Lookup): Record<string, string> {
  let variables: Record<string, string> = {};
  text.split(/\r?\n/).forEach((line, index) => {
    if (line.trim() === '' || line.trimStart().startsWith('#')) return;
    if (line.trimStart().startsWith('=')) throw usage(`${name}:${index + 1} has no name before "=".`);
    variables = environmentOption(lookup)(line.trimStart(), variables);
  });
  return variables;
}

function refuse(option: string, text: string, wanted: string): never {
  throw usage(`${option} does not take "${text}".`, `It takes ${wanted}.`);
}
