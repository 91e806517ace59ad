import { type Logger, pino } from 'pino'

export type Log = Logger

/** One line of JSON an entry, `message` and level names as log pipelines expect them; readable on a terminal. */
export function createLog(name: string, level: string): Log {
  return pino({
    name,
    level,
    messageKey: 'message',
    formatters: { level: (label) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: ['req.headers.authorization'],
    ...(process.stdout.isTTY && {
      transport: { target: 'pino-pretty', options: { messageKey: 'message', ignore: 'pid,hostname' } },
    }),
  })
}
