import { DefaultLogger, Runtime } from '@temporalio/worker'

// Once a process, before the first worker: what workers say of their states would bury the tests' own output.
Runtime.install({
  logger: new DefaultLogger('ERROR'),
  telemetryOptions: { logging: { filter: { core: 'ERROR', other: 'ERROR' } } },
})
