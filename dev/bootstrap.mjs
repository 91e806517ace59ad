// Runs before `npm start` and `npm test` under whatever Node is there, so: plain JavaScript, no packages.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const OLDEST_NODE = 20
const root = fileURLToPath(new URL('..', import.meta.url)).replace(/[\\/]$/, '')
const stampFile = join(root, 'node_modules', '.interlock-installed')

if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
  fail(`Interlock needs Node ${OLDEST_NODE} or newer to begin with; this is ${process.version}.`)
}
if (!isInstalled()) {
  const unlock = lock()
  try {
    // Another npm start or npm test may have installed everything while this one waited.
    if (!isInstalled()) install()
  } finally {
    unlock()
  }
}

/** True when what is in node_modules is what package-lock.json says. */
function isInstalled() {
  const sum = lockSum()
  const stamp = read(stampFile)
  if (stamp !== null) return stamp.trim() === sum
  if (!matchesHiddenLock()) return false
  writeFileSync(stampFile, `${sum}\n`)
  return true
}

/** Without our stamp, somebody may have run npm themselves: npm keeps its own list of what it installed. */
function matchesHiddenLock() {
  const hidden = read(join(root, 'node_modules', '.package-lock.json'))
  if (hidden === null) return false
  try {
    const installed = JSON.parse(hidden).packages
    const wanted = JSON.parse(read(join(root, 'package-lock.json'))).packages
    delete wanted['']
    return (
      Object.entries(installed).every(([path, { version }]) => wanted[path]?.version === version) &&
      Object.entries(wanted).every(([path, { optional }]) => optional || path in installed)
    )
  } catch {
    return false
  }
}

function install() {
  process.stdout.write('Installing packages (once, about a minute)…\n')
  // npm must not run on the very node that it is about to replace in node_modules.
  const path = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((entry) => !entry.startsWith(join(root, 'node_modules')))
  const result = spawnSync('npm', ['ci', '--loglevel=error', '--no-audit', '--no-fund'], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, PATH: path.join(delimiter) },
    shell: process.platform === 'win32',
  })
  if (result.error) fail(`npm ci could not be run: ${result.error.message}`)
  if (result.status !== 0) fail(`npm ci failed (${result.signal ?? `code ${result.status}`}); its output is above.`)
  const node = join(root, 'node_modules', '.bin', process.platform === 'win32' ? 'node.cmd' : 'node')
  if (!existsSync(node)) {
    fail('npm ci left no node in node_modules/.bin. Are install scripts switched off (npm config get ignore-scripts)?')
  }
  writeFileSync(stampFile, `${lockSum()}\n`)
}

/** Waits for another installation in this directory; returns what ends this one. */
function lock() {
  const file = join(tmpdir(), `interlock-install-${createHash('sha256').update(root).digest('hex').slice(0, 16)}`)
  for (let told = false; ; told = true) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' })
      const unlock = () => rmSync(file, { force: true })
      process.once('exit', unlock)
      return unlock
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    const holder = Number(read(file))
    if (holder > 0 && !isAlive(holder)) rmSync(file, { force: true })
    else if (!told) process.stdout.write('Packages are being installed by another process; waiting for it…\n')
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function lockSum() {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
}

function read(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}

function fail(message) {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}
