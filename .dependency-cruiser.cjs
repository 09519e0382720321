// Who may import whom. The rules of docs/architecture.md that a reader relies on without looking: workspaces meet only
// in the contract, files without a role suffix are pure, and nothing goes in circles.
const { $comment, ...edges } = require('./test/rules/edges.json');

const suffixes = '\\.(store|service|controller|reconciler|entity|module|guard|filter|spec)\\.ts$';
const ours = '^(src|migrations|(agent|contract|cli|console)/src)/';
const impure = [suffixes, ...Object.keys(edges)];
const io = {
  core: '^(node:)?(fs|net|tls|dgram|dns|http|https|http2|child_process|cluster|worker_threads|readline|repl|os|timers|process)(/|$)',
  packages: 'node_modules/(@nestjs|typeorm|pg|ioredis|bullmq|pino|prom-client|ws|koffi|fastify|rate-limiter-flexible|openapi-fetch)(/|$)',
};

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'workspaces-meet-in-the-contract',
      comment: 'agent, cli and console know the platform only through @berth/contract.',
      severity: 'error',
      from: { path: '^(agent|cli|console)/' },
      to: { path: '^(src|migrations|test|agent|cli|console|contract)/', pathNot: ['^$1/', '^contract/(dist/index\\.|openapi)'] },
    },
    {
      name: 'control-plane-imports-no-workspace',
      comment: 'The control plane must start without the agent or the CLI.',
      severity: 'error',
      from: { path: '^(src|migrations)/' },
      to: { path: ['^(agent|cli|console)/', '^contract/src/'] },
    },
    {
      name: 'contract-stands-alone',
      severity: 'error',
      from: { path: '^contract/src/' },
      to: { path: '^(src|agent|cli|console|migrations|test)/' },
    },
    {
      name: 'pure-files-do-no-io',
      comment: 'No suffix means pure. Take what you need as an argument, or give the file its role (CONTRIBUTING.md).',
      severity: 'error',
      // Of node:net it takes isIP, of node:os the table of signals; neither does I/O.
      from: { path: ours, pathNot: [...impure, '^src/tasks/registry-rules\\.ts$', '^cli/src/container-options\\.ts$'] },
      to: { path: [io.core, io.packages], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'pure-files-import-pure-files',
      severity: 'error',
      from: { path: ours, pathNot: impure },
      to: { path: impure, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-test-code-in-the-product',
      severity: 'error',
      from: { path: ours, pathNot: '\\.spec\\.ts$' },
      to: { path: ['^test/', '\\.spec\\.ts$'] },
    },
    {
      name: 'resolvable',
      comment: 'An import that leads nowhere.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules', '/dist/'] },
    exclude: { path: '(^|/)dist/(?!index)' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.test.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'node', 'default'] },
  },
};
