// A task's last hour for charts: so many samples in one small typed array, whatever happens. Pure but for its own memory.
import { type StatsSample, statsHistory } from '@berth/contract';

const series = [
  'cpuPercent',
  'throttledPercent',
  'workingSetBytes',
  'cacheBytes',
  'rxBytesPerSecond',
  'txBytesPerSecond',
  'readBytesPerSecond',
  'writeBytesPerSecond',
  'pids',
] as const;

/** Keeps the newest samples; an older one goes for each new one. Values have 24 bits: a thousandth of a percent. */
export class SampleRing {
  private readonly times: Float64Array;
  private readonly values: Float32Array;
  private next = 0;
  private count = 0;

  constructor(private readonly capacity: number = statsHistory.samples) {
    this.times = new Float64Array(capacity);
    this.values = new Float32Array(capacity * series.length);
  }

  add(sample: StatsSample): void {
    this.times[this.next] = Date.parse(sample.at);
    series.forEach((name, index) => {
      this.values[this.next * series.length + index] = sample[name];
    });
    this.next = (this.next + 1) % this.capacity;
    this.count = Math.min(this.count + 1, this.capacity);
  }

  /** Oldest first. */
  list(): StatsSample[] {
    const oldest = (this.next - this.count + this.capacity) % this.capacity;
    return Array.from({ length: this.count }, (_, index) => this.at((oldest + index) % this.capacity));
  }

  private at(place: number): StatsSample {
    const value = (index: number) => Math.round((this.values[place * series.length + index] ?? 0) * 1000) / 1000;
    const values = Object.fromEntries(series.map((name, index) => [name, value(index)])) as Omit<StatsSample, 'at'>;
    return { at: new Date(this.times[place] ?? 0).toISOString(), ...values };
  }
}
