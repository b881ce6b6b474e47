import { expect } from 'chai';
import fc from 'fast-check';
import { checkLinearizability, SEARCH_LIMITS } from '../../tools/linearizability/checker.js';
import type { Action, Operation, Outcome } from '../../tools/linearizability/history.js';
import { type KeyState, step } from '../../tools/linearizability/model.js';
import { Random } from '../../tools/support/random.js';

const UNKNOWN: Outcome = { type: 'unknown' };
const NOT_FOUND: Outcome = { type: 'not-found' };

function stored(version: number): Outcome {
  return { type: 'stored', version };
}

function found(value: string): Outcome {
  return { type: 'found', value };
}

function swapped(before: string | undefined): Outcome {
  return { type: 'swapped', before };
}

function counted(count: number): Outcome {
  return { type: 'counted', count };
}

/** An operation on key `k` from `call` to `end`; one of unknown outcome never returns. */
function op(call: number, end: number, action: Action, outcome: Outcome): Operation {
  const isUnknown = outcome.type === 'unknown';
  return {
    client: 0,
    key: 'k',
    action,
    outcome,
    call,
    return: isUnknown ? Number.POSITIVE_INFINITY : end,
    position: undefined,
  };
}

function set(call: number, end: number, value: string, outcome: Outcome): Operation {
  return op(call, end, { op: 'set', value }, outcome);
}

function get(call: number, end: number, outcome: Outcome): Operation {
  return op(call, end, { op: 'get' }, outcome);
}

function cas(call: number, end: number, value: string, expected: number, outcome: Outcome): Operation {
  return op(call, end, { op: 'cas', value, expected }, outcome);
}

function del(call: number, end: number, outcome: Outcome): Operation {
  return op(call, end, { op: 'delete' }, outcome);
}

function accepts(...history: Operation[]): void {
  expect(checkLinearizability(history)).to.deep.equal([]);
}

function rejects(...history: Operation[]): void {
  expect(checkLinearizability(history).map(({ key }) => key)).to.deep.equal(['k']);
}

