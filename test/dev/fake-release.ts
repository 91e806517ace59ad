import { createHash } from 'node:crypto'
import { chmod, mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { crc32, gzipSync } from 'node:zlib'
import { TEMPORAL_CLI_VERSION } from '../../dev/temporal-cli.ts'

/** Bytes of an executable that says that it is the Temporal CLI of this version. */
export function fakeCli(version = TEMPORAL_CLI_VERSION, note = ''): Buffer {
  return Buffer.from(`#!/bin/sh\n# ${note}\necho "temporal version ${version} (Server 1.31.2, UI 2.50.1)"\n`)
}

/** A `.tar.gz` with a directory, a licence and one executable, in that order, as the official one has them. */
export function tarGz(name: string, content: Buffer): Buffer {
  const parts = [tarEntry('release/', Buffer.alloc(0), '5'), tarEntry('LICENSE', Buffer.from('free\n'), '0')]
  return gzipSync(Buffer.concat([...parts, tarEntry(name, content, '0'), Buffer.alloc(1024)]))
}

function tarEntry(name: string, content: Buffer, type: string): Buffer {
  const header = Buffer.alloc(512)
  header.write(name, 0)
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124)
  header.write(type, 156)
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512)])
}

/** A zip with one stored file. */
export function zip(path: string, content: Buffer): Buffer {
  const name = Buffer.from(path)
  const common = Buffer.alloc(26)
  common.writeUInt32LE(crc32(content), 10)
  common.writeUInt32LE(content.length, 14)
  common.writeUInt32LE(content.length, 18)
  common.writeUInt16LE(name.length, 22)
  const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, name, content])
  const central = Buffer.concat([Buffer.from('PK\x01\x02\x14\0'), common, Buffer.alloc(14), name])
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06')
  end.writeUInt16LE(1, 8)
  end.writeUInt16LE(1, 10)
  end.writeUInt32LE(central.length, 12)
  end.writeUInt32LE(local.length, 16)
  return Buffer.concat([local, central, end])
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** A new directory under the system's temporary one. */
export function temporaryDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'interlock-test-'))
}

/** Writes an executable; its directory is made. */
export async function executable(path: string, content: Buffer | string): Promise<string> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, content)
  await chmod(path, 0o755)
  return path
}
