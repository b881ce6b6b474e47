import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { EtcdKeys } from '../../src/etcd/etcd-keys.js';
import type { EtcdWatch } from '../../src/etcd/etcd-transport.js';
import { GrpcTransport, type GrpcTransportOptions } from '../../src/etcd/node/grpc-transport.js';
import { KV, Lease, type WatchResponse } from '../../src/etcd/rpc/messages.js';
import { PeerNetwork } from '../../tools/chaos-etcd/peer-network.js';
import { newAuthority, signedBy } from '../../tools/support/certificates.js';
import { Etcd, HAS_ETCD, idOf } from '../../tools/support/etcd-process.js';

(HAS_ETCD ? describe : describe.skip)('requests to an etcd that asks who one is', () => {
  let etcd: Etcd;

  before(async () => {
    etcd = await Etcd.start();
    await etcd.ask('/v3/auth/user/add', { name: 'root', password: 'secret' });
    await etcd.ask('/v3/auth/role/add', { name: 'root' });
    await etcd.ask('/v3/auth/user/grant', { user: 'root', role: 'root' });
    await etcd.ask('/v3/auth/enable', {});
  });

  after(() => etcd.stop());

  async function readAs(options: Omit<GrpcTransportOptions, 'endpoints'>): Promise<unknown> {
    const transport = new GrpcTransport({ endpoints: [etcd.endpoint], ...options });
    try {
      return await new EtcdKeys(transport, 'p/').read(['k']);
    } catch (error) {
      return error;
    } finally {
      transport.close();
    }
  }

  it('are answered with the right password', async () => {
    expect(await readAs({ user: { name: 'root', password: 'secret' } })).instanceOf(Map);
  });

  it('are answered when the token is over, watches and leases too', async () => {
    const user = { name: 'root', password: 'secret' };
    const transport = new GrpcTransport({ endpoints: [etcd.endpoint], user });
    try {
      await new EtcdKeys(transport, 'p/').read(['k']);
      // A member that has started anew knows no tokens.
      await etcd.kill();
      await etcd.run();
      for await (const { canceled } of transport.watch({ key: Buffer.from('p/k') })) {
        expect(canceled).equal(false);
        break;
      }
      await etcd.kill();
      await etcd.run();
      const lost = await transport.keepAlive(1n, 5_000).catch((error: unknown) => error);
      // The connection was lost with the member.
      if (lost !== 0) expect(await transport.keepAlive(1n, 5_000)).equal(0);
    } finally {
      transport.close();
    }
  });

  it('are refused with a wrong one, or none, and nothing was done', async () => {
    for (const options of [{ user: { name: 'root', password: 'wrong' } }, {}])
      expect(await readAs(options)).property('code', 'ETCD_REFUSED');
  });
});

(HAS_ETCD ? describe : describe.skip)('requests to an etcd by TLS', () => {
  it('are answered whoever shows a certificate of its CA, and trusts it; others do not reach it', async () => {
    const ca = await newAuthority();
    const identity = await signedBy(ca);
    const directory = await mkdtemp(join(tmpdir(), 'threadraft-etcd-tls-'));
    const files = { cert: join(directory, 'cert'), key: join(directory, 'key'), ca: join(directory, 'ca') };
    await writeFile(files.cert, identity.cert);
    await writeFile(files.key, identity.key);
    await writeFile(files.ca, ca.cert);
    const etcd = await Etcd.startWithTls(files);
    try {
      for (const [options, isGood] of [
        [{ ca: ca.cert, ...identity }, true],
        [{ ca: ca.cert }, false],
        [{}, false],
      ] as const) {
        const transport = new GrpcTransport({ endpoints: [etcd.tlsEndpoint], ...options });
        const read = new EtcdKeys(transport, 'p/').read(['k']);
        const outcome = await read.then(
          () => true,
          () => false,
        );
        transport.close();
        expect(outcome, Object.keys(options).join(' ')).equal(isGood);
      }
    } finally {
      await etcd.stop();
      await rm(directory, { recursive: true });
    }
  });
});

