// Lists that are shown whole, or searched by name: page after page.

const perPage = 500;

interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

/** @param page asks for the page that these parameters name */
export async function allPages<T>(page: (query: { limit: number; cursor?: string }) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null = null;
  do {
    const next: Page<T> = await page({ limit: perPage, ...(cursor !== null && { cursor }) });
    items.push(...next.items);
    cursor = next.nextCursor;
  } while (cursor !== null);
  return items;
}
