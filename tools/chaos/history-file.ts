/**
 * The history of a run as JSON lines, one operation a line, for this project's checker and any other.
 */

import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Action, Operation, Outcome } from '../linearizability/history.js';

/** A line of the file. */
export interface HistoryLine {
  readonly client: number;
  readonly op: 'set' | 'get' | 'cas' | 'delete';
  readonly key: string;
  /** What was written or, by `get`, read; null where nothing was. Values that are written are unique. */
  readonly value: string | null;
  /** Of what was written or read, as far as the client was told: the Redis protocol does not tell. */
  readonly version: number | null;
  /** The version that a `cas` asked for; null for others. */
  readonly expected: number | null;
  /** How long what a `set` wrote is to live, in ms; null for ever, and for others. */
  readonly ttlMs: number | null;
  /** Times in ns, on the machine's monotonic clock. */
  readonly call: number;
  /** Null when the outcome is unknown: the operation may take effect at any later time, or never. */
  readonly return: number | null;
  readonly outcome: LineOutcome;
  /** When the router has said that the outcome is unknown; not there where it did not. */
  readonly lostAtNs?: number;
}

/**
 * `failed` means that the operation was turned down and will never take effect; the others are what the server answered.
 */
export type LineOutcome = 'ok' | 'not-found' | 'version-mismatch' | 'failed' | 'unknown';

/** A set or cas that the client was told has happened. */
export function isAcknowledgedWrite({ op, outcome }: HistoryLine): boolean {
  return outcome === 'ok' && (op === 'set' || op === 'cas');
}

/** The lines of a file, which may be large. Rejects with SyntaxError when one is not JSON. */
export async function readHistory(path: string): Promise<HistoryLine[]> {
  const lines: HistoryLine[] = [];
  for await (const text of createInterface({ input: createReadStream(path, 'utf8') })) {
    const line: HistoryLine = JSON.parse(text);
    lines.push(line);
  }
  return lines;
}

/** What the checker has to order; undefined for what did not happen, or tells nothing. */
export function operationOf(line: HistoryLine): Operation | undefined {
  const outcome = outcomeOf(line);
  if (outcome === undefined || (line.op === 'get' && outcome.type === 'unknown')) return undefined;
  return {
    client: line.client,
    key: line.key,
    action: actionOf(line),
    outcome,
    call: line.call,
    return: line.return ?? Number.POSITIVE_INFINITY,
    position: undefined,
  };
}

function actionOf({ op, value, expected }: HistoryLine): Action {
  switch (op) {
    case 'get':
    case 'delete':
      return { op };
    case 'set':
      return { op, value: value ?? '' };
    case 'cas':
      return { op, value: value ?? '', expected: expected ?? 0 };
  }
}

function outcomeOf({ op, outcome, value, version }: HistoryLine): Outcome | undefined {
  switch (outcome) {
    case 'failed':
      return undefined;
    case 'unknown':
    case 'not-found':
    case 'version-mismatch':
      return { type: outcome };
    case 'ok':
      if (op === 'get') return { type: 'found', value: value ?? '', version: version ?? undefined };
      return op === 'delete' ? { type: 'deleted' } : { type: 'stored', version: version ?? undefined };
  }
}
