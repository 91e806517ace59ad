import { execFile, spawnSync } from 'node:child_process'
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { REPOSITORY } from '../../dev/data-dir.ts'
import { executable, temporaryDirectory } from './fake-release.ts'

let root: string

/** A repository whose npm notes its calls and installs one package and a node. */
beforeEach(async () => {
  root = await temporaryDirectory()
  await mkdir(join(root, 'dev'))
  await copyFile(join(REPOSITORY, 'dev', 'bootstrap.mjs'), join(root, 'dev', 'bootstrap.mjs'))
  await lock('1.0.0')
  await npm('/bin/mkdir -p node_modules/.bin && : > node_modules/.bin/node')
})

afterEach(() => rm(root, { recursive: true, force: true }))

async function npm(script: string): Promise<void> {
  await executable(join(root, 'bin', 'npm'), `#!/bin/sh\necho "$@" >> ${root}/calls\n${script}\n`)
}

async function lock(version: string): Promise<void> {
  const packages = { '': { name: 'x' }, 'node_modules/a': { version }, 'node_modules/b': { version, optional: true } }
  await writeFile(join(root, 'package-lock.json'), JSON.stringify({ packages }))
}

function bootstrap() {
  const path = [join(root, 'node_modules', '.bin'), join(root, 'bin')].join(':')
  return spawnSync(process.execPath, [join(root, 'dev', 'bootstrap.mjs')], { env: { PATH: path }, encoding: 'utf8' })
}

async function calls(): Promise<string[]> {
  const text = await readFile(join(root, 'calls'), 'utf8').catch(() => '')
  return text.split('\n').filter(Boolean)
}

it('installs once, and says so', async () => {
  const { status, stdout } = bootstrap()
  expect([status, stdout]).toEqual([0, 'Installing packages (once, about a minute)…\n'])
  expect(await calls()).toEqual(['ci --loglevel=error --no-audit --no-fund'])
  expect(bootstrap()).toMatchObject({ status: 0, stdout: '' })
  expect(await calls()).toHaveLength(1)
})

it('installs again when package-lock.json has changed', async () => {
  bootstrap()
  await lock('1.0.1')
  expect(bootstrap().status).toBe(0)
  expect(await calls()).toHaveLength(2)
})

it('installs again when node_modules is gone', async () => {
  bootstrap()
  await rm(join(root, 'node_modules'), { recursive: true })
  bootstrap()
  expect(await calls()).toHaveLength(2)
})

it('accepts what the user installed with npm, optional packages of other platforms aside', async () => {
  await mkdir(join(root, 'node_modules'))
  const installed = { packages: { 'node_modules/a': { version: '1.0.0' } } }
  await writeFile(join(root, 'node_modules', '.package-lock.json'), JSON.stringify(installed))
  expect(bootstrap().status).toBe(0)
  expect(await calls()).toEqual([])
})

it.each([
  ['another version', { 'node_modules/a': { version: '0.9.0' } }],
  ['one missing', {}],
  ['one too many', { 'node_modules/a': { version: '1.0.0' }, 'node_modules/c': { version: '1.0.0' } }],
])('does not accept what the user installed with %s', async (_, packages) => {
  await mkdir(join(root, 'node_modules'))
  await writeFile(join(root, 'node_modules', '.package-lock.json'), JSON.stringify({ packages }))
  bootstrap()
  expect(await calls()).toHaveLength(1)
})

it('fails when npm fails, and tries again the next time', async () => {
  await npm('/bin/mkdir -p node_modules; exit 7')
  const { status, stderr } = bootstrap()
  expect([status, stderr]).toEqual([1, 'npm ci failed (code 7); its output is above.\n'])
  bootstrap()
  expect(await calls()).toHaveLength(2)
})

it('says so when install scripts were not run', async () => {
  await npm('/bin/mkdir -p node_modules')
  expect(bootstrap()).toMatchObject({ status: 1, stderr: expect.stringContaining('ignore-scripts') })
})

it('installs once when two begin at the same time', async () => {
  await npm('/bin/sleep 0.3; /bin/mkdir -p node_modules/.bin && : > node_modules/.bin/node')
  const run = () =>
    new Promise((resolve) => {
      const env = { PATH: join(root, 'bin') }
      execFile(process.execPath, [join(root, 'dev', 'bootstrap.mjs')], { env }, (error) => resolve(error))
    })
  expect(await Promise.all([run(), run()])).toEqual([null, null])
  expect(await calls()).toHaveLength(1)
})
