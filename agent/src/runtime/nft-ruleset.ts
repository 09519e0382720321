// The wanted content of the firewall's tables, and the nft(8) text that brings the kernel from what it has to that.
// Knows sets, maps, chains and limits by name and nothing of their meaning. Text is one transaction: all or nothing.
export type Family = 'inet' | 'bridge' | 'ip';

interface SetContent {
  readonly family: Family;
  /** The declaration of a set that the skeleton doesn't have. */
  readonly declaration: string | null;
  /** Key to the element as nft writes it. */
  readonly elements: Map<string, string>;
}

export class Ruleset {
  private readonly sets = new Map<string, SetContent>();
  private readonly chains = new Map<string, readonly string[]>();
  private readonly limits = new Map<string, string>();
  private readonly counters = new Set<string>();
  /** Changes since the text was last taken, in the order in which nft must read them. */
  private declared: string[] = [];
  private filled: string[] = [];
  /** By what is removed, so that what comes back meanwhile is not. */
  private removed = new Map<string, readonly string[]>();

  /**
   * @param skeleton makes the tables anew, with base chains and the sets that `static` sets are; of the table of family `ip`,
   * which has the counters, only the rules and the elements.
   */
  constructor(
    private readonly table: string,
    private skeleton: string,
  ) {}

  /** For sets of which the skeleton has the declaration. */
  knowSet(name: string, family: Family = 'inet'): void {
    this.sets.set(name, { family, declaration: null, elements: new Map() });
  }

  /** Declares a set of the inet table, if it isn't there. @param type as in `type ipv4_addr`. */
  ensureSet(name: string, type: string): void {
    if (this.sets.has(name)) return;
    const declaration = `add set inet ${this.table} ${name} { ${type}; }`;
    this.sets.set(name, { family: 'inet', declaration, elements: new Map() });
    this.declared.push(declaration);
  }

  hasChain(name: string): boolean {
    return this.chains.has(name);
  }

  /** Gives a chain of the inet table these rules in place of those it has. */
  setChain(name: string, rules: readonly string[]): void {
    const before = this.chains.get(name);
    if (before && before.length === rules.length && before.every((rule, index) => rule === rules[index])) return;
    this.chains.set(name, rules);
    this.removed.delete(`chain ${name}`);
    this.declared.push(`add chain inet ${this.table} ${name}`, `flush chain inet ${this.table} ${name}`);
    this.filled.push(...rules.map((rule) => `add rule inet ${this.table} ${name} ${rule}`));
  }

  /** Nothing may jump to it any more. */
  removeChain(name: string): void {
    if (!this.chains.delete(name)) return;
    const at = `chain inet ${this.table} ${name}`;
    this.removed.set(`chain ${name}`, [`add ${at}`, `flush ${at}`, `delete ${at}`]);
  }

  /** @param element what nft writes for it, if that is more than its key: `key : value`. */
  add(set: string, key: string, element = key): void {
    const content = this.setNamed(set);
    if (content.elements.get(key) === element) return;
    // A map refuses to change what a key stands for.
    if (content.elements.has(key)) this.delete(set, key);
    content.elements.set(key, element);
    this.filled.push(`add element ${content.family} ${this.table} ${set} { ${element} }`);
  }

  delete(set: string, key: string): void {
    const { family, elements } = this.setNamed(set);
    const element = elements.get(key);
    if (element === undefined) return;
    elements.delete(key);
    // Adding before deleting makes it no error if it is gone already.
    const at = `element ${family} ${this.table} ${set} { ${element} }`;
    this.filled.push(`add ${at}`, `delete ${at}`);
  }

  /** Gives a set exactly these elements, whole: for sets of intervals, whose elements can't be added one by one. */
  replace(set: string, elements: readonly string[]): void {
    const content = this.setNamed(set);
    if (content.elements.size === elements.length && elements.every((element) => content.elements.has(element))) return;
    content.elements.clear();
    for (const element of elements) content.elements.set(element, element);
    this.filled.push(`flush set ${content.family} ${this.table} ${set}`);
    if (elements.length > 0) this.filled.push(`add element ${content.family} ${this.table} ${set} { ${elements.join(', ')} }`);
  }

  keys(set: string): readonly string[] {
    return [...this.setNamed(set).elements.keys()];
  }

  setLimit(name: string, limit: string): void {
    this.limits.set(name, limit);
    this.removed.delete(`limit ${name}`);
    this.declared.push(`add limit inet ${this.table} ${name} { ${limit}; }`);
  }

  /** No element of a map may name it any more. */
  removeLimit(name: string): void {
    const limit = this.limits.get(name);
    if (limit === undefined) return;
    this.limits.delete(name);
    this.removed.set(`limit ${name}`, [`add limit inet ${this.table} ${name} { ${limit}; }`, `delete limit inet ${this.table} ${name}`]);
  }

  /** One that the kernel has already counts on from what it has. */
  addCounter(name: string): void {
    this.counters.add(name);
    this.removed.delete(`counter ${name}`);
    this.declared.push(`add counter ip ${this.table} ${name}`);
  }

  /** No element of a map may name it any more. Also for one of which only the kernel knows. */
  removeCounter(name: string): void {
    this.counters.delete(name);
    this.removed.set(`counter ${name}`, [`add counter ip ${this.table} ${name}`, `delete counter ip ${this.table} ${name}`]);
  }

  get hasChanges(): boolean {
    return this.declared.length + this.filled.length + this.removed.size > 0;
  }

  /** What has changed since this was last asked. If it can't be carried out, ask for `whole`. */
  takeChanges(): string {
    const lines = [...this.declared, ...this.filled, ...[...this.removed.values()].flat()];
    this.forgetChanges();
    return lines.map((line) => `${line}\n`).join('');
  }

  /** The tables from nothing. Connections that were let through stay so: the kernel remembers them elsewhere. */
  whole(): string {
    this.forgetChanges();
    const at = `inet ${this.table}`;
    const lines = [
      ...[...this.sets.values()].flatMap(({ declaration }) => declaration ?? []),
      ...[...this.limits].map(([name, limit]) => `add limit ${at} ${name} { ${limit}; }`),
      ...[...this.counters].map((name) => `add counter ip ${this.table} ${name}`),
      ...[...this.chains.keys()].map((name) => `add chain ${at} ${name}`),
      ...[...this.chains].flatMap(([name, rules]) => rules.map((rule) => `add rule ${at} ${name} ${rule}`)),
      ...[...this.sets].flatMap(([name, { family, elements }]) =>
        elements.size === 0 ? [] : [`add element ${family} ${this.table} ${name} { ${[...elements.values()].join(', ')} }`],
      ),
    ];
    return this.skeleton + lines.map((line) => `${line}\n`).join('');
  }

  private forgetChanges(): void {
    this.declared = [];
    this.filled = [];
    this.removed = new Map();
  }

  private setNamed(name: string): SetContent {
    const content = this.sets.get(name);
    if (!content) throw new Error(`the firewall has no set ${name}`);
    return content;
  }
}