describe('the linearizability checker', () => {
  it('accepts no operations, and operations one after the other', () => {
    accepts();
    accepts(
      set(0, 1, 'a', stored(1)),
      get(2, 3, found('a')),
      set(4, 5, 'b', stored(2)),
      get(6, 7, found('b')),
    );
  });

  it('rejects a stale read', () => {
    rejects(set(0, 1, 'a', stored(1)), set(2, 3, 'b', stored(2)), get(4, 5, found('a')));
  });

  it('lets a read see either side of a write that overlaps it', () => {
    const writes = [set(0, 1, 'a', stored(1)), set(2, 6, 'b', stored(2))];
    accepts(...writes, get(3, 4, found('a')), get(7, 8, found('b')));
    accepts(...writes, get(3, 4, found('b')));
  });

  it('rejects reads that see a write and then do not', () => {
    rejects(
      set(0, 1, 'a', stored(1)),
      set(2, 9, 'b', stored(2)),
      get(3, 4, found('b')),
      get(5, 6, found('a')),
    );
  });

  it('rejects a lost update', () => {
    rejects(set(0, 1, 'a', stored(1)), set(2, 5, 'b', stored(2)), set(3, 6, 'c', stored(2)));
    rejects(set(0, 1, 'a', stored(1)), get(2, 3, NOT_FOUND));
  });

  it('rejects a value that nobody wrote', () => {
    rejects(get(0, 1, found('a')));
  });

  it('lets a write of unknown outcome take effect late', () => {
    accepts(set(0, 1, 'a', UNKNOWN), get(2, 3, NOT_FOUND), get(50, 51, found('a')));
  });

  it('lets a write that was read take effect after its client gave up', () => {
    const givenUp = { ...set(0, 1, 'a', UNKNOWN), return: 1 };
    accepts(givenUp, get(2, 3, NOT_FOUND), get(4, 5, found('a')));
  });

  it('lets a write of unknown outcome never take effect', () => {
    accepts(set(0, 1, 'a', UNKNOWN), get(2, 3, NOT_FOUND), set(4, 5, 'b', stored(1)), get(6, 7, found('b')));
  });

  it('lets a write of unknown outcome show in a version alone', () => {
    accepts(set(0, 1, 'a', UNKNOWN), set(2, 3, 'b', stored(2)));
    rejects(set(2, 3, 'b', stored(2)), set(4, 5, 'a', UNKNOWN));
  });

  it('rejects a write of unknown outcome that is undone', () => {
    rejects(set(0, 1, 'a', UNKNOWN), get(2, 3, found('a')), get(4, 5, NOT_FOUND));
  });

  it('rejects a write of unknown outcome that takes effect twice', () => {
    rejects(set(0, 1, 'a', UNKNOWN), get(2, 3, found('a')), set(4, 5, 'b', stored(2)), get(6, 7, found('a')));
  });

  it('knows that a cas stores at the expected version alone', () => {
    accepts(set(0, 1, 'a', stored(1)), cas(2, 3, 'b', 1, stored(2)), get(4, 5, found('b')));
    accepts(
      set(0, 1, 'a', stored(1)),
      cas(2, 3, 'b', 7, { type: 'version-mismatch' }),
      get(4, 5, found('a')),
    );
    accepts(cas(0, 1, 'a', 1, NOT_FOUND));
    rejects(set(0, 1, 'a', stored(1)), cas(2, 3, 'b', 1, { type: 'version-mismatch' }));
    rejects(set(0, 1, 'a', stored(1)), cas(2, 5, 'b', 1, stored(2)), cas(3, 6, 'c', 1, stored(2)));
  });

  it('counts versions anew after a delete', () => {
    const before = [set(0, 1, 'a', stored(1)), set(2, 3, 'b', stored(2)), del(4, 5, { type: 'deleted' })];
    accepts(...before, get(6, 7, NOT_FOUND), set(8, 9, 'c', stored(1)));
    accepts(...before, del(6, 7, NOT_FOUND));
    rejects(...before, set(6, 7, 'c', stored(3)));
    rejects(...before, del(6, 7, { type: 'deleted' }));
  });

  it('looks at each key alone, and names those that fail', () => {
    const onOther = { ...get(2, 3, found('a')), key: 'other' };
    expect(checkLinearizability([set(0, 1, 'a', stored(1)), onOther]).map(({ key }) => key)).to.deep.equal([
      'other',
    ]);
  });

  it('gives up before it remembers more than it may, and says so', () => {
    // Each order of them makes another value, and none fits.
    const unknown = Array.from({ length: 8 }, (_, i) =>
      op(0, 1, { op: 'append', value: `${i}${'~'.repeat(1_000)}` }, UNKNOWN),
    );
    const history = [...unknown, get(2, 3, found('x'))];
    const limits = { ...SEARCH_LIMITS, bytes: 1_000_000 };
    expect(checkLinearizability(history, limits).map(({ isCertain }) => isCertain)).to.deep.equal([false]);
    const few = [...unknown.slice(0, 3), get(2, 3, found('x'))];
    expect(checkLinearizability(few, limits).map(({ isCertain }) => isCertain)).to.deep.equal([true]);
  });

  it('tells how far it came and what fits nowhere', () => {
    const write = set(0, 1, 'a', stored(1));
    const read = get(2, 3, found('b'));
    const [violation] = checkLinearizability([write, read]);
    expect(violation).to.deep.equal({ key: 'k', isCertain: true, ordered: [write], stuck: [read] });
  });

  it('takes operations in the order of the log where it is known', () => {
    const first = { ...set(0, 9, 'a', UNKNOWN), position: 2 };
    const second = { ...set(0, 9, 'b', UNKNOWN), position: 1 };
    accepts(first, second, get(10, 11, found('a')));
    rejects(first, second, get(10, 11, found('a')), get(12, 13, found('b')));
  });

  it('is quick with hundreds of operations of unknown outcome', () => {
    const unknown = Array.from({ length: 300 }, (_, i) => set(i, i + 1, `u${i}`, UNKNOWN));
    accepts(...unknown, set(400, 401, 'a', stored(201)), get(402, 403, found('a')));
    rejects(...unknown, set(400, 401, 'a', stored(301)), get(402, 403, found('b')));
  });

  it('looks at the versions that reads and writes tell, as far as they do', () => {
    const write = set(0, 1, 'a', { type: 'stored', version: undefined });
    accepts(write, get(2, 3, { type: 'found', value: 'a', version: 1 }), set(4, 5, 'b', stored(2)));
    rejects(write, get(2, 3, { type: 'found', value: 'a', version: 2 }));
    rejects(write, set(4, 5, 'b', stored(1)));
  });

  it('finds the order of 20,000 operations of many clients on 8 keys, and the read that has no place in it', function () {
    this.timeout(60_000);
    const history = longHistory({ operations: 20_000, keys: 8, clients: 20 });
    expect(checkLinearizability(history)).to.deep.equal([]);
    const last = history.findLast(({ outcome }) => outcome.type === 'found');
    if (last === undefined) throw new Error('nothing was read');
    const isWrong = { ...last, outcome: found('nobody wrote this') };
    const wrong = history.map((operation) => (operation === last ? isWrong : operation));
    expect(checkLinearizability(wrong).map(({ key }) => key)).to.deep.equal([last.key]);
  });

  it('counts increments, and finds one that was done twice or lost', () => {
    const increment = (call: number, end: number, outcome: Outcome) =>
      op(call, end, { op: 'increment' }, outcome);
    accepts(increment(1, 2, counted(1)), increment(3, 4, UNKNOWN), increment(5, 6, counted(3)));
    accepts(increment(1, 2, counted(1)), increment(3, 4, UNKNOWN), increment(5, 6, counted(2)));
    rejects(increment(1, 2, counted(1)), increment(3, 4, UNKNOWN), increment(5, 6, counted(4)));
    rejects(increment(1, 2, counted(1)), increment(3, 4, counted(1)));
  });

  it('keeps the order of what one connection was told', () => {
    const read = { ...get(1, 9, found('a')), stream: 1 };
    const write = { ...set(1, 9, 'b', stored(2)), stream: 1 };
    const before = set(0, 1, 'a', stored(1));
    accepts(before, read, write);
    rejects(before, { ...write }, { ...read });
    accepts(before, { ...write, stream: 2 }, read);
    accepts(before, { ...write, outcome: UNKNOWN, return: Number.POSITIVE_INFINITY }, read);
  });

  it('tells at once that a long pipeline is in order', () => {
    const history: Operation[] = [];
    for (let stream = 1; stream <= 4; stream += 1)
      for (let i = 0; i < 64; i += 1)
        history.push({ ...set(1, 100, `${stream}.${i}`, { type: 'stored', version: undefined }), stream });
    accepts(...history);
  });

  it('agrees with a search through all orders', () => {
    expect(linearizableShare(anyOperation())).to.be.within(0.1, 0.9);
  });

  it('agrees with it where the same numbers come again after a delete', () => {
    expect(linearizableShare(anyCount())).to.be.within(0.1, 0.9);
  });
});

