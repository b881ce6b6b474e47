import { expect } from 'chai';
import { GroupCommitDelay, type ReturningClient } from '../../../src/server/clients/group-commit-delay.js';

describe('GroupCommitDelay', () => {
  const COUNT = 10;
  const ENTRY_MS = 0.4;

  let groupCommitDelay: GroupCommitDelay;
  let clients: ReturningClient[];
  let nowMs: number;

  beforeEach(() => {
    groupCommitDelay = new GroupCommitDelay();
    clients = Array.from({ length: COUNT }, () => ({ expectedInRound: 0 }));
    nowMs = 100;
  });

  function propose(count = COUNT): void {
    groupCommitDelay.proposed(count, nowMs);
  }

  function answerAll(): void {
    nowMs += ENTRY_MS;
    groupCommitDelay.applied(nowMs);
    for (const client of clients) groupCommitDelay.answered(client);
  }

  function isDelayed(isInFlight = false): boolean {
    return groupCommitDelay.delay(nowMs, { isInFlight });
  }

  /** An entry whose clients do not come back within the time that is left for that. */
  function waitInVain(): void {
    propose();
    answerAll();
    expect(isDelayed()).to.equal(true);
    nowMs += 2;
    expect(isDelayed()).to.equal(false);
  }

  /** How many entries go at once before one is waited with again. */
  function pause(): number {
    for (let entries = 0; ; entries += 1) {
      propose();
      answerAll();
      if (isDelayed()) return entries;
    }
  }

  it('does not wait at first', () => {
    expect(isDelayed()).to.equal(false);
    expect(groupCommitDelay.deadlineMs(nowMs)).to.equal(undefined);
  });

  it('waits until every client of the last entry is back', () => {
    propose();
    answerAll();
    for (const client of clients) {
      expect(isDelayed()).to.equal(true);
      groupCommitDelay.cameBack(client);
      groupCommitDelay.cameBack(client);
    }
    expect(isDelayed()).to.equal(false);
  });

  it('counts a client with several writes once', () => {
    propose();
    answerAll();
    answerAll();
    for (const client of clients) groupCommitDelay.cameBack(client);
    expect(isDelayed()).to.equal(false);
  });

  it('waits for the answers to the last entry', () => {
    propose();
    answerAll();
    for (const client of clients) groupCommitDelay.cameBack(client);
    propose();
    expect(isDelayed(true)).to.equal(true);
  });

  it('waits for nobody of an entry before the last', () => {
    propose();
    answerAll();
    propose();
    expect(isDelayed()).to.equal(false);
    for (const client of clients) groupCommitDelay.cameBack(client);
    answerAll();
    expect(isDelayed()).to.equal(true);
  });

  it('does not wait for a few', () => {
    propose(7);
    answerAll();
    expect(isDelayed()).to.equal(false);
    propose(8);
    answerAll();
    expect(isDelayed()).to.equal(true);
  });

  it('waits no longer than two entries take', () => {
    propose();
    answerAll();
    expect(isDelayed()).to.equal(true);
    expect(groupCommitDelay.deadlineMs(nowMs)).to.be.closeTo(nowMs + 2 * ENTRY_MS, 1e-6);
    nowMs += 2 * ENTRY_MS - 0.01;
    expect(isDelayed()).to.equal(true);
    nowMs += 0.02;
    expect(isDelayed()).to.equal(false);
    expect(groupCommitDelay.deadlineMs(nowMs), 'nothing to wake up for').to.equal(undefined);
  });

  it('waits no longer than a millisecond, however long entries take', () => {
    propose();
    nowMs += 50;
    answerAll();
    expect(isDelayed()).to.equal(true);
    expect(groupCommitDelay.deadlineMs(nowMs)).to.be.closeTo(nowMs + 1, 1e-6);
  });

  it('tries again ever more rarely where clients do not come back', () => {
    const pauses: number[] = [];
    for (let i = 0; i < 12; i += 1) {
      waitInVain();
      pauses.push(pause());
      for (const client of clients) groupCommitDelay.cameBack(client);
      groupCommitDelay.cancel();
    }
    expect(pauses.slice(0, 4)).to.deep.equal([8, 16, 32, 64]);
    expect(pauses.slice(-2)).to.deep.equal([4096, 4096]);
  });

  it('takes up again at once where they do', () => {
    waitInVain();
    expect(pause()).to.equal(8);
    for (const client of clients) groupCommitDelay.cameBack(client);
    waitInVain();
    expect(pause()).to.equal(8);
  });

  it('is content with most of them', () => {
    propose();
    answerAll();
    isDelayed();
    for (const client of clients.slice(2)) groupCommitDelay.cameBack(client);
    nowMs += 2;
    expect(isDelayed()).to.equal(false);
    expect(pause()).to.equal(0);
  });

  it('has waited in vain when the last entry is not even answered', () => {
    propose();
    answerAll();
    for (const client of clients) groupCommitDelay.cameBack(client);
    propose();
    expect(isDelayed(true)).to.equal(true);
    nowMs += 2;
    expect(isDelayed(true)).to.equal(false);
    expect(pause()).to.equal(8);
  });

  it('waits for nobody any more once it is cancelled', () => {
    propose();
    answerAll();
    isDelayed();
    groupCommitDelay.cancel();
    expect(groupCommitDelay.deadlineMs(nowMs)).to.equal(undefined);
    expect(isDelayed()).to.equal(false);
  });
});
