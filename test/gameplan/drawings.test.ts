import { describe, expect, it } from 'vitest'
import { drawnGraph, type PatchNode, patchNodes } from '../../domain/gameplan/graph.ts'
import { toMermaid } from '../../domain/gameplan/mermaid.ts'
import { parseGameplan } from '../../domain/gameplan/parse.ts'
import { toSvg } from '../../domain/gameplan/svg.ts'
import { CLEAN } from './corpus.ts'

const graph = drawnGraph(patchNodes(parseGameplan(CLEAN)))

function titled(title: string): PatchNode[] {
  return [{ id: '1', class: 'INFRA', title, dependencies: [] }]
}

it('says what goes in parallel, what is critical and what is safe', () => {
  expect(graph.layers).toEqual([['1', '2', '3'], ['3a'], ['4'], ['5'], ['6']])
  expect(graph.criticalPath).toEqual(['1', '3a', '4', '5', '6'])
  expect(graph.safeCount).toBe(5)
  expect(graph.patches.filter(({ early }) => early).map(({ id }) => id)).toEqual(['1', '2', '3', '3a', '4'])
})

it('keeps apart what is safe, and what can ship before anything changes', () => {
  const late = drawnGraph([
    { id: '1', class: 'BEHAVIOR', title: null, dependencies: [] },
    { id: '2', class: 'INFRA', title: null, dependencies: ['1'] },
  ])
  expect(late.patches[1]).toMatchObject({ safe: true, early: false })
})

describe('Mermaid', () => {
  it('has every patch with its class and every dependency, the critical ones thick', () => {
    const lines = toMermaid(graph).split('\n')
    expect(lines[0]).toBe('flowchart LR')
    expect(lines).toContain('  p3["Patch 3a [GATED]<br/>Read with a cursor"]:::gated')
    expect(lines.filter((line) => /==>|-->/.test(line)).map((line) => line.trim())).toEqual([
      ...['p0 ==> p3', 'p1 --> p3', 'p2 --> p3', 'p3 ==> p4', 'p1 --> p5', 'p4 ==> p5', 'p5 ==> p6'],
    ])
    expect(lines).toContain('  class p0,p3,p4,p5,p6 critical')
  })

  it('lets no title out of its box', () => {
    const text = toMermaid(drawnGraph(titled('a"]; click x "javascript:alert(1)" <b>`*#\n%%')))
    expect(text).toContain('a#34;]#59; click x #34;javascript:alert(1)#34; #60;b#62;#96;#42;#35;#10;#37;#37;"]:::infra')
  })
})

describe('SVG', () => {
  it('has every patch, its class in words, and a line for every dependency', () => {
    const svg = toSvg(graph)
    for (const { id, class: given, title } of graph.patches) {
      expect(svg).toContain(`<title>Patch ${id} [${given}]: ${title}</title>`)
    }
    expect(svg.match(/marker-end="url\(#arrow-critical\)"/g)).toHaveLength(4)
    expect(svg.match(/marker-end="url\(#arrow\)"/g)).toHaveLength(3)
    expect(svg).toContain('Critical path: 1 → 3a → 4 → 5 → 6')
    expect(svg).toContain('5 of 7 patches are [INFRA] or [GATED]')
    expect(svg).toContain('prefers-color-scheme: dark')
  })

  it('has a title as text, whatever is in it, and shortens what does not fit', () => {
    const svg = toSvg(drawnGraph(titled('<script>alert("1")</script> & \0\uD800 more')))
    expect(svg).not.toMatch(/<script|\0|\uD800/)
    expect(svg).toContain(
      '<title>Patch 1 [INFRA]: &lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; \uFFFD\uFFFD more</title>',
    )
    expect(toSvg(drawnGraph(titled('發'.repeat(40))))).toContain(`>${'發'.repeat(16)}…<`)
  })

  it('names the patches that never start', () => {
    const circle = ['a', 'b'].map(
      (id): PatchNode => ({ id, class: null, title: null, dependencies: [id === 'a' ? 'b' : 'a'] }),
    )
    expect(toSvg(drawnGraph([...titled('x'), ...circle]))).toContain('never start: a, b')
  })
})