/** Clients that do one operation after the other; each takes effect halfway, and of every 200th nobody is told. */
function longHistory({
  operations,
  keys,
  clients,
}: {
  operations: number;
  keys: number;
  clients: number;
}): Operation[] {
  const random = new Random(1);
  const states = new Map<string, KeyState>();
  const nextCall = Array.from({ length: clients }, (_, client) => client);
  const planned = Array.from({ length: operations }, (_, i) => {
    const client = i % clients;
    const call = nextCall[client] ?? 0;
    const end = call + 1 + random.below(clients);
    nextCall[client] = end + 1;
    const key = `k${random.below(keys)}`;
    const action = random.of<Action>([
      { op: 'set', value: `v${i}` },
      { op: 'cas', value: `v${i}`, expected: 1 + random.below(5) },
      { op: 'get' },
      { op: 'delete' },
    ]);
    return { client, key, action, call, end, effect: call + (end - call) * random.next() };
  });
  planned.sort((a, b) => a.effect - b.effect);
  return planned.map(({ client, key, action, call, end }, i) => {
    const state = states.get(key);
    const outcome = outcomesOf(action, state).find(
      (one) => step(state, { ...op(call, end, action, one), key }) !== 'illegal',
    );
    if (outcome === undefined) throw new Error('the model allows none');
    const told = i % 200 === 0 ? UNKNOWN : outcome;
    const after = step(state, { ...op(call, end, action, outcome), key });
    if (after !== 'illegal') states.set(key, after);
    return { ...op(call, end, action, told), client, key };
  });
}

/** What the action may come to in this state, whether it can or not. */
function outcomesOf({ op: what }: Action, state: KeyState): Outcome[] {
  const version = (state?.version ?? 0) + 1;
  if (what === 'get') return [state === undefined ? NOT_FOUND : found(state.value)];
  if (what === 'delete') return [{ type: 'deleted' }, NOT_FOUND];
  return [stored(version), NOT_FOUND, { type: 'version-mismatch' }];
}

