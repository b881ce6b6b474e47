/**
 * A running cluster with its admin API, and ways to call it: well-formed requests, and bytes.
 */

import { once } from 'node:events';
import { connect } from 'node:net';
import { AdminServer } from '../../src/admin/admin-server.js';
import type { ClusterEnvironment } from '../../src/cluster/cluster-environment.js';
import type { ClusterOptions } from '../../src/cluster/cluster-options.js';
import { TestCluster } from '../support/cluster.js';

export interface Reply {
  readonly status: number;
  readonly allow: string | null;
  readonly type: string | null;
  readonly body: unknown;
}

export class TestAdmin {
  readonly cluster: TestCluster;
  readonly port: number;
  readonly #admin: AdminServer;

  private constructor(cluster: TestCluster, admin: AdminServer, port: number) {
    this.cluster = cluster;
    this.#admin = admin;
    this.port = port;
  }

  static async start(
    options: Partial<ClusterOptions> = {},
    environment: ClusterEnvironment = {},
  ): Promise<TestAdmin> {
    const cluster = await TestCluster.start(options, environment);
    const port = cluster.cluster.options.port + 22;
    const admin = new AdminServer(cluster.cluster, { host: '127.0.0.1', port });
    await admin.start();
    return TestAdmin.of(cluster, admin);
  }

  /** Of what runs already, and is closed with it. */
  static of(cluster: TestCluster, admin: AdminServer): TestAdmin {
    return new TestAdmin(cluster, admin, admin.address.port);
  }

  get(path: string): Promise<Reply> {
    return this.call('GET', path);
  }

  /** Posts a value as JSON, or text as it is. */
  post(path: string, body?: object | string): Promise<Reply> {
    if (body === undefined) return this.call('POST', path);
    return this.call('POST', path, typeof body === 'string' ? body : JSON.stringify(body));
  }

  async call(
    method: string,
    path: string,
    body?: string,
    headers: Record<string, string> = {},
  ): Promise<Reply> {
    const init = { method, headers, ...(body === undefined ? {} : { body }) };
    const response = await fetch(`http://127.0.0.1:${this.port}${path}`, init);
    const text = await response.text();
    return {
      status: response.status,
      allow: response.headers.get('allow'),
      type: response.headers.get('content-type'),
      body: text === '' ? undefined : JSON.parse(text),
    };
  }

  /** Sends bytes, and resolves to all that comes back until the server closes the connection. */
  async send(request: string): Promise<string> {
    const socket = connect(this.port, '127.0.0.1');
    let reply = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      reply += text;
    });
    socket.on('error', () => undefined);
    socket.write(request);
    await once(socket, 'close');
    return reply;
  }

  /** Sends bytes, and resets the connection as soon as they are sent. */
  async sendAndReset(request: string): Promise<void> {
    const socket = connect(this.port, '127.0.0.1');
    socket.on('error', () => undefined);
    await new Promise<void>((resolve) => socket.write(request, () => resolve()));
    socket.resetAndDestroy();
    await once(socket, 'close');
  }

  /** What `/api/status` tells of one server. */
  async server(id: number): Promise<Map<string, unknown>> {
    const { body } = await this.get('/api/status');
    const server = list(fields(body).get('servers'))[id];
    return fields(server);
  }

  /** The leader that `/api/status` names. */
  async leader(): Promise<unknown> {
    const { body } = await this.get('/api/status');
    return fields(body).get('leader');
  }

  async close(): Promise<void> {
    await this.#admin.close();
    await this.cluster.close();
  }
}

export function fields(value: unknown): Map<string, unknown> {
  return new Map(typeof value === 'object' && value !== null ? Object.entries(value) : []);
}

export function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
