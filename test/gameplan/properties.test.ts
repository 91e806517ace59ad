import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ancestorsOf, drawnGraph, type PatchNode, patchNodes, startable } from '../../domain/gameplan/graph.ts'
import { layoutGraph } from '../../domain/gameplan/layout.ts'
import { lintGameplan } from '../../domain/gameplan/lint.ts'
import { toMermaid } from '../../domain/gameplan/mermaid.ts'
import { PATCH_CLASSES } from '../../domain/gameplan/model.ts'
import { parseGameplan, printGameplan } from '../../domain/gameplan/parse.ts'
import { toSvg } from '../../domain/gameplan/svg.ts'
import { CLEAN, CORPUS, TEMPLATE } from './corpus.ts'

const PIECES = [
  ...[
    '\n',
    '\r\n',
    '\r',
    '\t',
    ' ',
    '# ',
    '## ',
    '### ',
    '- ',
    '> ',
    '1. ',
    '```',
    '~~~',
    '| ',
    ' |',
    '|--|',
    '[ ]',
    '[x]',
    '[',
    ']',
  ],
  ...[
    '<!--',
    '-->',
    '{',
    '}',
    '\\',
    '`',
    '**',
    '->',
    '→',
    'Patch ',
    '3a',
    '07',
    '[INFRA]',
    '[GATED]: ',
    'Gameplan: ',
    '\uFEFF',
    '\0',
  ],
  ...[
    'Test Map',
    'Dependency Graph',
    'Patches',
    'Feature Flagging Strategy',
    'Flag Name: ',
    'Introduced: ',
    'X of Y patches are ',
  ],
  ...[
    '| Test Name | File | Stub Patch | Impl Patch |\n|--|--|--|--|\n',
    'it.skip("a", () => {',
    '// PENDING: Patch ',
    '\u{1F6A6}',
    '\uD800',
    '----\n',
  ],
]
const soup = fc
  .array(fc.oneof(fc.constantFrom(...PIECES), fc.string({ maxLength: 4 })), { maxLength: 80 })
  .map((parts) => parts.join(''))

const DOCUMENTS = [CLEAN, TEMPLATE, ...CORPUS.map(({ text }) => text).filter(({ length }) => length < 20_000)]
/** A document with parts taken out, doubled, and others put in. */
const mutated = fc
  .tuple(
    fc.constantFrom(...DOCUMENTS),
    fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(40), fc.oneof(soup, fc.constant(''))), {
      maxLength: 6,
    }),
  )
  .map(([text, cuts]) =>
    cuts.reduce((now, [share, length, instead]) => {
      const at = Math.floor(share * now.length)
      return now.slice(0, at) + instead + now.slice(at + length)
    }, text),
  )

function holds(text: string): void {
  const plan = parseGameplan(text)
  expect(printGameplan(plan)).toBe(text)
  const lines = text.split(/\r\n|\r|\n/)
  const { findings } = lintGameplan(plan)
  for (const { range, message, hint } of findings) {
    for (const { line, column, offset } of [range.start, range.end]) {
      expect(column - 1).toBeLessThanOrEqual((lines[line - 1] ?? expect.fail()).length + 1)
      expect(offset).toBeLessThanOrEqual(text.length)
    }
    expect(range.start.offset).toBeLessThanOrEqual(range.end.offset)
    expect(message && hint).toBeTruthy()
  }
  const graph = drawnGraph(patchNodes(plan))
  expect(toSvg(graph)).toContain('</svg>')
  expect(toMermaid(graph)).toContain('flowchart')
}

it('any text is read without an exception, and given back byte for byte', () => {
  fc.assert(fc.property(fc.oneof(soup, fc.string({ unit: 'binary', maxLength: 200 })), holds), { numRuns: 300 })
})

it('any mutation of a gameplan is read without an exception, and given back byte for byte', () => {
  fc.assert(fc.property(mutated, holds), { numRuns: 150 })
})

it('what is nested deeper than a stack is read', () => {
  for (const nested of ['> ', '- ', '[', '*', '**a ', '<!--']) holds(nested.repeat(1_500))
})

/** Patches that depend on earlier ones, in any order of the document. */
const acyclic = fc
  .tuple(fc.nat(8), fc.array(fc.tuple(fc.nat(7), fc.nat(7)), { maxLength: 20 }), fc.infiniteStream(fc.nat()))
  .map(([size, edges, order]) => {
    const nodes: PatchNode[] = Array.from({ length: size }, (_, index) => ({
      id: String(index),
      class: [...PATCH_CLASSES, null][(order.next().value ?? 0) % 4] ?? null,
      title: null,
      dependencies: [
        ...new Set(edges.flatMap(([from, to]) => (to === index && from < to && from < size ? [String(from)] : []))),
      ],
    }))
    return nodes
      .map((node) => ({ node, at: order.next().value ?? 0 }))
      .sort((a, b) => a.at - b.at)
      .map(({ node }) => node)
  })

