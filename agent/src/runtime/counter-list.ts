// Reads what `nft -j list counters` prints (libnftables-json(5)). Pure.

interface Listed {
  readonly nftables: readonly { readonly counter?: { readonly name: string; readonly bytes: number } }[];
}

/** Bytes by the counter's name. */
export function countersIn(json: string): Map<string, number> {
  const { nftables } = JSON.parse(json) as Listed;
  return new Map(nftables.flatMap(({ counter }) => (counter ? [[counter.name, counter.bytes] as const] : [])));
}
