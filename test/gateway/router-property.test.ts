import { expect } from 'chai';
import fc from 'fast-check';
import { spanOf } from '../../src/bytes/byte-reader.js';
import { MAX_VALUE_BYTES } from '../../src/limits.js';
import { AT_COMMAND_START, type StreamCheckpoint } from '../../src/protocol/checkpoint.js';
import type { TextRequest } from '../../src/protocol/request.js';
import { textStream } from '../../src/protocol/text/guarded-text.js';
import { FakeServer, TestBench, until } from './support.js';

/** Short, since a failing property waits for it again and again while it shrinks. */
const TIMEOUT_MS = 3_000;

type CommandKind =
  | 'set'
  | 'set noreply'
  | 'cas'
  | 'delete'
  | 'get'
  | 'unknown'
  | 'no line break'
  | 'bad exptime'
  | 'oversized';

/** A command whose key is its number, so that servers and replies can be matched with it. */
function encode(kind: CommandKind, id: number): string {
  switch (kind) {
    case 'set':
      return `set ${id} 0 3\r\nabc\r\n`;
    case 'set noreply':
      return `set ${id} 0 4 noreply\r\n\r\n\r\n\r\n`;
    case 'cas':
      return `cas ${id} 0 1 1\r\nx\r\n`;
    case 'delete':
      return `delete ${id}\r\n`;
    case 'get':
      return `get ${id}\r\n`;
    case 'unknown':
      return 'nonsense\r\n';
    case 'no line break':
      return `set ${id} 0 1\r\nxyz and more\r\n`;
    case 'bad exptime':
      return `set ${id} soon 3\r\nabc and more\r\n`;
    case 'oversized':
      return `set ${id} 0 ${MAX_VALUE_BYTES + 1}\r\n${'x'.repeat(MAX_VALUE_BYTES + 1)}\r\n`;
  }
}

const isWrite = (kind: CommandKind) => ['set', 'set noreply', 'cas', 'delete'].includes(kind);

interface Pending {
  /** Where it ends in the client's stream. */
  readonly place: number;
  /** Undefined for a malformed command. */
  readonly id: number | undefined;
  readonly write: boolean;
  readonly silent: boolean;
  /** Where it ends in the assignment's input. */
  readonly end: number;
  readonly at: StreamCheckpoint;
}

/** The writes of one client, as all servers of a cluster got them: those at the same place are the same. */
class WriteLedger {
  readonly #places = new Map<number, number>();
  readonly violations: string[] = [];

  received(id: number, place: number): void {
    const before = this.#places.get(id) ?? place;
    if (before !== place) this.violations.push(`write ${id} was sent again as another`);
    this.#places.set(id, place);
  }
}

/** Answers a command with `DONE` and its number, whenever the test lets it. */
class ModelServer {
  readonly channel = new FakeServer();
  readonly #ledger: WriteLedger;
  #parser = textStream(AT_COMMAND_START);
  /** Where its input begins in the client's stream. */
  #start = 0;
  #pending: Pending[] = [];
  #assignment: number | undefined;
  #handled = 0;
  #answered = 0;
  #answersAll = false;

  constructor(ledger: WriteLedger) {
    this.#ledger = ledger;
    this.channel.onBatch = () => this.#handle();
  }

