// Image references as people write them, taken apart and made whole. Grammar: the distribution project's reference
// format (github.com/distribution/reference), with the default registry given by the caller.

export interface ImageRef {
  /** Host and optional port, for example `127.0.0.1:7072` or `docker.io`. */
  readonly registry: string;
  readonly repository: string;
  readonly tag: string | null;
  readonly digest: string | null;
}

const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const repositoryPattern = new RegExp(`^${component}(?:/${component})*$`);
const tagPattern = /^\w[\w.-]{0,127}$/;
const digestPattern = /^sha256:[0-9a-f]{64}$/;
const registryPattern = /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/;
export const maxImageRefLength = 500;

/**
 * Parses `[registry/]repository[:tag][@digest]`. Without tag and digest the tag is `latest`. The part before the
 * first slash is a registry if it has a dot, a colon or is `localhost`, as in Docker.
 * @returns null when the text is no image reference.
 */
export function parseImageRef(text: string, defaultRegistry: string): ImageRef | null {
  if (text.length > maxImageRefLength) return null;
  const [name, digest = null, ...rest] = text.split('@');
  if (!name || rest.length > 0 || (digest !== null && !digestPattern.test(digest))) return null;
  const slash = name.indexOf('/');
  const head = slash < 0 ? '' : name.slice(0, slash);
  const named = /[.:]/.test(head) || head === 'localhost';
  const registry = named ? head : defaultRegistry;
  const path = named ? name.slice(slash + 1) : name;
  const colon = path.indexOf(':');
  const repository = colon < 0 ? path : path.slice(0, colon);
  const tag = colon < 0 ? null : path.slice(colon + 1);
  if (!registryPattern.test(registry) || !repositoryPattern.test(repository)) return null;
  if (tag !== null && !tagPattern.test(tag)) return null;
  return { registry, repository, tag: tag ?? (digest ? null : 'latest'), digest };
}

/** The whole reference, pinned to its digest where it has one. */
export function formatImageRef(ref: ImageRef): string {
  const tag = ref.tag && !ref.digest ? `:${ref.tag}` : '';
  return `${ref.registry}/${ref.repository}${tag}${ref.digest ? `@${ref.digest}` : ''}`;
}
