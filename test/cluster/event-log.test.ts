import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { type ClusterEvent, EventLog } from '../../src/cluster/event-log.js';
import { LogRecorder } from '../support/new-cluster.js';

const DOCUMENT = new URL('../../../docs/observing.md', import.meta.url);

/** One of each. */
const EVENTS: readonly ClusterEvent[] = [
  { type: 'server-up', server: 0, term: 1, lastIndex: 2 },
  { type: 'elected', server: 0, term: 1 },
  { type: 'stepped-down', server: 0, term: 1, reason: 'server 1 is in term 2' },
  { type: 'serving', server: 0, term: 1 },
  { type: 'snapshot-taken', server: 0, index: 1, byteLength: 2, tookMs: 3 },
  { type: 'snapshot-installed', server: 0, index: 1, byteLength: 2, tookMs: 3 },
  { type: 'killed', server: 0 },
  { type: 'stopped', server: 0 },
  { type: 'died', server: 0, err: new Error('no reason'), pauseMs: 100 },
  { type: 'failed', server: 0, err: new Error('no disk') },
  { type: 'stays-down', server: 0 },
  { type: 'restarted', server: 0 },
  { type: 'paused', server: 0, durationMs: 100 },
  { type: 'transfer', server: 0, leader: 1 },
  { type: 'partitioned', groups: [[0], [1, 2]] },
  { type: 'link-disturbed', link: { from: 0, to: 1, dropRate: 0.5 } },
  { type: 'healed' },
];

describe('the eventLog', () => {
  it('tells those of one type to whoever listens for it, with its fields', () => {
    const eventLog = new EventLog(new LogRecorder().logger);
    const terms: number[] = [];
    const stop = eventLog.on('serving', ({ term }) => terms.push(term));
    for (const event of EVENTS) eventLog.record(event);
    stop();
    eventLog.record({ type: 'serving', server: 1, term: 2 });
    expect(terms).to.deep.equal([1]);
  });

  it('goes on when a listener fails, and says so', () => {
    const log = new LogRecorder();
    const eventLog = new EventLog(log.logger);
    const heard: string[] = [];
    eventLog.listen(() => {
      throw new Error('no good');
    });
    eventLog.listen(({ type }) => heard.push(type));
    eventLog.record({ type: 'healed' });
    expect(heard).to.deep.equal(['healed']);
    expect(log.lines).to.have.lengthOf(2);
  });

  it('writes one line for each event, and tells each to whoever listens', () => {
    const log = new LogRecorder();
    const eventLog = new EventLog(log.logger);
    const heard: ClusterEvent[] = [];
    const stop = eventLog.listen((event) => heard.push(event));
    for (const event of EVENTS) eventLog.record(event);
    expect(log.lines).to.have.lengthOf(EVENTS.length);
    expect(heard).to.deep.equal(EVENTS);
    stop();
    eventLog.record({ type: 'healed' });
    expect(heard).to.have.lengthOf(EVENTS.length);
  });

  it('writes an error with its message', () => {
    const log = new LogRecorder();
    new EventLog(log.logger).record({ type: 'died', server: 2, err: new Error('no reason'), pauseMs: 100 });
    const [line] = log.lines;
    expect(line).to.deep.include({ server: 2, pauseMs: 100 });
    expect(line?.err?.message).to.equal('no reason');
  });

  it('writes no line that docs/observing.md does not explain', async () => {
    const document = await readFile(DOCUMENT, 'utf8');
    const log = new LogRecorder();
    for (const event of EVENTS) new EventLog(log.logger).record(event);
    for (const { msg } of log.lines) expect(document).to.include(`\`${msg}\``);
  });
});
