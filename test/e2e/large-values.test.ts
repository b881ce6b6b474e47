/** Values of up to 16 MiB, where the option says so. */

import { expect } from 'chai';
import { DEFAULT_MAX_VALUE_BYTES, setMaxValueBytes } from '../../src/limits.js';
import { RedisClient } from '../../tools/support/redis-client.js';
import { TextClient } from '../../tools/support/text-client.js';
import { TestCluster } from '../support/cluster.js';
import { linesOf, type Ports, programPorts, Workplace } from '../support/workplace.js';

const MAX_BYTES = 16 * 1024 * 1024;
const OK = { simple: 'OK' };
const PATIENT_MS = '3000';

describe('a cluster that is told to take values of 16 MiB', function () {
  this.timeout(120_000);
  let workplace: Workplace;
  let ports: Ports;

  beforeEach(async () => {
    workplace = await Workplace.open();
    ports = await programPorts();
  });

  afterEach(() => workplace.close());

  it('takes them on both protocols, and has them after a restart', async () => {
    const args = [...ports.args, '--election-timeout', PATIENT_MS, '--max-value-bytes', `${MAX_BYTES}`];
    const value = 'v'.repeat(MAX_BYTES);
    const program = workplace.run(...args);
    await program.ready();
    const redis = await RedisClient.connect(ports.router);
    expect(await redis.call('SET', 'resp', value)).to.deep.equal(OK);
    expect(await redis.call('APPEND', 'resp', 'x')).to.have.property('error');
    expect(await redis.call('SET', 'grown', value.slice(1))).to.deep.equal(OK);
    expect(await redis.call('APPEND', 'grown', 'x')).to.equal(MAX_BYTES);
    expect(await redis.call('SETBIT', 'bits', `${8 * MAX_BYTES - 1}`, '1')).to.equal(0);
    expect(await redis.pipeline(['MULTI'], ['SET', 'multi', value], ['EXEC'])).to.deep.equal([
      OK,
      { simple: 'QUEUED' },
      [OK],
    ]);
    expect(await redis.call('SET', 'resp', `${value}x`)).to.deep.equal({
      error: `ERR a value of over ${MAX_BYTES} bytes`,
    });
    const text = await TextClient.connect(ports.router);
    expect(await text.set('text', value)).to.deep.equal({ type: 'OK', version: 1 });
    expect(await text.set('text', `${value}x`)).to.deep.equal({ type: 'ERR_CMD_ERR' });
    text.close();
    redis.close();
    expect(await program.stop('SIGTERM')).to.equal(0);
    expect(linesOf(program.stderr).filter((line) => line.includes('"level":50'))).to.deep.equal([]);

    await workplace.run(...args).ready();
    const again = await RedisClient.connect(ports.router);
    for (const key of ['resp', 'grown', 'bits', 'multi', 'text'])
      expect(await again.call('STRLEN', key), key).to.equal(MAX_BYTES);
    const read = await again.call('GET', 'text');
    expect(read === value).to.equal(true);
    again.close();
  });
});

describe('two clusters of one process that take values of different lengths', () => {
  const LARGER_BYTES = 4 * 1024 * 1024;
  const clusters: TestCluster[] = [];

  afterEach(async () => {
    for (const cluster of clusters.splice(0)) await cluster.close();
    // The gateways of a process share one limit, which only grows: it would bound what other tests look at.
    setMaxValueBytes(DEFAULT_MAX_VALUE_BYTES);
  });

  it('keep to their own, whichever was started first', async () => {
    for (const maxValueBytes of [undefined, LARGER_BYTES, undefined])
      clusters.push(
        await TestCluster.start({ servers: 1, ...(maxValueBytes === undefined ? {} : { maxValueBytes }) }),
      );
    const value = 'v'.repeat(LARGER_BYTES);
    for (const [place, cluster] of clusters.entries()) {
      const isLarger = place === 1;
      const redis = await RedisClient.connect(cluster.cluster.routerAddress?.port ?? 0);
      const text = await cluster.routerClient();
      expect(await redis.call('SET', 'k', value), `cluster ${place}`).to.deep.equal(
        isLarger ? OK : { error: `ERR a value of over ${DEFAULT_MAX_VALUE_BYTES} bytes` },
      );
      expect((await text.set('k', value)).type).to.equal(isLarger ? 'OK' : 'ERR_CMD_ERR');
      const oneMore = (await redis.pipeline(['SET', 'k', `${value}x`], ['PING']))[0];
      expect(oneMore).to.have.property('error');
      expect(await text.set('k', 'v')).to.have.property('type', 'OK');
      expect(await redis.call('GET', 'k')).to.equal('v');
      redis.close();
    }
  });
});
