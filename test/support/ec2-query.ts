// EC2's query protocol as a server sees it: form fields with dotted names in, XML with `item` lists out, every request
// signed (AWS Signature Version 4).
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export const ec2Credentials = { accessKeyId: 'AKIATESTTESTTESTTEST', secretAccessKey: 'secret-of-the-tests' } as const;

export interface Fields {
  text(name: string): string | undefined;
  /** The entries of `Name.1…`, `Name.2…`, in order. */
  list(name: string): Fields[];
  /** The values of `Name.1`, `Name.2`. */
  values(name: string): string[];
}

export function fieldsOf(form: URLSearchParams, prefix = ''): Fields {
  const text = (name: string) => form.get(prefix + name) ?? undefined;
  const numbers = (name: string) => {
    const found = new Set<number>();
    for (const key of form.keys()) {
      const match = key.startsWith(`${prefix}${name}.`) ? /^\d+/.exec(key.slice(prefix.length + name.length + 1)) : null;
      if (match) found.add(Number(match[0]));
    }
    return [...found].sort((a, b) => a - b);
  };
  return {
    text,
    list: (name) => numbers(name).map((number) => fieldsOf(form, `${prefix}${name}.${number}.`)),
    values: (name) => numbers(name).flatMap((number) => text(`${name}.${number}`) ?? []),
  };
}

export type Xml = string | number | boolean | undefined | readonly Xml[] | { readonly [name: string]: Xml };

/** Lists become `<item>`s; what is undefined is left out. */
export function toXml(value: Xml): string {
  if (value === undefined) return '';
  if (Array.isArray(value)) return value.map((one) => `<item>${toXml(one)}</item>`).join('');
  if (typeof value === 'object') {
    const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
    return entries.map(([name, inner]) => `<${name}>${toXml(inner)}</${name}>`).join('');
  }
  return String(value).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html @returns what is wrong; null if nothing is. */
export function signatureFault(headers: IncomingHttpHeaders, body: string, region: string, nowMs: number): string | null {
  const form =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/ec2\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/;
  const [, id, day = '', named, signed = '', signature = ''] = form.exec(headers.authorization ?? '') ?? [];
  if (id !== ec2Credentials.accessKeyId || named !== region) return 'not signed by a known key for this region';
  const date = String(headers['x-amz-date']);
  const sentMs = Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  if (!(Math.abs(nowMs - sentMs) < 300_000) || !date.startsWith(day)) return 'the date is too far from ours';
  if (!['host', 'x-amz-date'].every((name) => signed.split(';').includes(name))) return 'host and date must be signed';
  const canonicalHeaders = signed.split(';').map((name) => `${name}:${String(headers[name]).trim()}\n`);
  const canonical = ['POST', '/', '', canonicalHeaders.join(''), signed, sha256(body)].join('\n');
  const text = ['AWS4-HMAC-SHA256', date, `${day}/${region}/ec2/aws4_request`, sha256(canonical)].join('\n');
  const key = [day, region, 'ec2', 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${ec2Credentials.secretAccessKey}`);
  return timingSafeEqual(hmac(key, text), Buffer.from(signature, 'hex')) ? null : 'the signature is wrong';
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
