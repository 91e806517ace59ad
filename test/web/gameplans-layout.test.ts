import { expect, it } from 'vitest'
import { drawnGraph, type PatchNode } from '../../domain/gameplan/graph.ts'
import { drawDown, NODE_HEIGHT } from '../../web/src/gameplans/graph-layout.ts'
import { revised } from '../../web/src/gameplans/revised.ts'

const patch = (id: string, ...dependencies: string[]): PatchNode => {
  return { id, class: 'INFRA', title: null, dependencies }
}
const PLAN = drawnGraph([
  patch('1'),
  patch('2', '1'),
  patch('3', '1'),
  patch('3a', '1'),
  patch('4', '2', '3'),
  patch('5', '4', '1'),
])

it('draws each layer beneath the one that it waits for, no node on another, no wider than there is room', () => {
  for (const room of [1_000, 460, 400]) {
    const { nodes, nodeWidth, width, height } = drawDown(PLAN, room)
    expect(width).toBeLessThanOrEqual(room)
    const at = new Map(nodes.map((node) => [node.id, node]))
    for (const { id, dependencies } of PLAN.patches) {
      const node = at.get(id)
      for (const other of dependencies) expect(node?.y).toBeGreaterThanOrEqual((at.get(other)?.y ?? 0) + NODE_HEIGHT)
      const beside = nodes.filter((each) => each.id !== id && each.y === node?.y)
      for (const { x } of beside) expect(Math.abs(x - (node?.x ?? 0))).toBeGreaterThanOrEqual(nodeWidth)
      expect((node?.x ?? 0) + nodeWidth).toBeLessThanOrEqual(width)
      expect((node?.y ?? 0) + NODE_HEIGHT).toBeLessThanOrEqual(height)
    }
  }
})

it('is wider than its room rather than unreadable', () => {
  const many = drawnGraph(Array.from({ length: 12 }, (_, place) => patch(String(place + 1))))
  expect(drawDown(many, 300)).toMatchObject({ nodeWidth: expect.toSatisfy((width: number) => width >= 100) })
  expect(drawDown(many, 300).width).toBeGreaterThan(300)
})

it('leads a way from the foot of a patch to the head of the one that waits for it', () => {
  const { nodes, nodeWidth, ways } = drawDown(PLAN, 1_000)
  const [one, two] = ['1', '2'].map((id) => nodes.find((node) => node.id === id))
  const way = ways.find(({ from, to }) => from === '1' && to === '2')
  expect(way).toMatchObject({ critical: true })
  const numbers = (way?.path.match(/[\d.]+/g) ?? []).map(Number)
  expect(numbers.slice(0, 2)).toEqual([(one?.x ?? 0) + nodeWidth / 2, (one?.y ?? 0) + NODE_HEIGHT])
  expect(numbers.slice(-2)).toEqual([(two?.x ?? 0) + nodeWidth / 2, two?.y])
})

it('names what a revision changes for patches and flag, however ids are written', () => {
  const flag = { key: 'a', introduced: '1', activated: '3' }
  const before = { patches: [patch('1'), patch('3A', '1')], flag }
  expect(revised(before, { patches: [patch('1'), patch('3a', '01')], flag })).toEqual({ before: {}, after: {} })
  expect(revised(before, { patches: [patch('1'), patch('4', '1')], flag: { ...flag, activated: '4' } })).toEqual({
    before: { 'Patch 3a': { title: null, class: 'INFRA', waitsFor: '1' }, flag },
    after: { 'Patch 4': { title: null, class: 'INFRA', waitsFor: '1' }, flag: { ...flag, activated: '4' } },
  })
})
