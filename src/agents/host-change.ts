// A change of a host in words, for its events.

interface Change {
  readonly pool: string | null;
  readonly zone: string | null | undefined;
  readonly set: Readonly<Record<string, string>>;
  readonly unset: readonly string[];
}

/** `pool=gpu, rack=7, zone as its agent says, without old`. */
export function changeInWords({ pool, zone, set, unset }: Change): string {
  const parts = [
    ...(pool === null ? [] : [`pool=${pool}`]),
    ...(zone === undefined ? [] : [zone === null ? 'zone as its agent says' : `zone=${zone}`]),
    ...Object.entries(set).map(([name, value]) => `${name}=${value}`),
    ...unset.map((name) => `without ${name}`),
  ];
  return parts.length === 0 ? 'Nothing was changed.' : parts.join(', ');
}
