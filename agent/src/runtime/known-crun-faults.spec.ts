import { describe, expect, it } from 'vitest';
import { crunWarning, faultsOfCrun } from './known-crun-faults.js';

const cves = (version: string) => faultsOfCrun(version).map(({ cve }) => cve);

describe('faultsOfCrun', () => {
  it.each([
    ['1.8.1', 'CVE-2026-47766', true],
    ['1.27', 'CVE-2026-47766', true],
    ['1.28', 'CVE-2026-47766', false],
    ['1.28.1', 'CVE-2026-47766', false],
    ['1.18.2', 'CVE-2026-30892', false],
    ['1.19', 'CVE-2026-30892', true],
    ['1.26', 'CVE-2026-30892', true],
    ['1.27', 'CVE-2026-30892', false],
    ['1.4.3', 'CVE-2022-27650', true],
    ['1.4.4', 'CVE-2022-27650', false],
    ['1.30', 'CVE-2026-88264, CVE-2026-88265', true],
    ['1.19.1-dirty', 'CVE-2025-24965', true],
    ['unknown', 'CVE-2019-18837', true],
  ])('version %s, %s: %s', (version, cve, has) => {
    expect(cves(version).includes(cve)).toBe(has);
  });
});

describe('crunWarning', () => {
  it('names each fault and what covers it', () => {
    expect(crunWarning('1.8.1')).toMatch(/crun 1\.8\.1 .*CVE-2026-47766 \(.*harmless here: every bundle has a tmpfs on \/dev/);
  });

  it.each(['0.10.4', 'unknown'])('refuses %s, which nothing covers', (version) => {
    expect(() => crunWarning(version)).toThrow(/CVE-2019-18837.*Install a newer crun/);
  });
});
