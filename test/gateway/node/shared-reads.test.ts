import { expect } from 'chai';
import { probeSharedReads, withOwnReads, withSharedReads } from '../../../src/gateway/node/shared-reads.js';

describe('the probe of shared reads', () => {
  it('passes on this version of Node, as does the documented way', async () => {
    expect(await probeSharedReads()).to.equal(undefined);
    expect(await probeSharedReads(withOwnReads)).to.equal(undefined);
  });

  it('tells of a connection that cannot be moved', async () => {
    const reason = await probeSharedReads((accepted, onBytes) => {
      accepted._handle = undefined;
      return withSharedReads(accepted, onBytes);
    });
    expect(reason).to.equal('this version of Node shows no connection');
  });

  it('tells of bytes that do not come, or are others', async () => {
    expect(await probeSharedReads((accepted) => accepted)).to.match(/^no answer within/);
    const reason = await probeSharedReads((accepted, onBytes) =>
      withSharedReads(accepted, (bytes) => onBytes(bytes.map((byte) => byte + 1))),
    );
    expect(reason).to.equal('what was read is not what was sent');
  });
});
