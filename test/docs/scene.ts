import { expect, it } from 'vitest'
import type { NodePart } from '../helpers/parts.ts'
import type { Servers } from '../helpers/processes.ts'
import type { Product } from './product.ts'
import type { Runbook, Section } from './runbook.ts'

/** What the scenarios of a runbook work with; its parts are there once the file's `beforeAll` has run. */
export interface Scene {
  servers: Servers
  product: Product
  worker: NodePart
  book: Runbook
}

/** How long is waited for what Temporal shows, or heals, in the background. */
export const WITHIN = { timeout: 20_000, interval: 100 }

/** A test of one section of the runbook: it fails when it leaves a command of the section out. */
export function scenario(scene: Scene, heading: string, work: (section: Section) => Promise<void>): void {
  it(heading, { timeout: 60_000 }, async () => {
    const section = scene.book.section(heading)
    await work(section)
    expect(section.left()).toEqual([])
  })
}
