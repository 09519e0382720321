// From an image's name to its digest, remembered for a few seconds.
import { formatImageRef, parseImageRef } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import type { Config } from '../config.js';
import { CONFIG } from '../db/db.module.js';
import { ApiError } from '../errors.js';
import { Remembered } from '../remembered.js';
import { Registry, RegistryError, type RegistryFault } from './registry.service.js';

/** A tag that is moved means its new digest at the latest after this; `run` again and again costs no request each. */
const rememberMs = 5_000;
const rememberAtMost = 10_000;
const codes = { unknown: 'unknown_image', denied: 'registry_denied', unavailable: 'registry_unavailable' } as const satisfies Record<
  RegistryFault,
  string
>;

@Injectable()
export class ImageResolver {
  private readonly known = new Remembered<string>(rememberMs, rememberAtMost);

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Registry) private readonly registry: Registry,
  ) {}

  /**
   * @param field path of the field that named the image, for the error
   * @returns `sha256:…`
   * @throws ApiError unknown_image, registry_denied, registry_unavailable
   */
  async resolve(image: string, field: string): Promise<string> {
    const ref = parseImageRef(image, this.config.registry.default);
    if (!ref) throw new ApiError('unknown_image', { image, detail: 'it is no image reference' }, { field });
    try {
      return await this.known.get(formatImageRef(ref), performance.now(), () => this.registry.digestOf(ref));
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      throw new ApiError(codes[error.fault], { image, detail: error.message }, { field, cause: error });
    }
  }
}
