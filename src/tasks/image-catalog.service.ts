// What the bundled registry offers, remembered for a few seconds: it is the same list for everybody.
import type { Image } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { ApiError } from '../errors.js';
import { Remembered } from '../remembered.js';
import { Registry, RegistryError } from './registry.service.js';

const rememberMs = 5_000;
const maxImages = 200;

@Injectable()
export class ImageCatalog {
  private readonly known = new Remembered<Image[]>(rememberMs, 1);

  constructor(@Inject(Registry) private readonly registry: Registry) {}

  /** By name. @throws ApiError unavailable */
  async list(): Promise<Image[]> {
    try {
      return await this.known.get('', performance.now(), () => this.registry.catalog(maxImages));
    } catch (error) {
      if (error instanceof RegistryError) throw new ApiError('unavailable', { what: 'its image registry' }, { cause: error });
      throw error;
    }
  }
}
