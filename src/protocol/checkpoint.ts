/**
 * Where a client's stream stands after its last complete request: what another parser must know to go on there.
 */
export type StreamCheckpoint = TextCheckpoint | RespCheckpoint;

export type TextCheckpoint =
  /** The next request starts here. */
  | { readonly skip: 'nothing' }
  /** The value of a bad command starts here: `byteCount` bytes, and then the rest of a line, are skipped. */
  | { readonly skip: 'bytes'; readonly byteCount: number }
  /** The rest of a bad line starts here. It is skipped together with its line break. */
  | { readonly skip: 'line' };

/** Between two Redis commands: what the ones before have made of the connection. */
export interface RespCheckpoint {
  readonly skip: 'resp';
  /** What HELLO agreed on. */
  readonly version: 2 | 3;
  /** `open` after MULTI and before EXEC; `broken` if EXEC will be refused, because one of the commands was. */
  readonly transaction: 'none' | 'open' | 'broken';
  /** WATCH has named keys for the next EXEC. */
  readonly hasWatched: boolean;
}

export const AT_COMMAND_START: TextCheckpoint = { skip: 'nothing' };

const VERSIONS = [2, 3] as const;
const TRANSACTIONS = ['none', 'open', 'broken'] as const;
const WATCHING = [false, true] as const;

/** All there are, in an order in which a number stands for each. */
const RESP_CHECKPOINTS: readonly RespCheckpoint[] = VERSIONS.flatMap((version) =>
  TRANSACTIONS.flatMap((transaction) =>
    WATCHING.map((hasWatched) => ({ skip: 'resp', version, transaction, hasWatched }) as const),
  ),
);

export const AT_RESP_START = respCheckpoint(2, 'none', false);

/** One of few objects, so that asking costs nothing. */
export function respCheckpoint(
  version: RespCheckpoint['version'],
  transaction: RespCheckpoint['transaction'],
  hasWatched: boolean,
): RespCheckpoint {
  const place = (VERSIONS.indexOf(version) * TRANSACTIONS.length + TRANSACTIONS.indexOf(transaction)) * 2;
  return respCheckpointAt(place + (hasWatched ? 1 : 0));
}

/** A number from 0 on for each there is. */
export function placeOf({ version, transaction, hasWatched }: RespCheckpoint): number {
  return RESP_CHECKPOINTS.indexOf(respCheckpoint(version, transaction, hasWatched));
}

/** The checkpoint that {@link placeOf} gave this number. Throws RangeError when there is none. */
export function respCheckpointAt(place: number): RespCheckpoint {
  const at = RESP_CHECKPOINTS[place];
  if (at === undefined) throw new RangeError(`there is no RESP checkpoint ${place}`);
  return at;
}