(HAS_ETCD ? describe : describe.skip)('a stream to etcd', () => {
  const KEY = Buffer.from('watched');
  let etcd: Etcd;
  let transport: GrpcTransport;

  before(async () => {
    etcd = await Etcd.start();
  });

  beforeEach(() => {
    transport = new GrpcTransport({ endpoints: [etcd.endpoint] });
  });

  afterEach(() => transport.close());
  after(() => etcd.stop());

  const put = (value: string) =>
    transport
      .call(KV.put, { key: KEY, value: Buffer.from(value) }, 5_000)
      .then(({ header }) => header?.revision);

  /** The answers until one is as wanted, that one too. */
  async function answersUntil(watch: EtcdWatch, isLast: (answer: WatchResponse) => boolean) {
    const answers: WatchResponse[] = [];
    for await (const answer of watch) {
      answers.push(answer);
      if (isLast(answer)) break;
    }
    return answers;
  }

  it('tells all changes since a revision, in their order, and goes on', async () => {
    const first = await put('1');
    await put('2');
    const watch = transport.watch({ key: KEY, startRevision: first ?? 0n, fragment: true });
    const isThird = ({ events }: WatchResponse) =>
      events.some(({ kv }) => `${Buffer.from(kv?.value ?? [])}` === '3');
    const answers = answersUntil(watch, isThird);
    await put('3');
    const values = (await answers).flatMap(({ events }) =>
      events.map(({ kv }) => `${Buffer.from(kv?.value ?? [])}`),
    );
    expect(values).deep.equal(['1', '2', '3']);
  });

  it('tells how far it is when it is asked', async () => {
    const revision = await put('1');
    const watch = transport.watch({ key: Buffer.from('nobody changes it') });
    const answers = await answersUntil(watch, ({ created, header }) => {
      if (created) watch.askProgress();
      return !created && (header?.revision ?? 0n) >= (revision ?? 0n);
    });
    expect(answers.flatMap(({ events }) => events)).empty;
  });

  it('says that what was asked for is no longer kept', async () => {
    const first = await put('1');
    const last = await put('2');
    await etcd.ask('/v3/kv/compaction', { revision: `${last}` });
    const watch = transport.watch({ key: KEY, startRevision: first ?? 0n });
    const answers: WatchResponse[] = [];
    for await (const answer of watch) answers.push(answer);
    expect(answers.at(-1)).include({ canceled: true, compactRevision: last });
  });

  it('ends once it is closed, and with an error when etcd ends it', async () => {
    const closed = transport.watch({ key: KEY });
    const answers = await answersUntil(closed, () => {
      closed.close();
      return false;
    });
    expect(answers).length(1);

    const killed = transport.watch({ key: KEY });
    const ending = answersUntil(killed, ({ created }) => {
      if (created) void etcd.kill();
      return false;
    }).catch((error: unknown) => error);
    expect(await ending).property('code', 'ETCD_NO_ANSWER');
    await etcd.run();
  });

  it('has leases live longer, and says which are over', async () => {
    const { ID } = await transport.call(Lease.leaseGrant, { TTL: 60n }, 5_000);
    expect(await transport.keepAlive(ID, 5_000)).equal(60);
    await transport.call(Lease.leaseRevoke, { ID }, 5_000);
    expect(await transport.keepAlive(ID, 5_000)).equal(0);
  });
});

(HAS_ETCD ? describe : describe.skip)('a request to etcd', () => {
  const KEY = Buffer.from('once');
  let etcd: Etcd;
  let transport: GrpcTransport | undefined;
  let between: Server | undefined;

  before(async () => {
    etcd = await Etcd.start();
  });

  afterEach(() => {
    transport?.close();
    between?.close();
  });

  after(() => etcd.stop());

  /** Listens for connections to etcd; resolves to where. */
  async function listen(onConnection: (socket: Socket) => void): Promise<string> {
    const server = createServer(onConnection);
    between = server;
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const address = server.address();
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : address}`;
  }

  it('is not sent again when the connection breaks between its being done and its answer', async () => {
    let isCut = false;
    const cutting = await listen((socket) => {
      const other = connect(Number(new URL(etcd.endpoint).port), '127.0.0.1');
      socket.on('error', () => undefined).on('data', (bytes) => other.write(bytes));
      other
        .on('error', () => undefined)
        .on('data', (bytes) => {
          if (isCut) {
            socket.destroy();
            other.destroy();
          } else socket.write(bytes);
        });
    });
    transport = new GrpcTransport({ endpoints: [cutting, etcd.endpoint] });
    await transport.call(KV.range, { key: KEY }, 5_000);
    isCut = true;
    const lost = await transport
      .call(KV.put, { key: KEY, value: KEY }, 5_000)
      .catch((error: unknown) => error);
    expect(lost).property('code', 'ETCD_NO_ANSWER');
    const { kvs, header } = await transport.call(KV.range, { key: KEY }, 5_000);
    // It was done, and nothing after it.
    expect(kvs[0]?.modRevision).equal(header?.revision);
    expect(kvs[0]?.createRevision).equal(kvs[0]?.modRevision);
  });

  it('has an end where a member takes connections and says nothing, and the next one goes elsewhere', async () => {
    const silent = await listen((socket) => socket.on('error', () => undefined));
    transport = new GrpcTransport({ endpoints: [silent, etcd.endpoint] });
    const first = await transport.call(KV.range, { key: KEY }, 300).catch((error: unknown) => error);
    expect(first).property('code', 'ETCD_NO_ANSWER');
    expect(await transport.call(KV.range, { key: KEY }, 5_000)).property('header');
  });

  it('goes elsewhere from a member that has lost the others, and so does a watch', async () => {
    const network = new PeerNetwork();
    const nodes = await Etcd.startCluster(3, (peerPort) => network.between(peerPort));
    const [first] = nodes;
    try {
      if (first === undefined) throw new TypeError('there are three nodes');
      transport = new GrpcTransport({ endpoints: nodes.map(({ endpoint }) => endpoint) });
      const answers = transport.watch({ key: KEY })[Symbol.asyncIterator]();
      expect((await answers.next()).value).property('created', true);
      network.cut(first.peerPort, await idOf(first));
      await first.waitUntil({ isServing: false });
      // It may have taken a write before it knew.
      const read = () => transport?.call(KV.range, { key: KEY }, 1_000);
      expect(await read()?.catch(read)).property('header');
      const ended = await answers.next().catch((error: unknown) => error);
      expect(ended).instanceOf(Error);
    } finally {
      await Promise.all(nodes.map((node) => node.stop()));
      network.close();
    }
  });
});
