import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { WebApp } from './browser.ts'

const COMPLETE = join(import.meta.dirname, '../gameplan/fixtures/streamed-export.md')

/** A document that has everything, and nothing wrong. */
export function streamedExport(): Promise<string> {
  return readFile(COMPLETE, 'utf8')
}

/** A draft of that document, or of another, with a flag of its own. Returns its id. */
export async function makeGameplan({ call }: Pick<WebApp, 'call'>, flag: string, document?: string): Promise<string> {
  const markdown = (document ?? (await streamedExport())).replaceAll('ENABLE_STREAMED_EXPORT', flag)
  const made = await call('POST', 'gameplans?environment=production', { markdown })
  expect(made.status, JSON.stringify(made.body)).toBe(201)
  return made.body.id
}

/** One that runs: two patches of its first layer are merged, the third is ready. Returns its id. */
export async function makeRunningGameplan(
  app: Pick<WebApp, 'call'>,
  flag = 'streamed-export',
  document?: string,
): Promise<string> {
  const id = await makeGameplan(app, flag, document)
  for (const step of ['start', 'patches/1/merged', 'patches/2/merged']) {
    expect((await app.call('POST', `gameplans/${id}/${step}`)).status).toBe(200)
  }
  return id
}
