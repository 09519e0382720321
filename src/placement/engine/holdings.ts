// What a host gives out piece by piece and not by amount: published ports, GPU devices, and the images it has.

import { tally } from './groups.js';

export class Ports {
  /** By port: how many tasks of a host have it. More than one only where tasks were adopted that exclude each other. */
  private readonly holders = new Map<number, Map<number, number>>();

  free(ports: readonly number[], host: number): boolean {
    return ports.every((port) => !this.holders.get(port)?.has(host));
  }

  /** @param sign 1: taken, −1: given back. */
  count(ports: readonly number[], host: number, sign: 1 | -1): void {
    for (const port of ports) {
      const holders = this.holders.get(port) ?? new Map<number, number>();
      tally(holders, host, sign);
      this.holders.set(port, holders);
    }
  }
}

const whole = 1000;
/** Devices are remembered by a task as the bits of a 32-bit integer. */
export const maxDevices = 30;

/** Thousandths free on each GPU of a host. Whole devices and shares of one don't mix on a device. */
export class Devices {
  private readonly byHost = new Map<number, number[]>();

  up(host: number, gpuMillis: number): void {
    if (gpuMillis > 0) this.byHost.set(host, new Array<number>(Math.floor(gpuMillis / whole)).fill(whole));
  }

  down(host: number): void {
    this.byHost.delete(host);
  }

  fits(host: number, gpuMillis: number): boolean {
    const free = this.byHost.get(host);
    if (!free) return false;
    if (gpuMillis < whole) return free.some((millis) => millis >= gpuMillis);
    return free.filter((millis) => millis === whole).length * whole >= gpuMillis;
  }

  /** Whether it would fit if the holders given as [gpuMillis, device bits] had gone. */
  fitsWithout(host: number, gpuMillis: number, holders: readonly (readonly [number, number])[]): boolean {
    for (const [millis, bits] of holders) this.give(host, millis, bits);
    const fits = this.fits(host, gpuMillis);
    for (const [millis, bits] of holders) this.give(host, -millis, bits);
    return fits;
  }

  /** What is free on the fullest device that still takes the share. */
  private tightest(host: number, gpuMillis: number): number {
    const free = this.byHost.get(host) ?? [];
    return free.reduce((best, millis) => (millis >= gpuMillis && millis < best ? millis : best), whole + 1);
  }

  /** Takes the fullest device that has room, or the first whole ones. @returns their numbers as bits. */
  take(host: number, gpuMillis: number): number {
    const free = this.byHost.get(host) ?? [];
    const tightest = gpuMillis < whole ? this.tightest(host, gpuMillis) : whole;
    let left = gpuMillis;
    let bits = 0;
    for (let device = 0; device < free.length && left > 0; device++) {
      if (free[device] !== tightest) continue;
      const part = Math.min(left, whole);
      free[device] = tightest - part;
      left -= part;
      bits |= 1 << device;
    }
    return bits;
  }

  /** Undoes a `take`: `bits` is what it returned. Negative amounts take the very same devices again. */
  give(host: number, gpuMillis: number, bits: number): void {
    const free = this.byHost.get(host) ?? [];
    const part = Math.sign(gpuMillis) * Math.min(Math.abs(gpuMillis), whole);
    for (let device = 0; device < free.length; device++) {
      if (bits & (1 << device)) free[device] = (free[device] ?? 0) + part;
    }
  }
}

export function deviceNumbers(bits: number): number[] {
  const numbers: number[] = [];
  for (let device = 0; device < maxDevices; device++) if (bits & (1 << device)) numbers.push(device);
  return numbers;
}

export class Images {
  private readonly byHost = new Map<number, Set<string>>();

  set(host: number, image: string, present: boolean): void {
    const images = this.byHost.get(host) ?? new Set();
    if (present) images.add(image);
    else images.delete(image);
    this.replace(host, images);
  }

  has(host: number, image: string): boolean {
    return this.byHost.get(host)?.has(image) ?? false;
  }

  /** Takes all of a host's images away. @returns what to `replace` them with to undo it. */
  clear(host: number): Set<string> {
    const images = this.byHost.get(host) ?? new Set();
    this.byHost.delete(host);
    return images;
  }

  replace(host: number, images: Set<string>): void {
    if (images.size > 0) this.byHost.set(host, images);
    else this.byHost.delete(host);
  }
}