  /** From now on answers at once. */
  answerAll(): void {
    this.#answersAll = true;
    this.answer(this.#pending.length);
  }

  answer(count: number): void {
    const answered = this.#pending.splice(0, count);
    const last = answered.at(-1);
    if (last === undefined) return;
    let text = '';
    for (const { id, silent } of answered) {
      if (!silent) text += id === undefined ? 'ERR_CMD_ERR\r\n' : `DONE ${id}\r\n`;
    }
    this.#reply(last.end, text, last.at);
  }

  /** Leads no more, and admits to have proposed the first commands. */
  refuse(proposedCount: number, ledTerm: number): void {
    const assignment = this.#assignment;
    const proposed = this.#pending.slice(0, proposedCount);
    const proposedBytes = (proposed.at(-1)?.end ?? this.#answered) - this.#answered;
    this.#clearAssignment();
    if (assignment !== undefined) this.channel.say({ type: 'refuse', assignment, proposedBytes, ledTerm });
  }

  /** Dies, or is never heard again: everything it has may have been proposed. */
  fallSilent(): void {
    this.#clearAssignment();
  }

  #clearAssignment(): void {
    this.#assignment = undefined;
    this.#pending = [];
  }

  #handle(): void {
    const frames = this.channel.frames;
    for (const frame of frames.slice(this.#handled)) {
      if (frame.type === 'open') {
        this.#assignment = frame.assignment;
        if (frame.at.place === 'resp') throw new TypeError('the client speaks text');
        this.#parser = textStream(frame.at);
        this.#start = frame.dedupeKey?.place ?? Number.NaN;
        this.#pending = [];
        this.#answered = 0;
      } else if (frame.type === 'data' && frame.assignment === this.#assignment) {
        this.#parser.push(spanOf(frame.bytes));
        this.#parse();
      }
    }
    this.#handled = frames.length;
  }

  #parse(): void {
    for (let request = this.#parser.next(); request !== undefined; request = this.#parser.next()) {
      const pending = this.#toPending(request);
      if (pending.write && pending.id !== undefined) this.#ledger.received(pending.id, pending.place);
      this.#pending.push(pending);
    }
    if (this.#answersAll) this.answer(this.#pending.length);
    // What was skipped is answered with nothing.
    if (this.#pending.length === 0) this.#reply(this.#parser.consumed, '', this.#parser.checkpoint());
  }

  #toPending(request: TextRequest): Pending {
    const end = this.#parser.consumed;
    const place = { end, place: this.#start + end, at: this.#parser.checkpoint() };
    if (request.type === 'auth' || request.type === 'locked') throw new TypeError('there is no password');
    if (request.type === 'malformed')
      return { id: undefined, write: false, silent: request.noreply, ...place };
    const write = request.type !== 'get' && request.type !== 'getm';
    const silent = 'noreply' in request && request.noreply;
    return { id: 'key' in request ? Number(request.key) : undefined, write, silent, ...place };
  }

  #reply(end: number, text: string, at: StreamCheckpoint): void {
    const assignment = this.#assignment;
    if (assignment === undefined || end === this.#answered) return;
    this.channel.reply(assignment, end - this.#answered, text, at);
    this.#answered = end;
  }
}

type Step =
  | { readonly type: 'send'; readonly byteCount: number }
  | { readonly type: 'answer'; readonly count: number }
  | { readonly type: 'refuse'; readonly proposedCount: number }
  | { readonly type: 'die' }
  | { readonly type: 'depose silently' }
  | { readonly type: 'elect' };

const commands = fc.array(
  fc.oneof(
    {
      weight: 60,
      arbitrary: fc.constantFrom<CommandKind>(
        ...([
          'set',
          'set noreply',
          'cas',
          'delete',
          'get',
          'get',
          'unknown',
          'no line break',
          'bad exptime',
        ] as const),
      ),
    },
    { weight: 1, arbitrary: fc.constant<CommandKind>('oversized') },
  ),
  { minLength: 1, maxLength: 40 },
);

const steps = fc.array(
  fc.oneof(
    fc.record({ type: fc.constant('send' as const), byteCount: fc.integer({ min: 1, max: 150 }) }),
    fc.record({ type: fc.constant('answer' as const), count: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ type: fc.constant('refuse' as const), proposedCount: fc.integer({ min: 0, max: 6 }) }),
    fc.record({ type: fc.constantFrom('die', 'depose silently', 'elect' as const) }),
  ),
  { maxLength: 25 },
);

describe('a connection through the router', () => {
  const bench = new TestBench();
  afterEach(() => bench.clear());

  it('gets the reply of each command in order, and each write has one place, whoever leads', async () => {
    await fc.assert(
      fc.asyncProperty(commands, steps, async (kinds, run) => {
        const { replies, ledger } = await play(kinds, run);
        expect(ledger.violations).to.deep.equal([]);
        expectReplies(kinds, replies);
        await bench.clear();
      }),
      { numRuns: 150 },
    );
  });

  /** Lets a client send the commands while leaders come and go. */
  async function play(kinds: readonly CommandKind[], run: readonly Step[]) {
    const ledger = new WriteLedger();
    const gateway = await bench.gateway({ servers: 1, electionTimeoutMs: 2, leaderWaitMs: 60_000 });
    const client = await bench.client(gateway.routerAddress);
    const stream = Buffer.from(kinds.map(encode).join(''));
    let sent = 0;
    let term = 0;
    let server = new ModelServer(ledger);
    await gateway.attach(0, server.channel);

    const perform = async (step: Step) => {
      switch (step.type) {
        case 'send':
          client.send(stream.subarray(sent, sent + step.byteCount));
          sent = Math.min(stream.byteLength, sent + step.byteCount);
          // Lets the bytes arrive, mostly; nothing depends on it.
          for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate);
          break;
        case 'answer':
          server.answer(step.count);
          break;
        case 'refuse':
          server.refuse(step.proposedCount, term);
          break;
        case 'depose silently':
          server.fallSilent();
          gateway.setLeader(undefined);
          break;
        case 'die':
          server.fallSilent();
          server.channel.die();
          server = new ModelServer(ledger);
          await gateway.attach(0, server.channel);
          break;
        case 'elect':
          term += 1;
          gateway.setLeader({ slot: 0, term });
      }
    };
    for (const step of run) await perform(step);

    // In the end there is a leader that answers everything.
    await perform({ type: 'die' });
    server.answerAll();
    await perform({ type: 'elect' });
    await perform({ type: 'send', byteCount: stream.byteLength });
    client.socket.end();
    await until(
      'the end of input',
      () => server.channel.framesOf('end').length > 0 || client.closed,
      TIMEOUT_MS,
    );
    for (const { assignment } of server.channel.framesOf('end'))
      server.channel.say({ type: 'close', assignment });
    await until('the end of the connection', () => client.closed, TIMEOUT_MS);
    return { replies: client.text.split('\r\n').slice(0, -1), ledger };
  }

  function expectReplies(kinds: readonly CommandKind[], replies: readonly string[]) {
    let next = 0;
    kinds.forEach((kind, id) => {
      if (kind === 'set noreply') return;
      const reply = replies[next];
      next += 1;
      if (kind === 'get' || isWrite(kind)) {
        expect(reply).to.equal(`DONE ${id}`);
      } else {
        expect(reply).to.equal('ERR_CMD_ERR');
      }
    });
    expect(replies).to.have.length(next);
  }
});
