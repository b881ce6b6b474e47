import { expect } from 'chai';
import type { Entry, LogPosition, Message } from '../../src/raft/types.js';
import { type DiskView, Invariants, PropertyViolation, type ServerView } from './invariants.js';

/** A log as text: `1:a 2:b` holds entries of terms 1 and 2. */
function logOf(text: string): Entry[] {
  const words = text === '' ? [] : text.split(' ');
  return words.map((word, i) => {
    const [term = '', payload = ''] = word.split(':');
    return { index: i + 1, term: Number(term), payload: Buffer.from(payload) };
  });
}

/** A server as it looks with this log; behind `logStart` only. */
function view(id: number, log: string, rest: Partial<ServerView> = {}): ServerView {
  const entries = logOf(log);
  const last = entries.at(-1) ?? { index: 0, term: 0 };
  return {
    id,
    role: 'follower',
    currentTerm: last.term,
    commitIndex: 0,
    lastLog: { index: last.index, term: last.term },
    logStart: { index: 0, term: 0 },
    nowMs: 0,
    leaseEndMs: Number.NEGATIVE_INFINITY,
    entries: (from, to) => entries.slice(from - 1, to),
    ...rest,
  };
}

function disk(log: string, currentTerm = 1, votedFor: number | undefined = undefined): DiskView {
  const entries = logOf(log);
  return {
    hardState: { currentTerm, votedFor },
    lastIndex: entries.length,
    holds: ({ index, term }: LogPosition) => entries[index - 1]?.term === term,
  };
}

