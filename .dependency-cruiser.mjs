/**
 * Which file may import which, types included: `npm run check:imports`. docs/architecture.md says why the rooms lie in
 * this order.
 */

/** Lower rooms first. A room may import those on lines above its own, and of its own line only itself. */
const ROOMS = [
  ['limit-relations', 'error-message'],
  [
    'time-limits',
    'redis-limits',
    'session-limits',
    'dedupe-limits',
    'connection-limits',
    'subscription-limits',
  ],
  ['bytes', 'limits', 'environment'],
  ['access-limits', 'watch-limits', 'etcd-limits', 'lookup-limits'],
  ['migration-limits'],
  ['log-time'],
  ['channel'],
  ['raft'],
  ['protocol'],
  ['state-machine', 'client'],
  ['wire'],
  ['storage', 'etcd'],
  ['server', 'gateway'],
  ['v8-flags', 'adapters'],
  ['cluster'],
  ['migration'],
  ['admin'],
  ['cli'],
];

/** What a room of the list above says of itself alone. */
const LIMITS = ROOMS.flat().filter((room) => room.includes('limit'));

/** From here on code may use whatever Node has. */
const FIRST_FREE_ROOM = ROOMS.findIndex((line) => line.includes('v8-flags'));

/** What Node has that is the same in each run. */
const DETERMINISTIC_MODULES = '^(node:)?(assert|assert/strict|path|util|zlib)$';

/** The files below cluster/ that touch the world, so that the others need not. */
const WORLDLY_FILES = [
  // Types of what a port takes.
  'src/channel/port(-channel)?[.]ts',
  'src/wire/control[.]ts',
  // Hashes, which are the same in each run.
  'src/server/redis/cluster-command[.]ts',
  'src/gateway/password[.]ts',
  // A server in a thread of its own.
  'src/server/(run-server|thread-control|thread-measurements|loop-watch|garbage-watch)[.]ts',
  'src/server/etcd/run-etcd-server[.]ts',
  'src/(gateway|client|etcd)/node/',
  'src/storage/node-files[.]ts',
  // What is done before a server opens its storage, or without one.
  'src/storage/(data-directory|rebuild|backup)[.]ts',
];

/** A pattern for the files of these rooms; a room may be a single file. */
function filesOf(rooms) {
  return `^src/(${rooms.join('|')})(/|[.]ts$)`;
}

const upwardImports = ROOMS.flatMap((line, place) =>
  line.map((room) => ({
    name: `${room}-imports-what-is-higher`,
    comment: `${room}/ may import lower rooms alone.`,
    severity: 'error',
    from: { path: filesOf([room]) },
    to: { path: filesOf(ROOMS.slice(place).flat()), pathNot: filesOf([room]) },
  })),
);

export default {
  forbidden: [
    {
      name: 'no-circle',
      comment: 'Files that import each other cannot be read one after the other. Types count.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    ...upwardImports,
    {
      name: 'client-imports-servers',
      comment: 'Whoever uses the client alone loads nothing of what servers need.',
      severity: 'error',
      from: { path: filesOf(['client']) },
      to: { path: '^src/', pathNot: filesOf(['client', 'bytes', 'protocol', 'environment', ...LIMITS]) },
    },
    {
      name: 'adapters-import-servers',
      comment: 'Whoever uses an adapter loads the client alone.',
      severity: 'error',
      from: { path: filesOf(['adapters']) },
      to: { path: '^src/', pathNot: filesOf(['adapters', 'client']) },
    },
    {
      name: 'rooms-import-the-house',
      comment: 'What puts the rooms together, and what is about them, may import them, but not the reverse.',
      severity: 'error',
      from: { path: filesOf(ROOMS.flat()) },
      to: { path: '^(src/index[.]ts|src/main[.]cts|test|tools|web|workers|examples)(/|$)' },
    },
    {
      name: 'server-imports-checks',
      comment: 'What watches servers from outside is for tests and tools.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/raft/checks/' },
      to: { path: '^src/raft/checks/' },
    },
    {
      name: 'touches-the-world',
      comment:
        'What is below cluster/ is handed its world: clocks, files, sockets, ports. See environment.ts.',
      severity: 'error',
      from: {
        path: filesOf(ROOMS.slice(0, FIRST_FREE_ROOM).flat()),
        pathNot: `^(${WORLDLY_FILES.join('|')})`,
      },
      to: { dependencyTypes: ['core'], pathNot: DETERMINISTIC_MODULES },
    },
    {
      name: 'tools-import-tests',
      comment: 'What tools and tests share is in tools/support/.',
      severity: 'error',
      from: { path: '^tools/' },
      to: { path: '^test/' },
    },
    {
      name: 'tests-import-each-other',
      comment:
        'What tests share is in test/support/, or a suite that each implementation of an interface passes.',
      severity: 'error',
      from: { path: '^test/([^/]+)/' },
      to: { path: '^test/', pathNot: '^test/(support|$1)/|-suite[.]ts$' },
    },
    {
      name: 'not-found',
      comment: 'What is imported must be there.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    // TypeScript 7 has no API that dependency-cruiser could use. swc does not tell imports of types from others.
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    // They run in another folder, beside the installed package.
    exclude: { path: '^test/examples/fixtures/' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.cts', '.js'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
    },
  },
};