/** Every chain of patches that wait for each other, found by trying. */
function chains(nodes: PatchNode[], from?: string): string[][] {
  const next = nodes.filter(({ dependencies }) => from === undefined || dependencies.includes(from))
  return next.flatMap(({ id }) => [[id], ...chains(nodes, id).map((chain) => [id, ...chain])])
}

it('layers and the critical path are those of a search through all chains', () => {
  fc.assert(
    fc.property(acyclic, (nodes) => {
      const all = chains(nodes)
      const graph = drawnGraph(nodes)
      const longest = (id: string) =>
        Math.max(0, ...all.filter((chain) => chain.at(-1) === id).map(({ length }) => length))
      const layers = nodes.map(({ id }) => [id, longest(id) - 1])
      expect(graph.patches.map(({ id, layer }) => [id, layer])).toEqual(layers)
      expect(graph.layers.flatMap((ids, layer) => ids.map((id) => [id, layer])).sort()).toEqual(layers.sort())
      const length = Math.max(0, ...all.map((chain) => chain.length))
      const best = all.filter((chain) => chain.length === length)
      const rank = (chain: string[]) =>
        chain.map((id) => String(nodes.findIndex((node) => node.id === id)).padStart(2, '0')).join()
      expect(graph.criticalPath).toEqual(best.sort((a, b) => rank(a).localeCompare(rank(b)))[0] ?? [])
      expect(graph.cyclic).toEqual([])
      const safe = new Set(nodes.filter((node) => node.class === 'INFRA' || node.class === 'GATED').map(({ id }) => id))
      expect(graph.safeCount).toBe(safe.size)
      for (const { id, early } of graph.patches) {
        expect(early).toBe(all.every((chain) => chain.at(-1) !== id || chain.every((one) => safe.has(one))))
      }
      expect([...(ancestorsOf(nodes).get('5') ?? [])].sort()).toEqual(
        [...new Set(all.filter((chain) => chain.at(-1) === '5').flatMap((chain) => chain.slice(0, -1)))].sort(),
      )
    }),
    { numRuns: 400 },
  )
})

it('merging what can start, in any order, merges everything, and nothing before what it waits for', () => {
  fc.assert(
    fc.property(acyclic, fc.infiniteStream(fc.nat()), (nodes, choices) => {
      const merged = new Set<string>()
      for (let ready = startable(nodes, merged); ready.length > 0; ready = startable(nodes, merged)) {
        const id = ready[(choices.next().value ?? 0) % ready.length] as string
        const { dependencies } = nodes.find((node) => node.id === id) ?? expect.fail()
        expect(dependencies.filter((other) => !merged.has(other))).toEqual([])
        merged.add(id)
      }
      expect(merged.size).toBe(nodes.length)
    }),
  )
})

it('a circle, and what waits for it, never starts; the rest is laid out all the same', () => {
  fc.assert(
    fc.property(acyclic, (nodes) => {
      const circle: PatchNode[] = [
        { id: 'a', class: null, title: null, dependencies: ['b'] },
        { id: 'b', class: null, title: null, dependencies: ['a', ...nodes.slice(0, 1).map(({ id }) => id)] },
        { id: 'c', class: 'INFRA', title: null, dependencies: ['b'] },
      ]
      const graph = drawnGraph([...nodes, ...circle])
      expect(graph.cyclic).toEqual(['a', 'b', 'c'])
      expect(graph.layers).toEqual(drawnGraph(nodes).layers)
    }),
  )
})

it('no box lies on another, every line goes from left to right, and ends at its boxes', () => {
  fc.assert(
    fc.property(acyclic, (nodes) => {
      const graph = drawnGraph(nodes)
      const { boxes, lines, width, height } = layoutGraph(graph)
      expect(boxes.map(({ patch }) => patch.id).sort()).toEqual(nodes.map(({ id }) => id).sort())
      for (const [index, one] of boxes.entries()) {
        expect(one.x >= 0 && one.y >= 0 && one.x < width && one.y < height).toBe(true)
        for (const other of boxes.slice(index + 1)) {
          expect(Math.abs(one.x - other.x) >= 236 || Math.abs(one.y - other.y) >= 52).toBe(true)
        }
      }
      expect(lines).toHaveLength(nodes.flatMap(({ dependencies }) => dependencies).length)
      const at = new Map(boxes.map(({ patch, x, y }) => [patch.id, { x, y }]))
      for (const { from, to, points } of lines) {
        expect(points.map(({ x }) => x)).toEqual(points.map(({ x }) => x).sort((a, b) => a - b))
        expect(points[0]).toEqual({ x: (at.get(from)?.x ?? 0) + 236, y: (at.get(from)?.y ?? 0) + 26 })
        expect(points.at(-1)).toEqual({ x: at.get(to)?.x, y: (at.get(to)?.y ?? 0) + 26 })
      }
    }),
  )
})
