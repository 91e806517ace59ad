import { exec } from 'node:child_process'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, it } from 'vitest'
import { REPOSITORY } from '../../dev/data-dir.ts'
import { freePort } from '../../dev/ports.ts'
import { createTestApp } from '../helpers/app.ts'
import { createTestDatabase, one } from '../helpers/database.ts'
import { temporaryDirectory } from './fake-release.ts'

const app = await createTestApp(await createTestDatabase())
const url = await app.app.listen({ port: 0, host: '127.0.0.1' })
const token = await app.token('admin')
const directory = await temporaryDirectory()
const file = join(directory, 'items.ndjson')
afterAll(() => rm(directory, { recursive: true }))

/** Runs a shell command in which `import` and `generate` are our scripts. */
async function run(command: string, env: NodeJS.ProcessEnv = {}) {
  const scripts = command.replace(/\b(import|generate) /g, `"${process.execPath}" "${REPOSITORY}/dev/$1.ts" `)
  const options = { env: { INTERLOCK_DATA_DIR: directory, INTERLOCK_TOKEN: token, ...env }, maxBuffer: 2 ** 26 }
  return await promisify(exec)(scripts, options).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  )
}

const count = async () => (await one(app.db, 'SELECT count(*) AS count FROM media_items'))?.count

it('writes the good lines and reports the bad ones by their numbers in the file, over several requests', async () => {
  const lines = Array.from({ length: 10_010 }, (_, n) => JSON.stringify({ id: n + 1, title: `Item ${n + 1}` }))
  lines[2] = 'no JSON'
  lines[4_998] = ''
  lines[4_999] = '{"id": 5000, "title": "A\u2028B"}\r'
  lines[5_000] = '{"id": 0}'
  lines[10_008] = '{"id": 7, "mood": "good"}'
  await writeFile(file, lines.join('\n'))
  const first = await run(`import ${file} --url ${url}`)
  expect(first.stderr.replace(/is not valid JSON.*/, 'is not valid JSON').split('\n')).toEqual([
    'line 3: is not valid JSON',
    'line 5001: id must be an integer from 1 to 9007199254740991',
    expect.stringMatching(/^line 10009: .*is not a field/),
    '',
  ])
  expect(first.stdout).toMatch(/10,010 lines: 10,006 created, 0 updated, 0 unchanged, 3 refused \(/)
  expect(first.code).toBe(1)
  expect(await count()).toBe(10_006)
  expect((await app.call('GET', 'media-items/5000')).body.title).toBe('A\u2028B')
  const again = await run(`import ${file} --url ${url}`)
  expect(again.stdout).toMatch(/0 created, 0 updated, 10,006 unchanged, 3 refused/)
})

it('says what is missing: a file, a server, a good token', async () => {
  await writeFile(file, '{"id": 1}\n')
  const failures = [
    ['import', 'One file is needed.\nUsage: npm run -s import'],
    [`import ${join(directory, 'none')}`, 'ENOENT: no such file'],
    [`import ${file} --url http://127.0.0.1:${await freePort()}`, 'does not answer (ECONNREFUSED). Is it running?'],
    [`import ${file} --url ${url} --token x`, 'refused the token (401)'],
    [`import ${file} --url ${url} --token ${await app.token('viewer')}`, 'refused the token (403)'],
  ]
  for (const [command, message] of failures) {
    expect(await run(`${command} `)).toMatchObject({ code: 1, stderr: expect.stringContaining(message as string) })
  }
})

it('imports what is generated, through a pipe; the same seed makes the same items', async () => {
  await app.db.pool.query('TRUNCATE media_items CASCADE')
  const { code, stdout } = await run(`generate --items 3000 --seed 7 | import - --url ${url}`)
  expect(stdout).toContain('3,000 lines: 3,000 created, 0 updated, 0 unchanged, 0 refused')
  expect(code).toBe(0)
  const again = await run(`generate --items 3000 --seed 7 | import - --url ${url}`)
  expect(again.stdout).toContain('3,000 unchanged')
  const other = await run(`generate --items 3000 --seed 8 | import - --url ${url}`)
  expect(other.stdout).toMatch(/0 created, [23],\d+ updated/)
})

it('generates until nobody reads any more, and says what it needs', async () => {
  expect(await run('generate --items 1000000000 | head -n 2 | wc -l')).toMatchObject({ stdout: '2\n', stderr: '' })
  expect(await run('generate --items many')).toMatchObject({ code: 1, stderr: expect.stringContaining('--items must') })
})
