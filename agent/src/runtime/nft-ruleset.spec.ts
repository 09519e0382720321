import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Ruleset } from './nft-ruleset.js';

const ruleset = () => {
  const rules = new Ruleset('t', 'SKELETON\n');
  rules.knowSet('addresses');
  rules.takeChanges();
  return rules;
};

describe('Ruleset', () => {
  it('says a change once, and nothing when nothing has changed', () => {
    const rules = ruleset();
    rules.add('addresses', '10.0.0.1');
    rules.add('addresses', '10.0.0.1');
    expect(rules.takeChanges()).toBe('add element inet t addresses { 10.0.0.1 }\n');
    expect([rules.hasChanges, rules.takeChanges()]).toEqual([false, '']);
  });

  it('takes away what a key stood for before it stands for something else: maps refuse it otherwise', () => {
    const rules = ruleset();
    rules.add('addresses', 'a', 'a : 1');
    rules.takeChanges();
    rules.add('addresses', 'a', 'a : 2');
    expect(rules.takeChanges()).toBe(
      'add element inet t addresses { a : 1 }\ndelete element inet t addresses { a : 1 }\nadd element inet t addresses { a : 2 }\n',
    );
  });

  it('makes sets and chains before rules that name them, and removes them after', () => {
    const rules = ruleset();
    rules.setChain('old', ['accept']);
    rules.takeChanges();
    rules.removeChain('old');
    rules.setChain('new', ['ip saddr @more accept']);
    rules.ensureSet('more', 'type ipv4_addr');
    const lines = rules.takeChanges().split('\n');
    const at = (text: string) => lines.findIndex((line) => line.includes(text));
    expect(at('add set inet t more')).toBeLessThan(at('@more accept'));
    expect(at('@more accept')).toBeLessThan(at('delete chain inet t old'));
  });

  it('leaves a chain alone that is given the rules it has', () => {
    const rules = ruleset();
    rules.setChain('c', ['accept']);
    rules.takeChanges();
    rules.setChain('c', ['accept']);
    expect(rules.hasChanges).toBe(false);
  });

  it('says the whole from the skeleton on, and the changes are in it', () => {
    const rules = ruleset();
    rules.setLimit('slow', 'rate over 1 bytes/second');
    rules.setChain('c', ['drop']);
    rules.replace('addresses', ['10.0.0.0/8', '11.0.0.0/8']);
    expect(rules.whole()).toBe(
      [
        'SKELETON',
        'add limit inet t slow { rate over 1 bytes/second; }',
        'add chain inet t c',
        'add rule inet t c drop',
        'add element inet t addresses { 10.0.0.0/8, 11.0.0.0/8 }',
        '',
      ].join('\n'),
    );
    expect(rules.hasChanges).toBe(false);
  });

  it('comes to the same elements by changes as by the whole, whatever the order', () => {
    const step = fc.record({ add: fc.boolean(), key: fc.constantFrom('a', 'b', 'c'), cut: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const rules = ruleset();
        const kernel = new Set<string>();
        const carryOut = (text: string) => {
          for (const [, verb, key] of text.matchAll(/^(add|delete) element inet t addresses \{ (\w) \}$/gm)) {
            if (verb === 'add') kernel.add(key as string);
            else kernel.delete(key as string);
          }
        };
        for (const { add, key, cut } of steps) {
          if (add) rules.add('addresses', key);
          else rules.delete('addresses', key);
          if (cut) carryOut(rules.takeChanges());
        }
        carryOut(rules.takeChanges());
        expect([...kernel].sort()).toEqual([...rules.keys('addresses')].sort());
      }),
    );
  });
});
