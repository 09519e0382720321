// Keeps logs as objects of an S3 bucket. Credentials come from where the AWS SDK looks for them.
import { DeleteObjectsCommand, GetObjectCommand, ListObjectsV2Command, NoSuchKey, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { LogStore } from './log-store.js';

export interface S3Place {
  readonly bucket: string;
  /** Empty, or ends in a slash. */
  readonly prefix: string;
  readonly region: string;
  /** Another service that speaks S3; null: Amazon's. */
  readonly endpoint: string | null;
}

export class S3LogStore implements LogStore {
  private readonly client: S3Client;

  constructor(private readonly place: S3Place) {
    const { region, endpoint } = place;
    // Other services seldom have a host name for each bucket, nor the newer checksums.
    this.client = new S3Client({
      region,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      ...(endpoint && { endpoint, forcePathStyle: true }),
    });
  }

  async put(key: string, body: Buffer): Promise<void> {
    await this.client.send(new PutObjectCommand({ ...this.at(key), Body: body, ContentType: 'application/gzip' }));
  }

  async get(key: string): Promise<Buffer | null> {
    try {
      const { Body } = await this.client.send(new GetObjectCommand(this.at(key)));
      return Body ? Buffer.from(await Body.transformToByteArray()) : null;
    } catch (error) {
      if (error instanceof NoSuchKey) return null;
      throw error;
    }
  }

  async removeAll(prefix: string): Promise<void> {
    const { bucket } = this.place;
    for (;;) {
      const { Contents } = await this.client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: this.place.prefix + prefix }));
      const objects = (Contents ?? []).flatMap(({ Key }) => (Key === undefined ? [] : [{ Key }]));
      if (objects.length === 0) return;
      const { Errors } = await this.client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: objects, Quiet: true } }));
      const [failed] = Errors ?? [];
      if (failed) throw new Error(`S3 did not delete ${failed.Key}: ${failed.Message}`);
    }
  }

  private at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.place.bucket, Key: this.place.prefix + key };
  }
}