describe('the invariants', () => {
  /** Looks at servers whose disks hold everything that they commit. */
  function seen(...views: ServerView[]): Invariants {
    const everything = { ...disk(''), holds: () => true };
    const invariants = new Invariants([everything, everything, everything]);
    for (const server of views) invariants.stepped(server);
    return invariants;
  }

  function expectBroken(property: string, act: () => void): void {
    expect(act).to.throw(PropertyViolation).with.property('property', property);
  }

  it('hold for servers that agree', () => {
    const invariants = seen(
      view(0, '1:a', { role: 'leader', commitIndex: 1 }),
      view(1, '1:a'),
      view(0, '1:a 1:b', { role: 'leader', commitIndex: 2 }),
      view(1, '1:a 1:b', { commitIndex: 2 }),
      view(2, '1:a 1:b 2:c', { role: 'leader', currentTerm: 2, commitIndex: 3 }),
    );
    for (const entry of logOf('1:a 1:b')) invariants.applied(0, entry);
    invariants.restored(1, 1);
    invariants.applied(1, { index: 2, term: 1, payload: Buffer.from('b') });
  });

  it('break with two leaders in a term', () => {
    expectBroken('election safety', () =>
      seen(view(0, '1:a', { role: 'leader' }), view(1, '1:a', { role: 'leader' })),
    );
  });

  it('break when a leader removes or replaces entries of its log', () => {
    const before = view(0, '1:a 1:b', { role: 'leader' });
    expectBroken('leader append-only', () => seen(before, view(0, '1:a', { role: 'leader' })));
    const other = view(0, '1:a 2:b', { role: 'leader', currentTerm: 1 });
    expectBroken('leader append-only', () => seen(before, other));
  });

  it('break when an entry is another one elsewhere, or follows another one', () => {
    expectBroken('log matching', () => seen(view(0, '1:a'), view(1, '1:b')));
    expectBroken('log matching', () => seen(view(0, '1:a 3:c'), view(1, '2:b 3:c')));
  });

  it('break when a leader is elected without what was committed before its term', () => {
    const committed = view(0, '1:a 1:b', { commitIndex: 2 });
    const without = view(1, '1:a 2:c', { role: 'leader' });
    expectBroken('leader completeness', () => seen(committed, without));
  });

  it('let a leader be elected late, when a later term has committed more', () => {
    seen(view(0, '1:a 3:b', { commitIndex: 2 }), view(1, '1:a', { role: 'leader', currentTerm: 2 }));
  });

  it('break when one server commits another entry than the first did, or compacted another one', () => {
    const first = view(0, '1:a', { commitIndex: 1 });
    expectBroken('committed once', () => seen(first, view(1, '2:b', { commitIndex: 1 })));
    expectBroken('committed once', () => seen(first, view(1, '2:b', { logStart: { index: 1, term: 2 } })));
  });

  it('break when an entry is committed that no majority has on disk', () => {
    const invariants = new Invariants([disk('1:a'), disk(''), disk('')]);
    expectBroken('durable on a majority', () => invariants.stepped(view(0, '1:a', { commitIndex: 1 })));
  });

  it('break when a term or a commit index goes back, unless the server crashed', () => {
    const before = view(0, '1:a', { currentTerm: 3, commitIndex: 1 });
    expectBroken('monotonic term', () => seen(before, view(0, '1:a', { currentTerm: 2, commitIndex: 1 })));
    expectBroken('monotonic commit', () => seen(before, view(0, '1:a', { currentTerm: 3 })));
    const invariants = seen(before);
    invariants.crashed(0);
    invariants.stepped(view(0, '1:a', { currentTerm: 3 }));
  });

  it('break when a server applies an entry twice, skips one, or is set back by a snapshot', () => {
    const [a, b] = logOf('1:a 1:b');
    if (a === undefined || b === undefined) throw new Error('two entries were asked for');
    const invariants = seen();
    expectBroken('monotonic applied', () => invariants.applied(0, b));
    invariants.applied(0, a);
    expectBroken('monotonic applied', () => invariants.applied(0, a));
    expectBroken('monotonic applied', () => invariants.restored(0, 0));
  });

  it('break when two servers apply different entries at an index', () => {
    const [a, b] = [...logOf('1:a'), ...logOf('1:b')];
    if (a === undefined || b === undefined) throw new Error('two entries were asked for');
    const invariants = seen();
    invariants.applied(0, a);
    expectBroken('state machine safety', () => invariants.applied(1, b));
  });

  it('break when a read is confirmed without what was committed before it came in', () => {
    const invariants = seen(view(0, '1:a 1:b', { commitIndex: 2 }));
    expect(invariants.committedIndex).to.equal(2);
    const read = { committedIndex: 2, lastIndex: 3 };
    expectBroken('read index', () => invariants.confirmed(1, 1, read));
    invariants.confirmed(1, 2, read);
  });

  it('break when a read is confirmed with what was proposed after it came in', () => {
    const invariants = seen(view(0, '1:a 1:b', { commitIndex: 2 }));
    const read = { committedIndex: 2, lastIndex: 3 };
    invariants.confirmed(1, 3, read);
    expectBroken('read index', () => invariants.confirmed(1, 4, read));
  });

  it('break when a leader is elected while another one has a lease', () => {
    const holder = view(0, '1:a', { role: 'leader', leaseEndMs: 100 });
    const later = view(1, '1:a', { role: 'leader', currentTerm: 2, nowMs: 99 });
    expectBroken('lease', () => seen(holder, later));
    seen(holder, { ...later, nowMs: 100 });
  });

  it('break when a lease is taken after a later leader was elected', () => {
    const later = view(1, '1:a', { role: 'leader', currentTerm: 2 });
    expectBroken('lease', () => seen(later, view(0, '1:a', { role: 'leader', leaseEndMs: 100 })));
  });

  describe('break when a message leaves before the disk has what it promises:', () => {
    const envelope = { from: 0, to: 1, term: 2 };
    const probe = { round: 1, sentAtMs: 0 };
    const snapshot = { index: 2, term: 1 };
    const messages: readonly { name: string; message: Message; enough: DiskView; tooLittle: DiskView }[] = [
      {
        name: 'a vote',
        message: { ...envelope, type: 'RequestVoteResponse', voteGranted: true },
        enough: disk('', 2, 1),
        tooLittle: disk('', 2),
      },
      {
        name: 'a vote that is refused in a new term',
        message: { ...envelope, type: 'RequestVoteResponse', voteGranted: false },
        enough: disk('', 2),
        tooLittle: disk('', 1),
      },
      {
        name: 'a candidacy',
        message: {
          ...envelope,
          type: 'RequestVote',
          candidateId: 0,
          lastLogIndex: 1,
          lastLogTerm: 1,
          leaseIsOver: false,
        },
        enough: disk('1:a', 1),
        tooLittle: disk('', 1),
      },
      {
        name: 'an accepted entry',
        message: {
          ...envelope,
          type: 'AppendEntriesResponse',
          probe,
          result: { outcome: 'accepted', matchIndex: 2 },
        },
        enough: disk('1:a 1:b', 2),
        tooLittle: disk('1:a', 2),
      },
      {
        name: 'an answer in a new term',
        message: { ...envelope, type: 'AppendEntriesResponse', probe, result: { outcome: 'stale' } },
        enough: disk('', 2),
        tooLittle: disk('', 1),
      },
      {
        name: 'an installed snapshot',
        message: {
          ...envelope,
          type: 'InstallSnapshotResponse',
          snapshot,
          receivedBytes: 9,
          isInstalled: true,
          probe,
        },
        enough: disk('1:a 1:b', 2),
        tooLittle: disk('1:a', 2),
      },
      {
        name: 'leadership',
        message: { ...envelope, type: 'TimeoutNow' },
        enough: disk('', 2),
        tooLittle: disk('', 1),
      },
    ];

    for (const { name, message, enough, tooLittle } of messages) {
      it(name, () => {
        new Invariants([enough]).sent(message);
        expectBroken('persisted before sent', () => new Invariants([tooLittle]).sent(message));
      });
    }
  });
});
