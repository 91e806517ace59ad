import { readdir, readFile, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, gzip } from 'node:zlib'
import react from '@vitejs/plugin-react'
import { defineConfig, type Plugin } from 'vite'
import { NONCE } from '../api/web.ts'

export default defineConfig({
  root: import.meta.dirname,
  base: '/admin/',
  plugins: [react(), compress()],
  html: { cspNonce: NONCE },
  build: {
    emptyOutDir: true,
    // The first that know light-dark(); rewritten for older ones, it has no colour in what is written in a module.
    cssTarget: ['chrome123', 'edge123', 'firefox120', 'safari17.5'],
    // The Content-Security-Policy allows no data but of images.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    // In bytes of a thousand, not compressed; a test limits what is sent.
    chunkSizeWarningLimit: 1_000,
  },
})

/** Each file a third and a fourth time, compressed once instead of at every request. */
function compress(): Plugin {
  let assets = ''
  return {
    name: 'compress',
    configResolved: ({ root, build }) => {
      assets = resolve(root, build.outDir, build.assetsDir)
    },
    // Not closeBundle, which a build that fails ends with as well, and would say that there are no files.
    writeBundle: async () => {
      const names = (await readdir(assets)).filter((name) => /\.(js|css|svg)$/.test(name))
      await Promise.all(
        names.map(async (name) => {
          const file = resolve(assets, name)
          const content = await readFile(file)
          await writeFile(`${file}.gz`, await promisify(gzip)(content, { level: 9 }))
          await writeFile(`${file}.br`, await promisify(brotliCompress)(content))
        }),
      )
    },
  }
}