/** How many of random histories have an order, all of which the checker must be right about. */
function linearizableShare(operation: fc.Arbitrary<Operation>): number {
  let linearizable = 0;
  let total = 0;
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 6 }), (operations) => {
      const history = operations.map(uniqueValue).sort((a, b) => a.call - b.call);
      const expected = hasOrder(history, undefined);
      total += 1;
      if (expected) linearizable += 1;
      expect(checkLinearizability(history).length === 0).to.equal(expected);
    }),
    { numRuns: 4_000, seed: 1 },
  );
  return linearizable / total;
}

/** Tries every operation that nothing precedes, or for one of unknown outcome that it never took effect. */
function hasOrder(history: readonly Operation[], state: KeyState): boolean {
  const known = history.filter(({ outcome }) => outcome.type !== 'unknown');
  if (known.length === 0) return true;
  const firstReturn = Math.min(...known.map((operation) => operation.return));
  return history.some((operation) => {
    if (operation.call > firstReturn) return false;
    const { stream } = operation;
    const isTurned = operation.outcome.type !== 'unknown' && stream !== undefined;
    if (isTurned && known.find((other) => other.stream === stream) !== operation) return false;
    const after = step(state, operation);
    if (after === 'illegal') return false;
    return hasOrder(
      history.filter((other) => other !== operation),
      after,
    );
  });
}

function uniqueValue(operation: Operation, i: number): Operation {
  const { action } = operation;
  return 'value' in action ? { ...operation, action: { ...action, value: `v${i}` } } : operation;
}

function anyOperation(): fc.Arbitrary<Operation> {
  const version = fc.integer({ min: 1, max: 3 });
  const value = fc.integer({ min: 0, max: 3 }).map((i) => `v${i}`);
  const before = fc.option(value, { nil: undefined });
  const length = fc.integer({ min: 1, max: 3 }).map((count) => 2 * count);
  const write = version.map(stored);
  const absent = fc.constant(NOT_FOUND);
  const mismatch = fc.constant<Outcome>({ type: 'version-mismatch' });
  const deleted = fc.constant<Outcome>({ type: 'deleted' });
  const unknown = fc.constant(UNKNOWN);
  const steps = fc.oneof(
    fc.tuple(fc.constant<Action>({ op: 'set', value: '' }), fc.oneof(write, write, unknown)),
    fc.tuple(fc.constant<Action>({ op: 'get' }), fc.oneof(value.map(found), absent, unknown)),
    fc.tuple(
      version.map((expected): Action => ({ op: 'cas', value: '', expected })),
      fc.oneof(write, absent, mismatch, unknown),
    ),
    fc.tuple(fc.constant<Action>({ op: 'delete' }), fc.oneof(deleted, absent, unknown)),
    fc.tuple(fc.constant<Action>({ op: 'swap', value: '' }), fc.oneof(before.map(swapped), unknown)),
    fc.tuple(
      before.map((expected): Action => ({ op: 'exchange', value: '', expected })),
      fc.oneof(fc.constant(stored(1)), unknown),
    ),
    fc.tuple(fc.constant<Action>({ op: 'append', value: '' }), fc.oneof(length.map(counted), unknown)),
    fc.tuple(
      fc.constant<Action>({ op: 'exists' }),
      fc.oneof(fc.integer({ min: 0, max: 1 }).map(counted), unknown),
    ),
  );
  return atAnyTime(steps);
}

function anyCount(): fc.Arbitrary<Operation> {
  const count = fc.integer({ min: 1, max: 2 });
  const unknown = fc.constant(UNKNOWN);
  const absent = fc.constant(NOT_FOUND);
  const increment = fc.constant<Action>({ op: 'increment' });
  const steps = fc.oneof(
    fc.tuple(increment, fc.oneof(count.map(counted), unknown)),
    fc.tuple(increment, count.map(counted)),
    fc.tuple(
      fc.constant<Action>({ op: 'get' }),
      fc.oneof(
        count.map((value) => found(`${value}`)),
        absent,
      ),
    ),
    fc.tuple(
      fc.constant<Action>({ op: 'delete' }),
      fc.oneof(fc.constant<Outcome>({ type: 'deleted' }), unknown),
    ),
  );
  return atAnyTime(steps);
}

/** Some of them on a connection with others. */
function atAnyTime(steps: fc.Arbitrary<[Action, Outcome]>): fc.Arbitrary<Operation> {
  const times = fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 12 }));
  const stream = fc.constantFrom(1, 2, undefined, undefined);
  return fc.tuple(steps, times, stream).map(([[action, outcome], [call, duration], on]) => {
    const operation = op(call, call + duration, action, outcome);
    return on === undefined ? operation : { ...operation, stream: on };
  });
}
