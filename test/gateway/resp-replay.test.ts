import { expect } from 'chai';
import fc from 'fast-check';
import { giveUp, planReplay } from '../../src/gateway/replay.js';
import type { ReplayPiece } from '../../src/gateway/replay-plan.js';
import { MAX_PLANNED_COMMANDS } from '../../src/limits.js';
import { AT_RESP_START, type RespCheckpoint, respCheckpoint } from '../../src/protocol/checkpoint.js';
import { MAX_PARSED_ARGS } from '../../src/redis-limits.js';

const MANY = 1_000;
const UNKNOWN = '-UNKNOWN leadership was lost: the write may or may not have happened\r\n';
const DOWN = '-CLUSTERDOWN The cluster is down\r\n';
const OK = '+OK\r\n';
const QUEUED = '+QUEUED\r\n';

const IN_TRANSACTION = respCheckpoint({ transaction: 'open' });

function encode(line: string): string {
  const args = line.split(' ');
  return `*${args.length}\r\n${args.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

function encodeAll(lines: readonly string[]): Buffer {
  return Buffer.from(lines.map(encode).join(''));
}

/** What is planned at once here. */
function piecesOf(...[sent, at, proposedBytes]: Parameters<typeof planReplay>): readonly ReplayPiece[] {
  const planning = planReplay(sent, at, proposedBytes);
  while (true) {
    const step = planning.next();
    if (step.done === true) return step.value.pieces;
  }
}

interface Sent {
  readonly at?: RespCheckpoint;
  /** Commands that the leader had proposed; all unless told. */
  readonly proposed?: number;
}

/** The pieces, with the commands in them and what the client gets. */
function plan(lines: readonly string[], { at = AT_RESP_START, proposed = lines.length }: Sent = {}) {
  const sent = encodeAll(lines);
  const pieces = piecesOf(sent, at, encodeAll(lines.slice(0, proposed)).byteLength);
  let start = 0;
  return pieces.map((piece) => {
    const bytes = sent.toString('latin1', start, start + piece.byteCount);
    start += piece.byteCount;
    const commands = lines.filter((line) => bytes.includes(encode(line)));
    return piece.fate === 'resend' ? { resend: commands } : { unknown: commands, reply: piece.reply };
  });
}

function whenGivenUp(lines: readonly string[], start: RespCheckpoint = AT_RESP_START) {
  const { reply, byteCount, at, isOver } = giveUp(encodeAll(lines), start, MANY);
  return { reply, isWhole: byteCount === encodeAll(lines).byteLength, at, isOver };
}

describe('Redis commands whose leader is lost', () => {
  it('are gone through in steps, of some hundred commands or some thousand arguments', () => {
    const long = `DEL ${Array.from({ length: 4 * MAX_PARSED_ARGS }, (_, i) => `k${i}`).join(' ')}`;
    for (const lines of [Array.from({ length: 4 * MAX_PLANNED_COMMANDS }, () => 'INCR n'), [long]]) {
      const sent = encodeAll(lines);
      const planning = planReplay(sent, AT_RESP_START, sent.byteLength);
      let steps = 0;
      while (planning.next().done !== true) steps += 1;
      expect(steps).to.be.within(3, 5);
    }
  });

  it('are of unknown outcome as a whole, however many arguments they have', () => {
    const long = `DEL ${Array.from({ length: 3 * MAX_PARSED_ARGS }, (_, i) => `k${i}`).join(' ')}`;
    expect(plan([long, 'GET a'])).to.deep.equal([{ unknown: [long], reply: UNKNOWN }, { resend: ['GET a'] }]);
    expect(whenGivenUp([long, 'GET a'])).to.deep.include({ reply: DOWN + DOWN, isWhole: true });
  });

  it('are sent again when they only read, or were not proposed', () => {
    expect(plan(['GET a', 'MGET b c', 'PING', 'HELLO 3'])).to.deep.equal([
      { resend: ['GET a', 'MGET b c', 'PING', 'HELLO 3'] },
    ]);
    expect(plan(['SET a 1', 'INCR b'], { proposed: 0 })).to.deep.equal([{ resend: ['SET a 1', 'INCR b'] }]);
  });

  it('have an unknown outcome when they write and may have been proposed', () => {
    expect(plan(['SET a 1', 'GET a', 'INCR b', 'DEL c', 'SETNX d 1'], { proposed: 4 })).to.deep.equal([
      { unknown: ['SET a 1'], reply: UNKNOWN },
      { resend: ['GET a'] },
      { unknown: ['INCR b', 'DEL c'], reply: UNKNOWN + UNKNOWN },
      { resend: ['SETNX d 1'] },
    ]);
  });

  it('are answered as a whole transaction when its EXEC may have been proposed', () => {
    expect(plan(['GET x', 'MULTI', 'SET a 1', 'GET a', 'EXEC', 'GET y'])).to.deep.equal([
      { resend: ['GET x'] },
      { unknown: ['MULTI', 'SET a 1', 'GET a', 'EXEC'], reply: OK + QUEUED + QUEUED + UNKNOWN },
      { resend: ['GET y'] },
    ]);
    expect(plan(['INCR b', 'EXEC'], { at: IN_TRANSACTION })).to.deep.equal([
      { unknown: ['INCR b', 'EXEC'], reply: QUEUED + UNKNOWN },
    ]);
  });

  it('are sent again as a whole transaction when its EXEC was not proposed, or not sent yet', () => {
    const transaction = ['MULTI', 'SET a 1', 'EXEC'];
    expect(plan(transaction, { proposed: 2 })).to.deep.equal([{ resend: transaction }]);
    expect(plan(['MULTI', 'SET a 1'])).to.deep.equal([{ resend: ['MULTI', 'SET a 1'] }]);
  });

  it('did nothing in a transaction that was refused or discarded', () => {
    const refused = ['MULTI', 'FOO', 'SET a 1', 'EXEC'];
    expect(plan(refused)).to.deep.equal([{ resend: refused }]);
    const discarded = ['MULTI', 'SET a 1', 'DISCARD'];
    expect(plan(discarded)).to.deep.equal([{ resend: discarded }]);
    expect(plan(['EXEC'], { at: respCheckpoint({ transaction: 'broken' }) })).to.deep.equal([
      { resend: ['EXEC'] },
    ]);
  });

  it('have an unknown outcome after a WATCH, too', () => {
    expect(plan(['WATCH a', 'MULTI', 'SET a 2', 'EXEC'])).to.deep.equal([
      { resend: ['WATCH a'] },
      { unknown: ['MULTI', 'SET a 2', 'EXEC'], reply: OK + QUEUED + UNKNOWN },
    ]);
    expect(plan(['MULTI', 'EXEC'], { at: respCheckpoint({ hasWatched: true }) })).to.deep.equal([
      { unknown: ['MULTI', 'EXEC'], reply: OK + UNKNOWN },
    ]);
  });

  it('are sent again as far as they came, also when they end within one or make no sense', () => {
    for (const tail of ['*2\r\n$3\r\nGE', 'nonsense\r\n']) {
      const sent = Buffer.from(encode('SET a 1') + tail);
      const [unknown, rest, ...more] = piecesOf(sent, AT_RESP_START, sent.byteLength);
      expect(unknown).to.include({ fate: 'unknown', byteCount: encode('SET a 1').length });
      expect(rest).to.deep.equal({ fate: 'resend', byteCount: tail.length });
      expect(more).to.deep.equal([]);
    }
  });

  it('are all in a piece, whatever they are', () => {
    const line = fc.constantFrom(
      ...['SET a 1', 'GET a', 'MULTI', 'EXEC', 'DISCARD', 'WATCH a', 'FOO', 'QUIT', 'RESET', 'HELLO 3'],
    );
    fc.assert(
      fc.property(fc.array(line), fc.nat(), fc.nat(), (lines, cut, proposed) => {
        const whole = encodeAll(lines);
        const sent = whole.subarray(0, cut % (whole.byteLength + 1));
        const pieces = piecesOf(sent, AT_RESP_START, proposed % (whole.byteLength + 1));
        const sum = pieces.reduce((byteCount, piece) => byteCount + piece.byteCount, 0);
        expect(sum).to.equal(sent.byteLength);
        for (const [index, { fate }] of pieces.entries()) expect(fate).to.not.equal(pieces[index + 1]?.fate);
      }),
      { seed: 1 },
    );
  });
});

describe('Redis commands for which no leader appears', () => {
  it('are told that the cluster is down, but for those that need none', () => {
    expect(whenGivenUp(['SET a 1', 'PING', 'GET a', 'FOO'])).to.deep.equal({
      reply: `${DOWN}+PONG\r\n${DOWN}-ERR unknown command 'FOO', with args beginning with: \r\n`,
      isWhole: true,
      at: AT_RESP_START,
      isOver: false,
    });
  });

  it('make a transaction that will be refused', () => {
    expect(whenGivenUp(['MULTI', 'SET a 1'])).to.deep.include({
      reply: OK + DOWN,
      at: respCheckpoint({ transaction: 'broken' }),
    });
    expect(whenGivenUp(['MULTI', 'SET a 1', 'EXEC', 'GET a']).reply).to.equal(
      `${OK}${DOWN}-EXECABORT Transaction discarded because of previous errors.\r\n${DOWN}`,
    );
    expect(whenGivenUp(['EXEC'], IN_TRANSACTION).reply).to.match(/^-EXECABORT /);
  });

  it('wait on when they are not complete', () => {
    const waiting = Buffer.from(`${encode('GET a')}*2\r\n$3\r\nGET\r\n`);
    expect(giveUp(waiting, AT_RESP_START, MANY).byteCount).to.equal(encode('GET a').length);
  });

  it('end the connection by QUIT, or when they make no sense', () => {
    expect(whenGivenUp(['GET a', 'QUIT'])).to.include({ reply: DOWN + OK, isOver: true });
    const { reply, isOver } = giveUp(Buffer.from('*1\r\n?'), AT_RESP_START, MANY);
    expect({ reply, isOver }).to.deep.equal({
      reply: "-ERR Protocol error: expected '$', got '?'\r\n",
      isOver: true,
    });
  });
});
