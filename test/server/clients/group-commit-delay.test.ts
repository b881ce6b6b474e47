import { expect } from 'chai';
import { type Companion, GroupCommitDelay } from '../../../src/server/clients/group-commit-delay.js';

describe('GroupCommitDelay', () => {
  const COUNT = 10;
  const ENTRY_MS = 0.4;

  let groupCommitDelay: GroupCommitDelay;
  let clients: Companion[];
  let nowMs: number;

  beforeEach(() => {
    groupCommitDelay = new GroupCommitDelay();
    clients = Array.from({ length: COUNT }, () => ({ answeredInRound: 0 }));
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

  function shouldWait(isInFlight = false): boolean {
    return groupCommitDelay.shouldWait(nowMs, { isInFlight });
  }

  /** An entry whose clients do not come back within the time that is left for that. */
  function waitInVain(): void {
    propose();
    answerAll();
    expect(shouldWait()).to.equal(true);
    nowMs += 2;
    expect(shouldWait()).to.equal(false);
  }

  /** How many entries go at once before one is waited with again. */
  function pause(): number {
    for (let entries = 0; ; entries += 1) {
      propose();
      answerAll();
      if (shouldWait()) return entries;
    }
  }

  it('does not wait at first', () => {
    expect(shouldWait()).to.equal(false);
    expect(groupCommitDelay.deadlineMs).to.equal(undefined);
  });

  it('waits until every client of the last entry is back', () => {
    propose();
    answerAll();
    for (const client of clients) {
      expect(shouldWait()).to.equal(true);
      groupCommitDelay.cameBack(client);
      groupCommitDelay.cameBack(client);
    }
    expect(shouldWait()).to.equal(false);
  });

  it('counts a client with several writes once', () => {
    propose();
    answerAll();
    answerAll();
    for (const client of clients) groupCommitDelay.cameBack(client);
    expect(shouldWait()).to.equal(false);
  });

  it('waits for the answers to the last entry', () => {
    propose();
    answerAll();
    for (const client of clients) groupCommitDelay.cameBack(client);
    propose();
    expect(shouldWait(true)).to.equal(true);
  });

  it('waits for nobody of an entry before the last', () => {
    propose();
    answerAll();
    propose();
    expect(shouldWait()).to.equal(false);
    for (const client of clients) groupCommitDelay.cameBack(client);
    answerAll();
    expect(shouldWait()).to.equal(true);
  });

  it('does not wait for a few', () => {
    propose(7);
    answerAll();
    expect(shouldWait()).to.equal(false);
    propose(8);
    answerAll();
    expect(shouldWait()).to.equal(true);
  });

  it('waits no longer than two entries take', () => {
    propose();
    answerAll();
    expect(shouldWait()).to.equal(true);
    expect(groupCommitDelay.deadlineMs).to.be.closeTo(nowMs + 2 * ENTRY_MS, 1e-6);
    nowMs += 2 * ENTRY_MS - 0.01;
    expect(shouldWait()).to.equal(true);
    nowMs += 0.02;
    expect(shouldWait()).to.equal(false);
    expect(groupCommitDelay.deadlineMs, 'nothing to wake up for').to.equal(undefined);
  });

  it('waits no longer than a millisecond, however long entries take', () => {
    propose();
    nowMs += 50;
    answerAll();
    expect(shouldWait()).to.equal(true);
    expect(groupCommitDelay.deadlineMs).to.be.closeTo(nowMs + 1, 1e-6);
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
    shouldWait();
    for (const client of clients.slice(2)) groupCommitDelay.cameBack(client);
    nowMs += 2;
    expect(shouldWait()).to.equal(false);
    expect(pause()).to.equal(0);
  });

  it('has waited in vain when the last entry is not even answered', () => {
    propose();
    answerAll();
    for (const client of clients) groupCommitDelay.cameBack(client);
    propose();
    expect(shouldWait(true)).to.equal(true);
    nowMs += 2;
    expect(shouldWait(true)).to.equal(false);
    expect(pause()).to.equal(8);
  });

  it('waits for nobody any more once it is cancelled', () => {
    propose();
    answerAll();
    shouldWait();
    groupCommitDelay.cancel();
    expect(groupCommitDelay.deadlineMs).to.equal(undefined);
    expect(shouldWait()).to.equal(false);
  });
});
