#!/usr/bin/env node
// Runs under whatever Node is there, so: plain JavaScript, no packages. The tools themselves run on the npm package `node`.
import { spawnSync } from 'node:child_process'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url)).replace(/[\\/]$/, '')
const bin = join(root, 'node_modules', '.bin')

// What the installation says goes to stderr: stdout may be read by a program.
const installed = spawnSync(process.execPath, [join(root, 'dev', 'bootstrap.mjs')], { stdio: ['ignore', 2, 2] })
if (installed.status !== 0) process.exit(2)

const windows = process.platform === 'win32'
const node = join(root, 'node_modules', 'node', 'bin', windows ? 'node.exe' : 'node')
const { status, error } = spawnSync(node, [join(root, 'cli', 'main.ts'), ...process.argv.slice(2)], {
  stdio: 'inherit',
  env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` },
})
if (error) process.stderr.write(`${error.message}\n`)
process.exitCode = status ?? 2
