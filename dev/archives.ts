import { gunzipSync, inflateRawSync } from 'node:zlib'

/**
 * Reads one regular file out of a `.tar.gz` held in memory, by its base name.
 *
 * Written here so that a bare machine needs neither `tar` nor `unzip`.
 * @returns the file's bytes
 * @throws when the archive is damaged or has no such file
 */
export function readTarGzMember(archive: Buffer, name: string): Buffer {
  const tar = gunzipSync(archive)
  for (let offset = 0; offset + 512 <= tar.length; ) {
    const header = tar.subarray(offset, offset + 512)
    const path = text(header.subarray(0, 100))
    if (path === '') break
    const size = Number.parseInt(text(header.subarray(124, 136)).trim() || '0', 8)
    const body = offset + 512
    const isFile = header[156] === 0 || header[156] === 0x30
    if (isFile && path.split('/').at(-1) === name) {
      if (body + size > tar.length) throw new Error(`the archive ends in the middle of ${path}`)
      return tar.subarray(body, body + size)
    }
    offset = body + Math.ceil(size / 512) * 512
  }
  throw new Error(`the archive has no file ${name}`)
}

/**
 * Reads one file out of a zip (a Python wheel is one) held in memory, by its full path.
 * @returns the file's bytes
 * @throws when the archive is damaged, has no such file, or uses a method other than stored and deflate
 */
export function readZipMember(archive: Buffer, path: string): Buffer {
  const end = archive.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]))
  if (end < 0) throw new Error('not a zip archive')
  let entry = archive.readUInt32LE(end + 16)
  for (let left = archive.readUInt16LE(end + 10); left > 0; left--) {
    const nameLength = archive.readUInt16LE(entry + 28)
    const name = archive.toString('utf8', entry + 46, entry + 46 + nameLength)
    if (name === path) {
      const method = archive.readUInt16LE(entry + 10)
      const compressedSize = archive.readUInt32LE(entry + 20)
      const local = archive.readUInt32LE(entry + 42)
      const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28)
      const data = archive.subarray(start, start + compressedSize)
      if (method === 0) return data
      if (method === 8) return inflateRawSync(data)
      throw new Error(`${path} is compressed with the unknown method ${method}`)
    }
    entry += 46 + nameLength + archive.readUInt16LE(entry + 30) + archive.readUInt16LE(entry + 32)
  }
  throw new Error(`the archive has no file ${path}`)
}

function text(field: Buffer): string {
  const zero = field.indexOf(0)
  return field.toString('utf8', 0, zero < 0 ? field.length : zero)
}
