import { expect } from 'chai';
import { AT_COMMAND_START } from '../../../src/protocol/checkpoint.js';
import {
  ClientConnection,
  type PendingCommand,
  TotalUnread,
} from '../../../src/server/clients/client-connection.js';
import { PendingGroups } from '../../../src/server/clients/pending-groups.js';
import { opening } from '../../support/client-frames.js';

const client = new ClientConnection(1, opening(1), new TotalUnread(), 0);

function command(key: string, takenAtMs = 0): PendingCommand {
  return {
    client,
    request: { type: 'get', key },
    endOffset: 0,
    at: AT_COMMAND_START,
    takenAtMs,
    asOfMs: 0,
    reservedBytes: 0,
    pendingUnits: 0,
    isElsewhere: false,
    isSilenced: false,
    isAnswered: false,
    isAsked: false,
  };
}

describe('PendingGroups', () => {
  it('has neither a first nor a last group at first', () => {
    const groups = new PendingGroups();
    expect([groups.first, groups.last, groups.byteLength]).to.deep.equal([undefined, undefined, 0]);
  });

  it('keeps the groups in the order in which they came, whatever they wait for', () => {
    const groups = new PendingGroups();
    groups.addEntry([command('a')], { index: 4, byteLength: 10 }, 0);
    const readId = groups.addRead(command('b'), 0);
    groups.addEntry([command('c')], { index: 5, byteLength: 20 }, 0);
    expect(groups.first?.gate).to.deep.equal({ kind: 'entry', index: 4, byteLength: 10 });
    expect(groups.last?.gate).to.deep.equal({ kind: 'entry', index: 5, byteLength: 20 });
    groups.removeFirst();
    expect(groups.first?.gate).to.deep.equal({ kind: 'read', readId, confirmedIndex: undefined });
    groups.removeFirst();
    expect(groups.first).to.equal(groups.last);
  });

  it('counts the bytes of the entries that wait', () => {
    const groups = new PendingGroups();
    groups.addEntry([], { index: 1, byteLength: 10 }, 0);
    groups.addRead(command('a'), 0);
    groups.addEntry([], { index: 2, byteLength: 20 }, 0);
    const lengths = [groups.byteLength];
    for (let count = 0; count < 4; count += 1) {
      groups.removeFirst();
      lengths.push(groups.byteLength);
    }
    expect(lengths).to.deep.equal([30, 20, 20, 0, 0]);
  });

  it('gives each group of reads an id of its own, also after all were taken', () => {
    const groups = new PendingGroups();
    const ids = [groups.addRead(command('a'), 0), groups.addRead(command('b'), 0)];
    groups.takeAll();
    ids.push(groups.addRead(command('c'), 0));
    expect(new Set(ids)).to.have.property('size', 3);
  });

  it('confirms the group of reads that is named, and no other', () => {
    const groups = new PendingGroups();
    const first = groups.addRead(command('a'), 0);
    const second = groups.addRead(command('b'), 0);
    groups.confirmRead(second, 7);
    expect(groups.first?.gate).to.deep.equal({ kind: 'read', readId: first, confirmedIndex: undefined });
    expect(groups.last?.gate).to.deep.equal({ kind: 'read', readId: second, confirmedIndex: 7 });
  });

  it('does not mind a confirmation for reads that are gone', () => {
    const groups = new PendingGroups();
    const gone = groups.addRead(command('a'), 0);
    groups.removeFirst();
    groups.addEntry([], { index: 1, byteLength: 1 }, 0);
    groups.confirmRead(gone, 7);
    expect(groups.first?.gate.kind).to.equal('entry');
  });

  it('refuses a confirmation by which reads would wait for what waits for them', () => {
    const groups = new PendingGroups();
    const readId = groups.addRead(command('a'), 0);
    groups.addEntry([command('b')], { index: 7, byteLength: 1 }, 0);
    expect(() => groups.confirmRead(readId, 7)).to.throw('a read waits for entry 7');
  });

  it('knows whether the last group still waits for a proof of leadership', () => {
    const groups = new PendingGroups();
    expect(groups.lastIsUnproven(0), 'without a group').to.equal(false);
    groups.addEntry([command('a')], { index: 5, byteLength: 1 }, 0);
    expect(groups.lastIsUnproven(4), 'an entry that is not committed').to.equal(true);
    expect(groups.lastIsUnproven(5), 'an entry that waits to be applied').to.equal(false);
    const readId = groups.addRead(command('b'), 0);
    expect(groups.lastIsUnproven(5), 'reads that are not confirmed').to.equal(true);
    groups.confirmRead(readId, 5);
    expect(groups.lastIsUnproven(5), 'reads that wait for entries to be applied').to.equal(false);
  });

  it('lets further commands join a group', () => {
    const groups = new PendingGroups();
    groups.addRead(command('a'), 0);
    if (groups.last !== undefined) groups.join(groups.last, command('b'));
    expect(groups.first?.commands).to.have.length(2);
  });

  it('counts the commands that wait', () => {
    const groups = new PendingGroups();
    groups.addEntry([command('a'), command('b')], { index: 1, byteLength: 1 }, 0);
    groups.addRead(command('c'), 0);
    if (groups.last !== undefined) groups.join(groups.last, command('d'));
    const counts = [groups.commandCount];
    groups.removeFirst();
    counts.push(groups.commandCount);
    groups.takeAll();
    counts.push(groups.commandCount);
    groups.removeFirst();
    counts.push(groups.commandCount);
    expect(counts).to.deep.equal([4, 2, 0, 0]);
  });

  it('is empty once all groups were taken', () => {
    const groups = new PendingGroups();
    groups.addEntry([command('a')], { index: 1, byteLength: 10 }, 0);
    groups.addRead(command('b'), 0);
    expect(groups.takeAll().map(({ gate }) => gate.kind)).to.deep.equal(['entry', 'read']);
    expect([groups.first, groups.byteLength]).to.deep.equal([undefined, 0]);
  });

  it('names each command that has waited too long once, and leaves it in its place', () => {
    const groups = new PendingGroups();
    const [a, b, c, d] = [command('a', 90), command('b', 100), command('c', 200), command('d', 201)];
    groups.addEntry([a, b], { index: 1, byteLength: 1 }, 100);
    groups.addRead(c, 200);
    groups.addRead(d, 201);
    expect(groups.expire(89)).to.deep.equal([]);
    expect(groups.waitingSinceMs).to.equal(90);
    expect(groups.expire(99)).to.deep.equal([a]);
    expect(groups.waitingSinceMs).to.equal(100);
    expect(groups.expire(100)).to.deep.equal([b]);
    expect(groups.waitingSinceMs).to.equal(200);
    expect(groups.expire(200)).to.deep.equal([c]);
    expect(groups.first?.commands).to.have.length(2);
  });

  it('has a command wait no longer that joins one whose others waited too long', () => {
    const groups = new PendingGroups();
    groups.addEntry([command('a', 0)], { index: 1, byteLength: 10 }, 0);
    groups.expire(0);
    const late = command('b', 50);
    if (groups.last !== undefined) groups.join(groups.last, late);
    expect(groups.waitingSinceMs).to.equal(50);
    expect(groups.expire(50)).to.deep.equal([late]);
  });

  it('counts what is overdue no more, neither before nor after it is removed', () => {
    const groups = new PendingGroups();
    groups.addEntry([command('a', 0), command('b', 5)], { index: 1, byteLength: 10 }, 0);
    const counted = () => ({ commands: groups.commandCount, bytes: groups.byteLength });
    groups.expire(0);
    expect(counted()).to.deep.equal({ commands: 1, bytes: 10 });
    expect(groups.hasOverdue).to.equal(true);
    groups.expire(5);
    expect(counted()).to.deep.equal({ commands: 0, bytes: 0 });
    if (groups.last !== undefined) groups.join(groups.last, command('c', 9));
    groups.removeFirst();
    expect(counted()).to.deep.equal({ commands: 0, bytes: 0 });
    expect(groups.hasOverdue).to.equal(false);
  });
});
