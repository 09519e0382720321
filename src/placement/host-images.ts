// Which images hosts have, as far as placement knows: those of the newest tasks that were placed there. An agent may have
// removed one when its disk ran short; then a choice was a little worse. Outlives the model, which is made anew at times. Pure.
import type { HostId } from '@berth/contract';

const perHost = 64;

export class HostImages {
  /** The image that was used last comes last. */
  private readonly byHost = new Map<HostId, Set<string>>();

  of(hostId: HostId): Iterable<string> {
    return this.byHost.get(hostId) ?? [];
  }

  /** A task with the image was placed on the host. @returns what changes by that. */
  note(hostId: HostId, image: string): { readonly isNew: boolean; readonly dropped: string | null } {
    const images = this.byHost.get(hostId) ?? new Set<string>();
    this.byHost.set(hostId, images);
    const isNew = !images.delete(image);
    images.add(image);
    const [oldest] = images;
    const dropped = images.size > perHost && oldest !== undefined ? oldest : null;
    if (dropped !== null) images.delete(dropped);
    return { isNew, dropped };
  }

  forget(hostId: HostId): void {
    this.byHost.delete(hostId);
  }
}
