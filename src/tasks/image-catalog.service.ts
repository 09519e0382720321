// What the bundled registry offers, remembered for a few seconds: it is the same list for everybody.
import type { Image } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { ApiError } from '../errors.js';
import { Registry, RegistryError } from './registry.service.js';

const rememberMs = 5_000;
const maxImages = 200;

@Injectable()
export class ImageCatalog {
  private known: { images: Promise<Image[]>; until: number } | null = null;

  constructor(@Inject(Registry) private readonly registry: Registry) {}

  /** By name. @throws ApiError unavailable */
  async list(): Promise<Image[]> {
    const now = performance.now();
    if (!this.known || this.known.until <= now) this.known = { images: this.registry.catalog(maxImages), until: now + rememberMs };
    try {
      return await this.known.images;
    } catch (error) {
      this.known = null;
      if (error instanceof RegistryError) throw new ApiError('unavailable', { what: 'its image registry' }, { cause: error });
      throw error;
    }
  }
}
