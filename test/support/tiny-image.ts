// An image of a few bytes, pushed by the registry's own protocol: enough where only names and digests matter.
import { createHash } from 'node:crypto';

const digestOf = (content: string) => `sha256:${createHash('sha256').update(content).digest('hex')}`;

/** @returns the manifest's digest; the same `text` is the same image. */
export async function pushTinyImage(address: string, name: string, tag: string, text: string, authorization?: string): Promise<string> {
  const headers: Record<string, string> = authorization ? { authorization } : {};
  const blob = async (content: string) => {
    const started = await must(fetch(`http://${address}/v2/${name}/blobs/uploads/`, { method: 'POST', headers }));
    const target = new URL(started.headers.get('location') ?? '', `http://${address}`);
    target.searchParams.set('digest', digestOf(content));
    await must(fetch(target, { method: 'PUT', headers: { ...headers, 'content-type': 'application/octet-stream' }, body: content }));
    return { digest: digestOf(content), size: content.length };
  };
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...(await blob(JSON.stringify({ text }))) },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', ...(await blob(`layer ${text}`)) }],
  });
  await must(
    fetch(`http://${address}/v2/${name}/manifests/${tag}`, {
      method: 'PUT',
      headers: { ...headers, 'content-type': mediaType },
      body: manifest,
    }),
  );
  return digestOf(manifest);
}

async function must(answer: Promise<Response>): Promise<Response> {
  const response = await answer;
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${await response.text()}`);
  return response;
}
