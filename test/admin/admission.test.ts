import { once } from 'node:events';
import { Socket } from 'node:net';
import { expect } from 'chai';
import { MAX_ADMIN_CALLS } from '../../src/admin/admin-limits.js';
import { Admission, type CallKind, kindOf } from '../../src/admin/admission.js';
import { endOfTurn, NODE_ENVIRONMENT } from '../../src/environment.js';
import { eventually } from '../support/cluster.js';

describe('the admission of admin calls', () => {
  const never = new Promise<void>(() => {});
  const unexpected = (error: unknown) => {
    throw error;
  };

  /** Long enough for all requests of a test to be begun, one in each. */
  async function turns(count = 6 * MAX_ADMIN_CALLS + 1): Promise<void> {
    for (let turn = 0; turn < count; turn += 1) await endOfTurn(NODE_ENVIRONMENT);
  }

  it('serves others while clients do not read their answers', async () => {
    const admission = new Admission();
    for (let n = 0; n < MAX_ADMIN_CALLS; n += 1)
      void admission.serve(new Socket(), {
        call: async () => {},
        refuse: unexpected,
        answered: () => never,
        kind: 'look',
      });
    let isServed = false;
    void admission.serve(new Socket(), {
      call: async () => {
        isServed = true;
      },
      refuse: unexpected,
      answered: () => never,
      kind: 'look',
    });
    await turns();
    expect(isServed).to.equal(true);
  });

  it('serves no second call of a connection before the first is answered', async () => {
    const admission = new Admission();
    const socket = new Socket();
    let served = 0;
    const call = async () => {
      served += 1;
    };
    void admission.serve(socket, { call, refuse: unexpected, answered: () => never, kind: 'look' });
    void admission.serve(socket, { call, refuse: unexpected, answered: () => never, kind: 'look' });
    await turns();
    expect(served).to.equal(1);
    socket.destroy();
    await once(socket, 'close');
  });

  it('lets others come between the calls of a connection, refused ones, too', async () => {
    const admission = new Admission();
    const socket = new Socket();
    let refused = 0;
    for (let n = 0; n < 100; n += 1)
      void admission.serve(socket, {
        admit: () => Promise.reject(new Error('not today')),
        call: () => never,
        refuse: () => {
          refused += 1;
        },
        answered: async () => {},
        kind: 'look',
      });
    await endOfTurn(NODE_ENVIRONMENT);
    expect(refused).to.be.within(1, 3);
    await eventually('all are refused', () => refused === 100);
    socket.destroy();
    await once(socket, 'close');
  });

  it('begins one request in a turn, of however many connections', async () => {
    const admission = new Admission();
    let begun = 0;
    const requests = Array.from({ length: 20 }, () =>
      admission.serve(new Socket(), {
        admit: async () => {
          begun += 1;
        },
        call: async () => {},
        refuse: unexpected,
        answered: async () => {},
        kind: 'look',
      }),
    );
    for (let before = 0; begun < requests.length; before = begun) {
      await endOfTurn(NODE_ENVIRONMENT);
      expect(begun - before).to.be.at.most(1);
    }
    await Promise.all(requests);
  });

  it('does no call of a connection that was closed while it waited', async () => {
    const admission = new Admission();
    const socket = new Socket();
    let answer = () => {};
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    void admission.serve(socket, {
      call: async () => {},
      refuse: unexpected,
      answered: () => answered,
      kind: 'look',
    });
    let isServed = false;
    const second = admission.serve(socket, {
      call: async () => {
        isServed = true;
      },
      refuse: unexpected,
      answered: () => never,
      kind: 'look',
    });
    socket.destroy();
    answer();
    await second;
    expect(isServed).to.equal(false);
  });

  /** Fills all places of the kind with calls that never end, and tells how many of them came from the address. */
  function fill(admission: Admission, kind: CallKind, address: string): () => number {
    let served = 0;
    for (let n = 0; n < 2 * MAX_ADMIN_CALLS; n += 1)
      void admission.serve(from(address), {
        call: () => {
          served += 1;
          return never;
        },
        refuse: unexpected,
        answered: () => never,
        kind,
      });
    return () => served;
  }

  function from(address: string): Socket {
    return Object.defineProperty(new Socket(), 'remoteAddress', { value: address });
  }

  it('has calls of one kind keep no place from those of another', async () => {
    const admission = new Admission();
    const long = fill(admission, 'long change', '127.0.0.1');
    const looks = fill(admission, 'look', '127.0.0.1');
    const changes = fill(admission, 'change', '127.0.0.1');
    await turns();
    for (const served of [long, looks, changes]) expect(served()).to.equal(MAX_ADMIN_CALLS);
  });

  it('leaves half of the places to other addresses, and gives them places as they are free', async () => {
    const admission = new Admission();
    const greedy = fill(admission, 'look', '10.0.0.1');
    await turns();
    expect(greedy()).to.equal(MAX_ADMIN_CALLS / 2);
    let isServed = false;
    await admission.serve(from('10.0.0.2'), {
      call: async () => {
        isServed = true;
      },
      refuse: unexpected,
      answered: async () => {},
      kind: 'look',
    });
    expect(isServed).to.equal(true);
    expect(greedy()).to.equal(MAX_ADMIN_CALLS / 2);
  });

  it('knows by method and path what a call waits for', () => {
    const kinds: readonly (readonly [string, CallKind])[] = [
      ['GET /api/status', 'look'],
      ['GET /', 'look'],
      ['GET /api/members', 'look'],
      ['GET /healthz', 'apart'],
      ['POST /healthz', 'change'],
      ['GET /api/live?x', 'apart'],
      ['GET http://localhost/api/backup', 'apart'],
      ['POST /api/members', 'long change'],
      ['POST /api/servers', 'long change'],
      ['DELETE /api/servers/12', 'long change'],
      ['POST /api/servers/1/pause', 'long change'],
      ['POST /api/command', 'long change'],
      ['POST /api/servers/1/kill', 'change'],
      ['POST /api/heal', 'change'],
    ];
    for (const [call, kind] of kinds) {
      const [method = '', url = ''] = call.split(' ');
      expect(kindOf({ method, url }), call).to.equal(kind);
    }
  });
});
