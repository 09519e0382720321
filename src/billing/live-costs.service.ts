// What a tenant's work costs now: the month so far by the sums of metering and what is still open, what an hour costs, and
// what the month comes to if all goes on as it is. The same rating as the bill's, without credits.
import type { CostQuery, Costs, TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { SubmittersStore } from '../accounts/submitters.store.js';
import { bookAt } from './cell.js';
import { contractOf, fullHourFrom } from './contract-of.js';
import { ContractsStore } from './contracts.store.js';
import { amountsByGroup } from './cost-groups.js';
import { monthOf } from './invoices/billing-month.js';
import { LiveUsageStore } from './live-usage.store.js';
import { pricesOnly } from './plain-contract.js';
import { ratePeriod, totalOf } from './rate-period.js';
import type { RatedLine } from './rated-line.js';
import { segmentsOf } from './segments.js';
import type { TenantContract } from './tenant-contract.js';
import type { Segment, UsageSum } from './usage-sum.js';
import { toUsageSums } from './usage-sums.js';
import { UsageSumsStore } from './usage-sums.store.js';

const msPerHour = 3_600_000;

export interface LiveCosts {
  readonly contract: TenantContract;
  readonly period: Segment;
  readonly runningTasks: number;
  readonly soFar: readonly RatedLine[];
  readonly nextHour: readonly RatedLine[];
  /** Of the whole month; null when another beginning was asked for. */
  readonly forecast: readonly RatedLine[] | null;
}

@Injectable()
export class LiveCostsService {
  constructor(
    @Inject(ContractsStore) private readonly contracts: ContractsStore,
    @Inject(LiveUsageStore) private readonly usage: LiveUsageStore,
    @Inject(UsageSumsStore) private readonly sums: UsageSumsStore,
    @Inject(SubmittersStore) private readonly submitters: SubmittersStore,
  ) {}

  async costs(tenantId: TenantId, { groupBy, since }: CostQuery): Promise<Costs> {
    const live = await this.of(tenantId, Date.now(), since === undefined ? null : Date.parse(since));
    const groups = groupBy === undefined ? [] : groupsOf(live, groupBy);
    const users = groupBy === 'user' ? groups.map(({ key }) => key) : [];
    const labels = await this.submitters.labelsOf(tenantId, users);
    return {
      currency: live.contract.currency,
      timeZone: live.contract.timeZone,
      from: new Date(live.period.fromMs).toISOString(),
      until: new Date(live.period.untilMs).toISOString(),
      runningTasks: live.runningTasks,
      total: totalOf(live.soFar),
      perHour: totalOf(live.nextHour),
      forecast: live.forecast && totalOf(live.forecast),
      groups: groups.map((group) => ({ ...group, label: labels.get(group.key ?? '') ?? null })),
    };
  }

  /** @param sinceMs null: since the month of the tenant began. */
  async of(tenantId: TenantId, nowMs: number, sinceMs: number | null): Promise<LiveCosts> {
    const parts = await this.contracts.partsOf(tenantId, nowMs);
    const month = monthOf(nowMs, parts.timeZone);
    const fromMs = sinceMs === null ? month.startsAtMs : hourBefore(Math.min(sinceMs, nowMs - 1), parts.timeZone);
    const period = { fromMs, untilMs: Math.max(nowMs, fromMs + 1) };
    const whole = { fromMs, untilMs: Math.max(month.endsAtMs, period.untilMs) };
    const contract = { ...contractOf(parts, whole), credits: [] };
    const segments = segmentsOf(contract, period);
    const minimums = segments.map((segment) => bookAt(contract.books, segment.fromMs).minimumMs);
    const next = { fromMs: period.untilMs, untilMs: period.untilMs + msPerHour };
    const [usage, volumes, volumesNext] = await Promise.all([
      this.usage.of(tenantId, segments, minimums),
      this.sums.volumes({ tenantId, segments }),
      this.sums.volumes({ tenantId, segments: [next] }),
    ]);
    const used = [...usage.used.flatMap((use) => toUsageSums(use, contract.books)), ...volumes];
    const nextHour = [...usage.nextHour.flatMap((use) => toUsageSums(use, contract.books)), ...volumesNext];
    return {
      contract,
      period,
      runningTasks: usage.runningTasks,
      soFar: ratePeriod(used, contract, period),
      nextHour: ratePeriod(inSegment(nextHour, next), pricesOnly(contract), next),
      forecast: sinceMs === null ? ratePeriod([...used, ...goingOn(nextHour, contract, period, whole)], contract, whole) : null,
    };
  }
}

function hourBefore(ms: number, timeZone: string): number {
  const next = fullHourFrom(ms, timeZone);
  return next === ms ? ms : next - msPerHour;
}

function inSegment(sums: readonly UsageSum[], segment: Segment): UsageSum[] {
  return sums.map((sum) => ({ ...sum, segment }));
}

/** The next hour's use for as long as the rest of the month lasts. */
function goingOn(nextHour: readonly UsageSum[], contract: TenantContract, period: Segment, whole: Segment): UsageSum[] {
  if (whole.untilMs <= period.untilMs) return [];
  return segmentsOf(contract, { fromMs: period.untilMs, untilMs: whole.untilMs }).flatMap((segment) =>
    nextHour.map((sum) => ({ ...sum, segment, quantity: (sum.quantity * BigInt(segment.untilMs - segment.fromMs)) / BigInt(msPerHour) })),
  );
}

function groupsOf({ soFar, nextHour, forecast }: LiveCosts, groupBy: string): Omit<Costs['groups'][number], 'label'>[] {
  const [totals, rates, ends] = [soFar, nextHour, forecast ?? []].map((lines) => amountsByGroup(lines, groupBy)) as [
    Map<string | null, string>,
    Map<string | null, string>,
    Map<string | null, string>,
  ];
  const keys = [...new Set([...totals.keys(), ...rates.keys(), ...ends.keys()])];
  return keys
    .map((key) => ({
      key,
      total: totals.get(key) ?? '0',
      perHour: rates.get(key) ?? '0',
      forecast: forecast && (ends.get(key) ?? '0'),
    }))
    .sort((a, b) => Number(b.total) - Number(a.total) || Number(b.perHour) - Number(a.perHour));
}
