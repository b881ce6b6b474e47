/** What faults did to the clients: how long until a write went through, and how long operations took. */

import { percentile } from '../support/statistics.js';
import { firstNotBelow } from './availability.js';
import { FAULT_KINDS, type Fault, type FaultKind } from './faults.js';
import { type HistoryLine, isAcknowledgedWrite } from './history-file.js';

export interface FaultFigures {
  readonly kind: FaultKind;
  readonly count: number;
  /**
   * From the beginning of a fault to the first acknowledgement of a write that was asked for after it, in ms; undefined
   * where none was.
   */
  readonly firstWriteMs: Spread | undefined;
  /** Of the operations that were answered while such a fault lasted, in ms; undefined where there were none. */
  readonly latencyMs: Spread | undefined;
}

export interface Spread {
  readonly p50: number;
  readonly p99: number;
  readonly worst: number;
}

/** By kind, those alone that there were. Faults overlap, so a figure may be due to another one of the same time. */
export function figuresByFault(lines: readonly HistoryLine[], faults: readonly Fault[]): FaultFigures[] {
  const byCall = lines.toSorted((a, b) => a.call - b.call);
  const writes = byCall.filter(isAcknowledgedWrite);
  return FAULT_KINDS.flatMap((kind) => {
    const some = faults.filter((fault) => fault.kind === kind);
    if (some.length === 0) return [];
    return {
      kind,
      count: some.length,
      firstWriteMs: spreadOf(some.flatMap((fault) => firstWriteMs(writes, fault) ?? [])),
      latencyMs: spreadOf(some.flatMap((fault) => latenciesMs(byCall, fault))),
    };
  });
}

export function spreadOf(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined;
  return { p50: percentile(values, 50), p99: percentile(values, 99), worst: percentile(values, 100) };
}

function latenciesMs(byCall: readonly HistoryLine[], { fromNs, untilNs }: Fault): number[] {
  return byCall
    .slice(firstNotBelow(byCall, fromNs, callOf), firstNotBelow(byCall, untilNs, callOf))
    .flatMap((line) =>
      line.return === null || line.outcome === 'failed' ? [] : [msOf(line.return - line.call)],
    );
}

function firstWriteMs(writes: readonly HistoryLine[], { fromNs }: Fault): number | undefined {
  let firstNs = Number.POSITIVE_INFINITY;
  for (const line of writes.slice(firstNotBelow(writes, fromNs, callOf))) {
    if (line.call > firstNs) break;
    firstNs = Math.min(firstNs, line.return ?? firstNs);
  }
  return Number.isFinite(firstNs) ? msOf(firstNs - fromNs) : undefined;
}

function callOf({ call }: HistoryLine): number {
  return call;
}

function msOf(ns: number): number {
  return ns / 1e6;
}
